//! The answers, as XML: the elements of the service model in its order.

use jiff::Timestamp;

use super::{AssumedRole, TemporaryCredentials, WebIdentity, xml};

/// Answers `AssumeRoleWithWebIdentity`. `subject` may be empty, when the JWT names nobody.
pub fn credentials(
    credentials: &TemporaryCredentials,
    assumed: &AssumedRole,
    subject: &str,
    web_identity: &WebIdentity,
    request_id: &str,
) -> String {
    let mut result = String::with_capacity(2048);
    result.push_str("<Credentials>");
    xml::element(&mut result, "AccessKeyId", &credentials.access_key_id);
    xml::element(&mut result, "SecretAccessKey", credentials.secret_access_key.expose());
    xml::element(&mut result, "SessionToken", &credentials.session_token);
    xml::element(&mut result, "Expiration", &instant(credentials.expires_at));
    result.push_str("</Credentials>");
    if !subject.is_empty() {
        xml::element(&mut result, "SubjectFromWebIdentityToken", subject);
    }
    result.push_str("<AssumedRoleUser>");
    xml::element(&mut result, "AssumedRoleId", &assumed.user_id());
    xml::element(&mut result, "Arn", &assumed.arn());
    result.push_str("</AssumedRoleUser>");
    let told = [("Provider", &web_identity.issuer), ("Audience", &web_identity.audience)];
    for (name, text) in told {
        if let Some(text) = text {
            xml::element(&mut result, name, text);
        }
    }
    wrap("AssumeRoleWithWebIdentity", &result, request_id)
}

/// Answers `GetCallerIdentity`.
pub fn caller_identity(arn: &str, user_id: &str, account: &str, request_id: &str) -> String {
    let mut result = String::new();
    xml::element(&mut result, "Arn", arn);
    xml::element(&mut result, "UserId", user_id);
    xml::element(&mut result, "Account", account);
    wrap("GetCallerIdentity", &result, request_id)
}

/// A Unix second as ISO 8601 in UTC, which is what SDKs read.
pub fn instant(unix_s: u64) -> String {
    let seconds = i64::try_from(unix_s).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}

fn wrap(call: &str, result: &str, request_id: &str) -> String {
    let namespace = xml::NAMESPACE;
    let mut id = String::new();
    xml::element(&mut id, "RequestId", request_id);
    format!(
        "<{call}Response xmlns=\"{namespace}\"><{call}Result>{result}</{call}Result>\
         <ResponseMetadata>{id}</ResponseMetadata></{call}Response>\n"
    )
}
