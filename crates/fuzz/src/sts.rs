//! The Security Token Service: forms, and the session tokens it has handed out. The first byte
//! chooses which of the two the rest is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rowhouse_tenancy::sts::{
    AssumedRole, Call, DURATION_S_MAX, DURATION_S_MIN, RoleArn, SealingKey, SealingKeys,
    SessionName,
};
use rowhouse_tenancy::{Principal, Secret, TenantId};

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "a sealing secret of the fuzzer, 32 bytes and more";

/// Reads a form, or opens tokens that were never sealed or were changed afterwards.
pub fn sts(data: &[u8]) {
    match data.split_first() {
        Some((0, token)) => token_of_nobody(&String::from_utf8_lossy(token)),
        Some((1, change)) => changed_token(change),
        Some((_, body)) => form(body),
        None => {}
    }
}

fn form(body: &[u8]) {
    match Call::parse(body) {
        Ok(Call::AssumeRoleWithWebIdentity(call)) => {
            let duration = call.duration_s.unwrap_or(DURATION_S_MIN);
            assert!((DURATION_S_MIN..=DURATION_S_MAX).contains(&duration));
            let assumed = call.role_arn.assumed_as(&call.session_name);
            let bare = |c: char| !c.is_control() && !c.is_whitespace();
            assert!(assumed.arn().chars().all(bare), "{}", assumed.arn());
            assert!(assumed.user_id().chars().all(bare), "{}", assumed.user_id());
        }
        Ok(Call::GetCallerIdentity) => {}
        Err(fault) => {
            let xml = fault.xml("id");
            assert!(fault.code.status() < 500, "{xml}");
            assert!(xml.len() <= 4096, "{} bytes", xml.len());
            // Every `<` and `&` that a caller sent is escaped: the elements are ours alone.
            let opened = xml.matches('<').count();
            assert_eq!(opened, xml.matches('>').count(), "{xml}");
            assert!(opened <= 20, "{xml}");
        }
    }
}

fn token_of_nobody(token: &str) {
    let Some(keys) = keys() else {
        return;
    };
    assert!(keys.open(token, "ASIAAAAAAAAAAAAAAAAA", NOW).is_err(), "a forged token opens");
}

/// Each byte of the input is put over one of a token's, after the place that comes before it.
fn changed_token(change: &[u8]) {
    let (Some(keys), Some((principal, assumed))) = (keys(), identity()) else {
        return;
    };
    let Ok(credentials) = keys.seal(&principal, &assumed, None, [7; 12]) else {
        return;
    };
    let open = |token: &str| keys.open(token, &credentials.access_key_id, NOW);
    assert!(open(&credentials.session_token).is_ok_and(|session| {
        session.principal() == &principal
            && session.secret_access_key().expose() == credentials.secret_access_key.expose()
    }));
    let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(&credentials.session_token) else {
        return;
    };
    let sealed = bytes.clone();
    for pair in change.chunks_exact(2) {
        if let [at, byte] = pair
            && let Some(place) = bytes.get_mut(usize::from(*at))
        {
            *place = *byte;
        }
    }
    let changed = URL_SAFE_NO_PAD.encode(&bytes);
    assert_eq!(open(&changed).is_ok(), bytes == sealed, "a changed token opens");
}

fn keys() -> Option<SealingKeys> {
    SealingKeys::new(vec![SealingKey::new(&Secret::from(SECRET.to_owned())).ok()?])
}

fn identity() -> Option<(Principal, AssumedRole)> {
    let tenant = TenantId::parse("t1").ok()?;
    let arn = RoleArn::parse("arn:aws:iam::123456789012:role/tenant").ok()?;
    let session = SessionName::parse("fuzzer").ok()?;
    let principal = Principal::for_tenant(tenant, "me").expiring_at(NOW + 60);
    Some((principal, arn.assumed_as(&session)))
}
