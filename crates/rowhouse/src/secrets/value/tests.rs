//! Secrets as people and AWS write them, and as nobody should.

use super::*;

#[test]
fn good_ones() {
    for (text, role, password) in [
        (r#"{"username":"app","password":"hunter2"}"#, "app", "hunter2"),
        (r#" {"password": "a\"b\\ü", "username": "App User"}"#, "App User", "a\"b\\ü"),
        (
            r#"{"engine":"postgres","host":"h","port":5432,"dbname":"d","username":"u",
                "password":"p","dbInstanceIdentifier":"i","masterarn":null}"#,
            "u",
            "p",
        ),
        (r#"{"engine":"aurora-postgresql","username":"u","password":"p"}"#, "u", "p"),
    ] {
        let value = parse(text).unwrap();
        assert_eq!((value.role.as_str(), value.password.expose()), (role, password));
    }
}

#[test]
fn bad_ones_say_why_and_repeat_nothing() {
    let long = format!(r#"{{"username":"u","password":"{}"}}"#, "hunter2".repeat(10_000));
    for (text, why) in [
        ("", "no JSON object"),
        ("hunter2", "no JSON object"),
        (r#"["u","hunter2"]"#, "no JSON object"),
        (r#"{"username":"u","password":"hunter2""#, "not valid JSON"),
        (r#"{"username":"u","password":"hunter2"} x"#, "not valid JSON"),
        (r#"{"username":"u"}"#, "no password"),
        (r#"{"password":"hunter2"}"#, "no username"),
        (r#"{"username":null,"password":"hunter2"}"#, "no username"),
        (r#"{"username":"u","password":424242}"#, "must be texts"),
        (r#"{"username":["hunter2"],"password":"p"}"#, "must be texts"),
        (r#"{"username":"u","password":"hunter2","password":"q"}"#, "must be texts"),
        (r#"{"username":"u","password":""}"#, "its password"),
        (r#"{"username":"u","password":"hunter2\u0000"}"#, "its password"),
        (r#"{"username":"","password":"hunter2"}"#, "its username"),
        (r#"{"username":"a\u0000b","password":"hunter2"}"#, "its username"),
        (r#"{"username":"none","password":"hunter2"}"#, "its username"),
        (r#"{"engine":"mysql","username":"u","password":"hunter2"}"#, "engine"),
        (&long, "larger"),
    ] {
        let said = parse(text).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("424242"), "{said}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let whole = r#"{"engine":"postgres","username":"u","password":"pä\u0041"}"#;
    assert!(parse(whole).is_ok());
    for (end, _) in whole.char_indices() {
        assert!(parse(&whole[..end]).is_err(), "{end}");
    }
}
