//! Signed requests: a first line for the `Authorization` header, one for method, path and query,
//! header lines up to an empty one, and the body.

use rowhouse_tenancy::Secret;
use rowhouse_tenancy::sigv4::{
    ACCESS_KEY_ID_BYTES_MAX, CLOCK_WINDOW_S, SignedRequest, parse_authorization, verify,
};

/// The middle of the day that is in the corpus: 2015-08-30T12:36:00Z.
const NOW: u64 = 1_440_938_160;

/// Reads the header, and checks a signature that nobody can have made.
pub fn sigv4(data: &[u8]) {
    let (header, rest) = line(data);
    let Ok(authorization) = parse_authorization(header) else {
        return;
    };
    let id = authorization.access_key_id();
    assert!(!id.is_empty() && id.len() <= ACCESS_KEY_ID_BYTES_MAX);
    let text = String::from_utf8_lossy(header);
    for part in [id, authorization.region(), authorization.service()] {
        assert!(text.contains(part) && !part.contains('/'), "{part}");
    }
    let (first, mut rest) = line(rest);
    let Ok(first) = std::str::from_utf8(first) else {
        return;
    };
    let (method, target) = first.split_once(' ').unwrap_or((first, "/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Vec::new();
    loop {
        let (one, behind) = line(rest);
        rest = behind;
        let mut parts = one.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            break;
        };
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        headers.push((name, value));
    }
    let request = SignedRequest { method, path, query, headers: &headers, body: rest };
    let (region, service) = (authorization.region(), authorization.service());
    let check = |secret: &str, now| {
        let secret = Secret::from(secret.to_owned());
        verify(&authorization, &request, &secret, region, service, now, CLOCK_WINDOW_S)
    };
    // The secret is not in the corpus, so whatever passes is a hole.
    let verdict = check("a secret that signs nothing", NOW);
    assert!(verdict.is_err(), "a forged signature passes");
    // What is refused before the signature does not depend on the secret.
    assert_eq!(check("another one", NOW), verdict);
}

/// Up to the next line end, and what is behind it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
