//! The Security Token Service at the same door: `POST /` in the query protocol, answered in XML.
//!
//! The form says which call it is, so it is read first, within a small limit of its own; nothing
//! else happens before the token or the signature holds. The form comes in the body only: a token
//! in a URL would be in the log of every proxy.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use rowhouse_tenancy::sts::{
    AssumeRoleWithWebIdentity, Call, Code, Fault, WebIdentity, response as xml,
};

use super::response::REQUEST_ID;
use super::{Report, SESSION_TOKEN, body, header_lines, signed_request};
use crate::error::{Error, Kind};
use crate::identity::{Credential, Exchanged, Service, credential, now_unix};

/// A JWT of 8 KiB, a role's ARN of 2 KiB, and as much again for what percent signs add.
const BODY_BYTES_MAX: usize = 32 * 1024;
/// What comes before the parameters' charset in `Content-Type`.
const FORM: &str = "application/x-www-form-urlencoded";
/// The account of long-lived access keys: the one of `rowhouse dev`, which belongs to nobody.
const ACCOUNT: &str = "000000000000";

/// A refusal: what the caller reads, and what the log does.
struct Refused {
    fault: Fault,
    error: Error,
}

/// Whether a request is for this service.
pub fn is_addressed<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && request.uri().path() == "/"
}

/// One request, from its head to its answer.
pub async fn answer(mut report: Report<'_>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let request_id = report.door.request_ids.next();
    let served = pass(&mut report, request, &request_id).await;
    report.trace.answered = true;
    let (status, body, refused) = match served {
        Ok(body) => (200, body, None),
        Err(refused) => {
            let Refused { fault, error } = *refused;
            (fault.code.status(), fault.xml(&request_id), Some((fault.code, error)))
        }
    };
    let failed = refused.as_ref().map(|(code, error)| (error, code.name()));
    let bytes_out = if failed.is_some() { 0 } else { body.len() };
    report.emit(&request_id, status, failed, bytes_out);
    response(status, &request_id, body)
}

/// Form, identity, call.
async fn pass(
    report: &mut Report<'_>,
    request: Request<Incoming>,
    request_id: &str,
) -> Result<String, Box<Refused>> {
    let (head, incoming) = request.into_parts();
    check_head(&head)?;
    let timeout = report.door.config.http.body_timeout;
    let body = body::read(incoming, BODY_BYTES_MAX, timeout, None).await?;
    report.arrived = Instant::now();
    report.trace.bytes_in = body.len();
    let call = Call::parse(&body)?;
    report.trace.operation = Some(call.name());
    match call {
        Call::AssumeRoleWithWebIdentity(call) => assume(report, &call, request_id).await,
        Call::GetCallerIdentity => tell_caller(report, &head, &body, request_id),
    }
}

fn check_head(head: &Parts) -> Result<(), Fault> {
    let text = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = text.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(FORM) {
        return Err(Fault::new(
            Code::MalformedQueryString,
            format!("Calls of STS are forms: send them as Content-Type: {FORM}"),
        ));
    }
    if head.uri.query().is_some() {
        return Err(Fault::new(
            Code::MalformedQueryString,
            "Send the parameters in the body: what is in a URL is in the log of every proxy",
        ));
    }
    Ok(())
}

/// Exchanges a JWT for temporary credentials of its tenant.
async fn assume(
    report: &mut Report<'_>,
    call: &AssumeRoleWithWebIdentity,
    request_id: &str,
) -> Result<String, Box<Refused>> {
    let (identity, now) = (&report.door.identity, now_unix());
    let token = call.web_identity_token.expose();
    let verified = identity.verified(token, now).await.map_err(Refused::token)?;
    report.trace.principal = Some(verified.principal.clone());
    report.door.session.permit(&verified.principal).map_err(Refused::tenant)?;
    let Exchanged { credentials, assumed } = identity
        .exchange(call, &verified, now)
        .map_err(|(fault, error)| Refused { fault, error })?;
    let subject = verified.principal.subject();
    let told = WebIdentity::of_verified(token);
    Ok(xml::credentials(&credentials, &assumed, subject, &told, request_id))
}

/// Tells a caller who it is, by its signature.
fn tell_caller(
    report: &mut Report<'_>,
    head: &Parts,
    body: &[u8],
    request_id: &str,
) -> Result<String, Box<Refused>> {
    let mut values =
        head.headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).peekable();
    if values.peek().is_none() {
        return Err(Refused::missing().into());
    }
    let Credential::Aws(authorization) = credential(values).map_err(Refused::header)? else {
        return Err(Refused::header(Error::signature("a token where a signature belongs")).into());
    };
    let identity = &report.door.identity;
    let tokens = head.headers.get_all(SESSION_TOKEN).iter().map(HeaderValue::as_bytes);
    let key = identity.claimed_key(&authorization, tokens, now_unix()).map_err(Refused::key)?;
    let headers = header_lines(head);
    let signed = signed_request(head, &headers, body);
    let principal = identity
        .aws(&key, &authorization, &signed, Service::Sts, now_unix())
        .map_err(Refused::key)?;
    report.trace.principal = Some(principal);
    Ok(match key.session() {
        Some(session) => {
            let assumed = session.assumed();
            let (arn, id) = (assumed.arn(), assumed.user_id());
            xml::caller_identity(&arn, &id, assumed.account(), request_id)
        }
        None => {
            let id = authorization.access_key_id();
            let arn = format!("arn:aws:iam::{ACCOUNT}:user/{id}");
            xml::caller_identity(&arn, id, ACCOUNT, request_id)
        }
    })
}

fn response(status: u16, request_id: &str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    // Credentials are for nobody else (RFC 9111, 5.2.2.5).
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

impl Refused {
    fn new(code: Code, message: &str, error: Error) -> Refused {
        Refused { fault: Fault::new(code, message), error }
    }

    /// The JWT of an exchange does not count.
    fn token(error: Error) -> Refused {
        match error.kind() {
            Kind::TokenExpired => {
                let message = "Token expired: fetch a new one from its issuer";
                Refused::new(Code::ExpiredIdentity, message, error)
            }
            Kind::Internal => Refused::new(Code::InternalFailure, "Internal error.", error),
            _ => {
                let message = "The web identity token is missing, invalid or not for this gateway.";
                Refused::new(Code::InvalidIdentityToken, message, error)
            }
        }
    }

    /// The token is good, and its tenant gets nothing.
    fn tenant(error: Error) -> Refused {
        Refused::new(Code::AccessDenied, &error.to_string(), error)
    }

    /// There is no signature.
    fn missing() -> Refused {
        let message = "Request is missing Authentication Token";
        let error = Error::identity("no Authorization header");
        Refused::new(Code::MissingAuthenticationToken, message, error)
    }

    /// The signature cannot be read.
    fn header(error: Error) -> Refused {
        let message = "The Authorization header is not an AWS Signature Version 4";
        Refused::new(Code::IncompleteSignature, message, error)
    }

    /// The key is not there, or has not signed this.
    fn key(error: Error) -> Refused {
        let message = error.to_string();
        let code = match error.kind() {
            Kind::SessionExpired => Code::ExpiredSession,
            Kind::SessionUnknown => Code::InvalidClientTokenId,
            _ => Code::SignatureDoesNotMatch,
        };
        Refused::new(code, &message, error)
    }
}

impl From<Fault> for Box<Refused> {
    /// A request that the service's own rules refuse.
    fn from(fault: Fault) -> Self {
        let error = Error::new(Kind::Invalid, fault.message.clone());
        Box::new(Refused { fault, error })
    }
}

impl From<Error> for Box<Refused> {
    /// A body that did not come, or was too much.
    fn from(error: Error) -> Self {
        let fault = Fault::validation(error.to_string());
        Box::new(Refused { fault, error })
    }
}
