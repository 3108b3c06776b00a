//! The three kinds and what each carries.
#![allow(clippy::unwrap_used)]

use super::{Principal, PrincipalKind};
use crate::ids::{RoleName, TenantId};

#[test]
fn kinds_have_one_word_each() {
    for (word, kind) in [
        ("tenant", Some(PrincipalKind::Tenant)),
        ("app", Some(PrincipalKind::App)),
        ("admin", Some(PrincipalKind::Admin)),
        ("Admin", None),
        ("", None),
    ] {
        assert_eq!(PrincipalKind::parse(word), kind);
        assert!(kind.is_none_or(|kind| kind.as_str() == word));
    }
}

#[test]
fn only_a_tenant_principal_has_a_tenant() {
    let tenant = TenantId::parse("t1").unwrap();
    for (principal, kind, expected) in [
        (Principal::for_tenant(tenant.clone(), "me"), PrincipalKind::Tenant, Some(&tenant)),
        (Principal::for_app("me"), PrincipalKind::App, None),
        (Principal::for_admin("me"), PrincipalKind::Admin, None),
    ] {
        assert_eq!((principal.kind(), principal.tenant()), (kind, expected));
        assert_eq!(
            (principal.subject(), principal.role(), principal.expires_at()),
            ("me", None, None)
        );
    }
}

#[test]
fn narrowing_makes_a_new_value() {
    let plain = Principal::for_app("key");
    let narrowed = plain.clone().with_role(RoleName::parse("reader").unwrap()).expiring_at(7);
    assert_eq!((narrowed.role(), narrowed.expires_at()), (Some("reader"), Some(7)));
    assert_eq!((plain.role(), plain.expires_at()), (None, None));
    assert_eq!((narrowed.kind(), narrowed.subject()), (PrincipalKind::App, "key"));
}

#[test]
fn goes_between_threads() {
    fn takes_send<T: Send + Sync + 'static>() {}
    takes_send::<Principal>();
}
