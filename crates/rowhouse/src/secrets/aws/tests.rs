//! What is asked for, and in whose name.

use super::*;
use crate::config::{AssumedRole, TenantTemplate};

fn named(id: &str, tag: Option<&str>, tenant: &str) -> Named {
    let role = AssumedRole { arn: "arn:aws:iam::1:role/r".into(), tenant_tag: tag.map(Into::into) };
    let secret = AwsSecret { id: TenantTemplate::new(id), assumed_role: Some(role) };
    Named::new(&secret, Some(&TenantId::parse(tenant).unwrap())).unwrap()
}

#[test]
fn the_answer_must_bear_the_name_that_was_asked_for() {
    for (id, expected) in [
        ("db/{tenant}", Some("db/7")),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:db/{tenant}", Some("db/7")),
        ("db", None),
    ] {
        assert_eq!(named(id, None, "7").name.as_deref(), expected, "{id}");
    }
}

#[test]
fn the_session_is_the_tenants() {
    let assumed = named("db", Some("tenant_id"), "7").assumed.unwrap();
    assert_eq!(assumed.session, "rowhouse-7");
    assert_eq!(assumed.tag, Some(("tenant_id".to_owned(), "7".to_owned())));
    assert_eq!(named("db", None, "7").assumed.unwrap().tag, None);
}

#[test]
fn an_arn_says_its_region() {
    assert_eq!(region_of("arn:aws:secretsmanager:eu-west-1:1:secret:x"), Some("eu-west-1"));
    for id in ["x", "arn:aws", "arn:aws:secretsmanager::1:secret:x", ""] {
        assert_eq!(region_of(id), None, "{id}");
    }
}
