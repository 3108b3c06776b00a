//! Forms: what SDKs send, and what they never would.

use proptest::prelude::*;

use super::*;

const GOOD: &str = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15\
                    &RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Ftenant\
                    &RoleSessionName=me%40work&WebIdentityToken=a.b.c";

fn refused(body: impl AsRef<[u8]>) -> (Code, String) {
    let fault = Call::parse(body.as_ref()).unwrap_err();
    (fault.code, fault.message)
}

#[test]
fn as_botocore_sends_them() {
    let Call::AssumeRoleWithWebIdentity(call) = Call::parse(GOOD.as_bytes()).unwrap() else {
        panic!("another call");
    };
    assert_eq!(call.role_arn.as_str(), "arn:aws:iam::123456789012:role/tenant");
    assert_eq!(call.web_identity_token.expose(), "a.b.c");
    assert_eq!(call.duration_s, None);
    let assumed = call.role_arn.assumed_as(&call.session_name);
    assert_eq!(assumed.arn(), "arn:aws:sts::123456789012:assumed-role/tenant/me@work");
    assert_eq!(assumed.account(), "123456789012");
    let id = assumed.user_id();
    assert!(id.starts_with("AROA") && id.len() == 21 + ":me@work".len(), "{id}");

    let body = GOOD.replace("a.b.c", "a.b.c%0A");
    let Call::AssumeRoleWithWebIdentity(call) = Call::parse(body.as_bytes()).unwrap() else {
        panic!("another call");
    };
    assert_eq!(call.web_identity_token.expose(), "a.b.c");

    let call = Call::parse(b"Action=GetCallerIdentity&Version=2011-06-15").unwrap();
    assert_eq!(call.name(), "GetCallerIdentity");
    // curl -d @file and others end with a line break.
    assert!(Call::parse(b"Version=2011-06-15&Action=GetCallerIdentity\r\n").is_ok());
}

#[test]
fn bad_forms() {
    let many: String = (0..65).map(|n| format!("p{n}=1&")).collect();
    for body in [
        "Action=%".as_bytes(),
        b"Action=%4",
        b"Action=%GG",
        b"Action=%+1",
        b"Action=%ff",
        b"Action=\xff",
        b"Action=GetCallerIdentity&Action=GetCallerIdentity",
        b"Action=GetCallerIdentity&%41ction=AssumeRoleWithWebIdentity",
        b"a=1&b=2&a=",
        many.as_bytes(),
    ] {
        let (code, message) = refused(body);
        assert_eq!(code, Code::MalformedQueryString, "{message}");
    }
    for body in ["", "&", "&&&", "Version=2011-06-15", "Action=", "action=GetCallerIdentity", "{}"]
    {
        assert_eq!(refused(body).0, Code::MissingAction, "{body}");
    }
}

#[test]
fn other_calls() {
    for body in [
        "Action=GetCallerIdentity",
        "Action=GetCallerIdentity&Version=2010-01-01",
        "Action=getcalleridentity&Version=2011-06-15",
        "Action=AssumeRole&Version=2011-06-15",
        "Action=GetSessionToken&Version=2011-06-15",
    ] {
        assert_eq!(refused(body).0, Code::InvalidAction, "{body}");
    }
    let (_, message) = refused(format!("Action=%3Cx%3E%0a{}&Version=1", "x".repeat(500)));
    assert!(message.contains("<x>\\nxxx") && message.len() < 300, "{message}");
}

#[test]
fn bad_parameters() {
    let without = |name: &str| {
        let kept = GOOD.split('&').filter(|pair| !pair.starts_with(name));
        kept.collect::<Vec<_>>().join("&")
    };
    let with = |name: &str, value: &str| format!("{}&{name}={value}", without(&format!("{name}=")));
    for (body, told) in [
        (without("RoleArn"), "'roleArn' failed"),
        (without("RoleSessionName"), "'roleSessionName' failed"),
        (without("WebIdentityToken"), "'webIdentityToken' failed"),
        (with("WebIdentityToken", ""), "'webIdentityToken' failed"),
        (with("RoleSessionName", "x"), "session name"),
        (with("RoleSessionName", &"x".repeat(65)), "session name"),
        (with("RoleSessionName", "%3C%2FArn%3E"), "session name"),
        (with("RoleSessionName", "a%00b"), "session name"),
        (with("RoleSessionName", "a+b"), "session name"),
        (with("RoleSessionName", "%C3%BCber"), "session name"),
        (with("RoleArn", "tenant"), "ARN of a role"),
        (with("RoleArn", "arn:aws:iam::123456789012:user/x"), "ARN of a role"),
        (with("RoleArn", "arn:aws:iam::12345678901:role/x"), "ARN of a role"),
        (with("RoleArn", "arn:aws:iam::123456789012:role/"), "ARN of a role"),
        (with("RoleArn", "arn:aws:iam::123456789012:role/%0a"), "ARN of a role"),
        (with("RoleArn", "arn:xaws:iam::123456789012:role/x"), "ARN of a role"),
        (with("DurationSeconds", ""), "from 900 to 43200"),
        (with("DurationSeconds", "899"), "from 900 to 43200"),
        (with("DurationSeconds", "43201"), "from 900 to 43200"),
        (with("DurationSeconds", "-900"), "from 900 to 43200"),
        (with("DurationSeconds", "%2B900"), "from 900 to 43200"),
        (with("DurationSeconds", "900.5"), "from 900 to 43200"),
        (with("DurationSeconds", "99999999999999999999"), "from 900 to 43200"),
        (with("Policy", "{}"), "Session policies"),
        (with("PolicyArns.member.1.arn", "arn"), "Session policies"),
        (with("PolicyArns.member.2.arn", "arn"), "PolicyArns.member.2.arn is not supported"),
        (with("ProviderId", "www.amazon.com"), "ProviderId"),
        (with("Tags.member.1.Key", "x"), "Tags.member.1.Key is not supported"),
    ] {
        let (code, message) = refused(&body);
        assert!(code == Code::Validation && message.contains(told), "{body}: {message}");
    }
    for seconds in ["900", "43200", "0900"] {
        assert!(Call::parse(with("DurationSeconds", seconds).as_bytes()).is_ok());
    }
}

proptest! {
    #[test]
    fn no_form_breaks_it(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Call::parse(&body);
    }

    #[test]
    fn no_value_becomes_another(value in "[!-~]\\PC{0,40}[!-~]") {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = format!("{GOOD}&DurationSeconds=900").replace("a.b.c", &encoded);
        let Call::AssumeRoleWithWebIdentity(call) = Call::parse(body.as_bytes()).unwrap() else {
            panic!("another call");
        };
        prop_assert_eq!(call.web_identity_token.expose(), value);
    }
}
