//! Answers in the form AWS's SDKs read.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use rowhouse_data_api::fault::Fault;

/// What every answer of AWS's services carries.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with a body.
pub fn success(request_id: &str, body: Bytes) -> Response<Full<Bytes>> {
    with_headers(StatusCode::OK, request_id, body)
}

/// A fault: SDKs take its name from the header, and from the body where a proxy has lost the
/// header.
pub fn failure(request_id: &str, fault: &Fault) -> Response<Full<Bytes>> {
    let status =
        StatusCode::from_u16(fault.exception.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_headers(status, request_id, Bytes::from(fault.body()));
    let name = HeaderValue::from_static(fault.exception.name());
    response.headers_mut().insert(ERROR_TYPE, name);
    response
}

fn with_headers(status: StatusCode, request_id: &str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}
