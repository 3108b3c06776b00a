//! The memory of opened sessions: bounded, and kinder to those that are used.

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::secret::Secret;
use rowhouse_tenancy::sts::{RoleArn, SealingKey, SessionName};

use super::*;

fn session() -> Rc<Session> {
    let key = SealingKey::new(&Secret::from("a key of this test, 32 bytes or more")).unwrap();
    let keys = SealingKeys::new(vec![key]).unwrap();
    let role = RoleArn::parse("arn:aws:iam::123456789012:role/tenant").unwrap();
    let assumed = role.assumed_as(&SessionName::parse("me").unwrap());
    let principal = Principal::for_tenant(TenantId::parse("1").unwrap(), "");
    let credentials = seal(&keys, principal, &assumed, None, 10).unwrap();
    Rc::new(keys.open(&credentials.session_token, &credentials.access_key_id, 1).unwrap())
}

#[test]
fn it_has_an_end() {
    let (mut sessions, session) = (Sessions::default(), session());
    for number in 0..SESSIONS_MAX * 5 {
        sessions.insert(&number.to_string(), Rc::clone(&session));
        // The first one is asked for all the time, and stays.
        assert!(sessions.get("0").is_some(), "{number}");
        assert!(sessions.recent.len() + sessions.older.len() <= SESSIONS_MAX * 2);
    }
    assert!(sessions.get("1").is_none());
}

#[test]
fn what_counts_no_more_is_forgotten() {
    let (mut sessions, session) = (Sessions::default(), session());
    for number in 0..SESSIONS_MAX + 1 {
        sessions.insert(&number.to_string(), Rc::clone(&session));
    }
    sessions.retain(|_| false);
    assert!(sessions.recent.is_empty() && sessions.older.is_empty());
}
