//! Answers in the form AWS's SDKs read.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use rowhouse_data_api::fault::Fault;

use crate::admission::whole_seconds;
use crate::observe::Spent;

/// What every answer of AWS's services carries.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

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

/// When to come again (RFC 9110, 10.2.3): in whole seconds, rounded up.
pub fn retry_after(response: &mut Response<Full<Bytes>>, time: Option<Duration>) {
    let seconds = time.map(|time| whole_seconds(time).max(1));
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Where the time went (W3C Server Timing), in milliseconds: waiting for a connection, in the
/// database, and all of it from the last byte of the request on.
pub fn server_timing(response: &mut Response<Full<Bytes>>, spent: &Spent, total: Duration) {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let text = format!(
        "queue;dur={:.3}, db;dur={:.3}, total;dur={:.3}",
        millis(spent.queue),
        millis(spent.database),
        millis(total)
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
}

/// How the caller stands with its limits.
pub fn rate_limit(response: &mut Response<Full<Bytes>>, policy: &str, state: &str) {
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    }
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
