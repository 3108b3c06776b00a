//! Registrations and tokens, against another implementation of HMAC; PostgreSQL's is asked by the
//! trials of the binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn key(id: i64) -> SealKey {
    let secret = std::array::from_fn(|at| u8::try_from(at).unwrap());
    SealKey::new(SealKeyId::new(id).unwrap(), secret)
}

fn nonce() -> [u8; NONCE_BYTES] {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

/// Made with Python's hmac module.
#[test]
fn recorded() {
    let (registration, session) = key(7).register(4242, "itäpp", nonce(), 1000);
    assert_eq!(registration.key_id.get(), 7);
    assert_eq!(registration.nonce, "000102030405060708090a0b0c0d0e0f");
    assert_eq!(registration.expiry, 1060);
    assert_eq!(
        registration.mac,
        "76ef975f58cab8157d674aa2aa0a3d4cbc2ca975966f174045ad6c2b23d2f19a"
    );
    for (tenant, expiry, expected) in [
        (
            "acme",
            1080,
            "19564031b21270ad2fe9fa9ccccb48a5de0795811a5229a12a1ddbdd5334e081.0000001080.acme",
        ),
        (
            "a.bü",
            4_000_000_000,
            "5e9bf7ab6b00ccc0003f63729dfc74a7e8fc5e4f2e3b6cdddbec29a63d5dc3c6.4000000000.a.bü",
        ),
    ] {
        let tenant = TenantId::parse(tenant).unwrap();
        assert_eq!(session.token(&tenant, expiry), expected);
    }
    let pads = key(7).pads();
    let (inner, outer) = (pads.inner.expose(), pads.outer.expose());
    assert!(inner.starts_with("363734353233") && inner.ends_with("3636"), "{inner}");
    assert!(outer.starts_with("5c5d5e5f5859") && outer.ends_with("5c5c"), "{outer}");
    assert_eq!((inner.len(), outer.len()), (128, 128));
}

/// Whatever is said of a registration goes into its mac and, but for the end, into the key.
#[test]
fn everything_counts() {
    let token = |session: &SessionKey| session.token(&TenantId::parse("1").unwrap(), 60);
    let (first, session) = key(1).register(1, "a", nonce(), 0);
    let other = SealKey::new(SealKeyId::FIRST, [9; SECRET_BYTES]);
    for (registration, another) in [
        other.register(1, "a", nonce(), 0),
        key(1).register(2, "a", nonce(), 0),
        key(1).register(1, "b", nonce(), 0),
        key(1).register(1, "a", [0; NONCE_BYTES], 0),
    ] {
        assert_ne!(registration.mac, first.mac);
        assert_ne!(token(&session), token(&another));
    }
    let (later, same) = key(1).register(1, "a", nonce(), 1);
    assert_ne!(later.mac, first.mac);
    assert_eq!(token(&session), token(&same));
}

#[test]
fn ends_of_tokens() {
    for (now, expiry) in [(0, 60), (1, 90), (30, 90), (31, 120), (u64::MAX, u64::MAX)] {
        assert_eq!(SessionKey::expiry(now), expiry, "{now}");
        assert!(expiry.saturating_sub(now) < TOKEN_TTL_S + TOKEN_STEP_S);
    }
}

#[test]
fn ids() {
    assert_eq!([i64::MIN, -1, 0, 1 << 31].map(SealKeyId::new), [None; 4]);
    assert_eq!(SealKeyId::new(1), Some(SealKeyId::FIRST));
    assert_eq!(SealKeyId::FIRST.next().map(SealKeyId::get), Some(2));
    assert_eq!(SealKeyId::new(i64::from(i32::MAX)).unwrap().next(), None);
}

#[test]
fn nothing_prints() {
    let (_, session) = key(3).register(1, "a", nonce(), 0);
    let told = format!("{:?} {:?} {:?}", key(3), session, key(3).pads());
    assert_eq!(told, "SealKey(3) SessionKey(…) Pads { inner: Secret(…), outer: Secret(…) }");
}
