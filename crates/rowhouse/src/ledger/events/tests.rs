//! Events as the specification wants them.

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::usage::{Operation, Outcome};

use super::*;

fn key(tenant: Option<&str>) -> Key {
    Key {
        tenant: tenant.map(|tenant| TenantId::parse(tenant).unwrap()),
        hour: 495_888,
        operation: Operation::Conversation,
        outcome: Outcome::Error,
    }
}

#[test]
fn an_event_has_what_the_specification_requires() {
    let sums = Sums { requests: 3, units: u64::MAX, ..Sums::default() };
    let event = event("s/64-256/0", "rowhouse", &key(Some("=a\"b")), &sums);
    for (name, value) in [
        ("specversion", "1.0"),
        ("type", EVENT_TYPE),
        ("source", "rowhouse"),
        ("id", "s/64-256/0"),
        ("subject", "=a\"b"),
        ("time", "2026-07-28T00:00:00Z"),
    ] {
        assert_eq!(event[name], value, "{name}");
    }
    let data = &event["data"];
    assert_eq!((&data["tenant"], &data["outcome"]), (&json!("=a\"b"), &json!("error")));
    assert_eq!(data["units"], u64::MAX);
}

/// `subject` must be a text that is not empty, or not be there.
#[test]
fn nobody_is_no_subject() {
    let event = event("x", "rowhouse", &key(None), &Sums::default());
    assert_eq!((event.get("subject"), event["data"].get("tenant")), (None, None));
}

#[test]
fn hours_end_somewhere() {
    assert_eq!(hour(0), "1970-01-01T00:00:00Z");
    assert_eq!(hour(u64::MAX), Timestamp::MAX.to_string());
}
