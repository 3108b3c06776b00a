//! What each kind of principal says to PostgreSQL first.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::{Context, Prologue, Unsealed};
use crate::ids::{SettingName, TenantId};
use crate::principal::{Principal, PrincipalKind};
use crate::seal::{SealKey, SealKeyId, SessionKey};

fn names(names: &[&str]) -> Arc<[SettingName]> {
    names.iter().map(|name| SettingName::parse(name).unwrap()).collect()
}

fn key() -> SessionKey {
    SealKey::new(SealKeyId::FIRST, [7; 32]).register(1, "app", [9; 16], 0).1
}

fn tenant(id: &str) -> Principal {
    Principal::for_tenant(TenantId::parse(id).unwrap(), "sub")
}

fn check(principal: &Principal, settings: &[&str], expected: &[&str]) {
    let prologue = Prologue::for_principal(principal, &names(settings), Context::Standard);
    let words = prologue.words(None, 0).unwrap();
    let parameters = words.parameters();
    let parameters: Vec<&str> =
        parameters.iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
    assert_eq!(parameters, expected);
    assert_eq!(words.sql(), Prologue::settings_sql(expected.len() / 2));
    assert_eq!(words.is_empty(), expected.is_empty());
    assert_eq!(prologue.is_empty(), expected.is_empty());
}

#[test]
fn a_tenant_gets_its_tenant_everywhere() {
    let hostile = tenant("1'; drop table x; --");
    check(&hostile, &["app.t"], &["app.t", "1'; drop table x; --"]);
    let one = tenant("1");
    check(&one, &["b.t", "A.t"], &["b.t", "1", "a.t", "1"]);
    check(&one, &[], &[]);
}

#[test]
fn an_app_starts_with_no_tenant() {
    check(&Principal::for_app("key"), &["b.t", "a.t"], &["b.t", "", "a.t", ""]);
}

#[test]
fn an_admin_says_nothing() {
    check(&Principal::for_admin("key"), &["b.t", "a.t"], &[]);
    let sealed = Prologue::for_principal(&Principal::for_admin("k"), &names(&[]), Context::Sealed);
    assert!(sealed.is_empty() && sealed.words(None, 0).is_ok());
}

#[test]
fn one_statement_makes_all_settings() {
    for (n, text) in [
        (0, ""),
        (1, "select pg_catalog.set_config($1, $2, true)"),
        (2, "select pg_catalog.set_config($1, $2, true), pg_catalog.set_config($3, $4, true)"),
    ] {
        assert_eq!(Prologue::settings_sql(n), text);
    }
}

#[test]
fn a_sealed_context_needs_a_connection_that_can_vouch_for_it() {
    for principal in [tenant("1"), Principal::for_app("key")] {
        let prologue = Prologue::for_principal(&principal, &names(&["a.t"]), Context::Sealed);
        assert_eq!(prologue.words(None, 100).err(), Some(Unsealed));
        assert!(!prologue.is_empty());
    }
}

#[test]
fn a_sealed_context_names_tenant_and_settings() {
    for (principal, settings, array, id) in [
        (tenant("a.b\"c"), &["b.t", "A.t"][..], "{\"b.t\",\"a.t\"}", "a.b\"c"),
        (tenant("1"), &[], "{}", "1"),
        (Principal::for_app("key"), &["a.t"], "{\"a.t\"}", ""),
    ] {
        let prologue = Prologue::for_principal(&principal, &names(settings), Context::Sealed);
        let key = key();
        let words = prologue.words(Some(&key), 100).unwrap();
        let token = principal.tenant().map(|tenant| key.token(tenant, 180)).unwrap_or_default();
        let expected = [token.as_bytes(), array.as_bytes(), id.as_bytes()];
        assert_eq!(words.parameters(), expected);
        assert_eq!(words.sql(), "select rowhouse.enter($1, $2, $3)");
        assert!(!words.is_empty());
    }
}

#[test]
fn an_application_chooses_one_tenant_of_a_sealed_database() {
    let (key, app, one) = (key(), Principal::for_app("key"), tenant("1"));
    for (principal, id) in [(app, "7"), (one, "1"), (Principal::for_admin("a"), "")] {
        let prologue = Prologue::for_principal(&principal, &names(&["a.t"]), Context::Sealed);
        let [name, seven] = ["a.t", "7"];
        let name = SettingName::parse(name).unwrap();
        let seven = TenantId::parse(seven).unwrap();
        let chosen = prologue.choosing(&principal, &name, &seven);
        let words = chosen.words(Some(&key), 100).unwrap();
        let parameters = words.parameters();
        assert_eq!(parameters.last().map_or(&b""[..], |last| last.as_ref()), id.as_bytes());
        assert_eq!(chosen.words(None, 100).is_err(), principal.kind() != PrincipalKind::Admin);
    }
}
