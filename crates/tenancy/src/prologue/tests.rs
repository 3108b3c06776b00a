//! What each kind of principal says to PostgreSQL first.
#![allow(clippy::unwrap_used)]

use super::Prologue;
use crate::ids::{SettingName, TenantId};
use crate::principal::Principal;

fn names(names: &[&str]) -> Vec<SettingName> {
    names.iter().map(|name| SettingName::parse(name).unwrap()).collect()
}

fn check(principal: &Principal, settings: &[&str], expected: &[&str]) {
    let prologue = Prologue::for_principal(principal, &names(settings));
    let parameters: Vec<&str> =
        prologue.parameters().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
    assert_eq!(parameters, expected);
    assert_eq!(prologue.len().checked_mul(2), Some(expected.len()));
    assert_eq!(prologue.is_empty(), expected.is_empty());
}

#[test]
fn a_tenant_gets_its_tenant_everywhere() {
    let hostile = TenantId::parse("1'; drop table x; --").unwrap();
    let principal = Principal::for_tenant(hostile, "sub");
    check(&principal, &["app.t"], &["app.t", "1'; drop table x; --"]);
    let one = Principal::for_tenant(TenantId::parse("1").unwrap(), "sub");
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
}

#[test]
fn one_statement_makes_all_settings() {
    for (n, text) in [
        (0, ""),
        (1, "select pg_catalog.set_config($1, $2, true)"),
        (2, "select pg_catalog.set_config($1, $2, true), pg_catalog.set_config($3, $4, true)"),
    ] {
        assert_eq!(Prologue::sql(n), text);
    }
}
