//! What is an identity and what is not, as a table.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::InvalidId::{
    ControlCharacter, Empty, NotASetting, ReservedRole, ReservedSchema, TooLong,
};
use super::{InvalidId, RoleName, SchemaName, SettingName, TenantId};

type Case<'a> = (&'a str, Result<&'a str, InvalidId>);

#[test]
fn tenant_ids() {
    let long = "x".repeat(256);
    let cases: [Case<'_>; 10] = [
        ("1", Ok("1")),
        ("Acme GmbH", Ok("Acme GmbH")),
        ("müller", Ok("müller")),
        ("f27ae4b8-1f4a-4d3c-9d0d-0a5c5b7a1e11", Ok("f27ae4b8-1f4a-4d3c-9d0d-0a5c5b7a1e11")),
        (&long[1..], Ok(&long[1..])),
        (&long, Err(TooLong(255))),
        ("", Err(Empty)),
        ("a\0", Err(ControlCharacter)),
        ("a\nb", Err(ControlCharacter)),
        ("a\u{85}b", Err(ControlCharacter)),
    ];
    for (text, expected) in cases {
        assert_eq!(
            TenantId::parse(text).as_ref().map(TenantId::as_str),
            expected.as_ref().copied()
        );
    }
}

#[test]
fn schema_names() {
    let long = "x".repeat(64);
    let cases: [(&str, Result<&str, InvalidId>); 11] = [
        ("sh_vip", Ok(r#""sh_vip""#)),
        ("A b, c", Ok(r#""A b, c""#)),
        (r#"x", pg_temp, "y"#, Ok(r#""x"", pg_temp, ""y""#)),
        ("größe", Ok(r#""größe""#)),
        ("pg", Ok(r#""pg""#)),
        ("", Err(Empty)),
        (&long, Err(TooLong(63))),
        ("a\0", Err(ControlCharacter)),
        ("pg_temp", Err(ReservedSchema)),
        ("pg_toast_temp_3", Err(ReservedSchema)),
        ("PG_catalog", Err(ReservedSchema)),
    ];
    for (text, expected) in cases {
        let path = SchemaName::parse(text).map(|name| name.search_path());
        assert_eq!(path.as_deref(), expected.as_ref().copied(), "{text}");
    }
}

#[test]
fn setting_names() {
    let (part, too_long) = (format!("app.{}", "x".repeat(63)), format!("app.{}", "x".repeat(64)));
    let many = ["abc"; 65].join(".");
    let cases: [Case<'_>; 18] = [
        ("app.current_tenant", Ok("app.current_tenant")),
        ("App.Tenant_ID", Ok("app.tenant_id")),
        ("a.b.c", Ok("a.b.c")),
        ("_a.b1$", Ok("_a.b1$")),
        ("größe.maß", Ok("größe.maß")),
        (&part, Ok(&part)),
        (&too_long, Err(TooLong(63))),
        (&many, Err(TooLong(255))),
        ("", Err(Empty)),
        ("search_path", Err(NotASetting)),
        ("app.", Err(NotASetting)),
        (".app", Err(NotASetting)),
        ("a..b", Err(NotASetting)),
        ("app.1x", Err(NotASetting)),
        ("app.$x", Err(NotASetting)),
        ("app.x-y", Err(NotASetting)),
        ("app.x' or '", Err(NotASetting)),
        ("app.x\0", Err(ControlCharacter)),
    ];
    for (text, expected) in cases {
        let parsed = SettingName::parse(text);
        assert_eq!(parsed.as_ref().map(SettingName::as_str), expected.as_ref().copied(), "{text}");
    }
}

#[test]
fn role_names() {
    let (fits, too_long) = ("x".repeat(63), "x".repeat(64));
    let cases: [Case<'_>; 8] = [
        ("app_user", Ok("app_user")),
        ("Odd \"Name\"", Ok("Odd \"Name\"")),
        (&fits, Ok(&fits)),
        (&too_long, Err(TooLong(63))),
        ("", Err(Empty)),
        ("none", Err(ReservedRole)),
        ("public", Err(ReservedRole)),
        ("a\tb", Err(ControlCharacter)),
    ];
    for (text, expected) in cases {
        let parsed = RoleName::parse(text);
        assert_eq!(parsed.as_ref().map(RoleName::as_str), expected.as_ref().copied(), "{text}");
    }
}

#[test]
fn debug_shows_the_name_escaped() {
    let shown = format!(
        "{:?} {:?} {:?}",
        TenantId::parse("a\"b").unwrap(),
        SettingName::parse("A.b").unwrap(),
        RoleName::parse("r").unwrap()
    );
    assert_eq!(shown, r#"TenantId("a\"b") SettingName("a.b") RoleName("r")"#);
}

proptest! {
    #[test]
    fn any_text_is_an_identity_or_an_error(text in "\\PC{0,80}|[a-z._$0-9]{0,300}|(?s).{0,20}") {
        if let Ok(id) = TenantId::parse(&text) {
            prop_assert_eq!(id.as_str(), &text);
        }
        if let Ok(name) = SettingName::parse(&text) {
            prop_assert_eq!(SettingName::parse(name.as_str()), Ok(name));
        }
        let _ = RoleName::parse(&text);
    }
}
