//! XML: what SDKs read, and that no text of a caller becomes an element.

use super::response::{caller_identity, credentials, instant};
use super::*;

#[test]
fn the_exchange_is_answered_as_the_model_says() {
    let credentials_given = sealed(&tenant("1"));
    let jwt = "e30.eyJpc3MiOiJodHRwczovL2kiLCJhdWQiOlsiYSIsImIiXX0.c2ln";
    let told = WebIdentity::of_verified(jwt);
    let xml = credentials(&credentials_given, &assumed(), "<me> & you", &told, "id");
    for part in [
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA",
        "<Expiration>2027-01-15T09:00:00Z</Expiration>",
        "<SubjectFromWebIdentityToken>&lt;me&gt; &amp; you</SubjectFromWebIdentityToken>",
        ":me@work</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/tenant-role/me@work",
        "<Provider>https://i</Provider><Audience>a</Audience>",
        "</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>id</RequestId>",
    ] {
        assert!(xml.contains(part), "{part} is not in {xml}");
    }
}

#[test]
fn what_is_not_known_is_not_told() {
    for jwt in ["", "a.b.c", "e30.e30.e30", "e30.eyJpc3MiOjEsImF1ZCI6Mn0.x"] {
        let told = WebIdentity::of_verified(jwt);
        assert!(told.issuer.is_none() && told.audience.is_none(), "{jwt}");
        let xml = credentials(&sealed(&tenant("1")), &assumed(), "", &told, "id");
        for absent in ["Subject", "Provider", "Audience"] {
            assert!(!xml.contains(absent), "{xml}");
        }
    }
}

#[test]
fn text_stays_text() {
    let hostile = "</Arn><Arn>&lt;\"'\u{0}\u{1b}\u{ffff}\r\n]]>";
    let xml = caller_identity(hostile, "u", "a", "id");
    assert_eq!(xml.matches("<Arn>").count(), 1, "{xml}");
    let expected = "<Arn>&lt;/Arn&gt;&lt;Arn&gt;&amp;lt;&quot;&apos;\u{fffd}\u{fffd}\u{fffd}&#13;\n\
                    ]]&gt;</Arn>";
    assert!(xml.contains(expected), "{xml}");
}

#[test]
fn faults() {
    for code in Code::ALL {
        assert!((400..=500).contains(&code.status()), "{code:?}");
        let xml = Fault::new(*code, "it & that").xml("id");
        let blame = if code.status() == 500 { "Receiver" } else { "Sender" };
        let expected = format!(
            "<Error><Type>{blame}</Type><Code>{}</Code><Message>it &amp; that</Message></Error>\
             <RequestId>id</RequestId></ErrorResponse>",
            code.name()
        );
        assert!(xml.contains(&expected), "{xml}");
    }
}

#[test]
fn instants() {
    for (unix_s, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_800_000_000, "2027-01-15T08:00:00Z"),
        (u64::MAX, "9999-12-30T22:00:00.999999999Z"),
    ] {
        assert_eq!(instant(unix_s), text);
    }
}
