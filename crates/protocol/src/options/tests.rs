//! Options as people write them, and as attackers do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn options_are_read_as_postgresql_does() {
    let cases: [(&str, &[(&str, &str)]); 15] = [
        ("", &[]),
        ("  \t ", &[]),
        ("-c app.tenant_id=1", &[("app.tenant_id", "1")]),
        ("-capp.tenant_id=1", &[("app.tenant_id", "1")]),
        ("--app.tenant_id=1", &[("app.tenant_id", "1")]),
        ("--app.tenant-id=a-b", &[("app.tenant_id", "a-b")]),
        ("-c app.tenant_id=acme-corp", &[("app.tenant_id", "acme-corp")]),
        ("-c a.b=x-c  -c\nc.d=y", &[("a.b", "x-c"), ("c.d", "y")]),
        ("-c a.b=1=2+3", &[("a.b", "1=2+3")]),
        (r"-c a.b=two\ words", &[("a.b", "two words")]),
        (r"-c a.b=\\", &[("a.b", r"\")]),
        (r"-c a.b=x\", &[("a.b", "x")]),
        (r"-c a.b=1\ -c\ a.b=2", &[("a.b", "1 -c a.b=2")]),
        ("-c a.b=", &[("a.b", "")]),
        ("-c a.b='1'", &[("a.b", "'1'")]),
    ];
    for (options, expected) in cases {
        let found = settings(options).unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|s| (s.name.as_str(), s.value.as_str())).collect();
        assert_eq!(found, expected, "{options:?}");
    }
}

#[test]
fn what_is_not_understood_is_an_error() {
    let unknown = |word: &str| OptionsError::Unknown(word.to_owned());
    let no_value = |word: &str| OptionsError::NoValue(word.to_owned());
    let cases = [
        ("app.tenant_id=1", unknown("app.tenant_id=1")),
        ("-d 5", unknown("-d")),
        ("--", unknown("--")),
        ("-c", no_value("-c")),
        ("-c app.tenant_id", no_value("app.tenant_id")),
        ("-c app.tenant_id 1", no_value("app.tenant_id")),
        ("--app.tenant_id", no_value("app.tenant_id")),
        ("-c a.b=1 -x", unknown("-x")),
        ("\\", unknown("")),
    ];
    for (options, expected) in cases {
        assert_eq!(settings(options), Err(expected), "{options:?}");
    }
}
