//! What somebody tries who has no secret, or has somebody else's request.

use proptest::prelude::*;

use super::recorded::{BOTOCORE_NOW as NOW, BOTOCORE_SECRET as SECRET};
use super::{Recorded, Refusal, SignedRequest, parse_authorization, verify};
use crate::excerpt::Excerpt;
use crate::secret::Secret;
use crate::sigv4::instant::Instant;

const GOOD: &str = "AWS4-HMAC-SHA256 \
    Credential=KEY/20261121/us-east-1/rds-data/aws4_request, SignedHeaders=host;x-amz-date, \
    Signature=ac2e3c9346d5de12c3b3984de674ee5c83a35786e42b27794691a1243264aebe";

/// Changes the recorded request and checks what becomes of it.
#[allow(clippy::needless_pass_by_value, reason = "the cases read better without a reference")]
fn check(expected: Result<(), Refusal>, change: impl FnOnce(&mut Recorded)) {
    let mut case = Recorded::execute();
    change(&mut case);
    assert_eq!(case.verify(SECRET, NOW), expected);
}

fn change_authorization(case: &mut Recorded, from: &str, to: &str) {
    let changed = case.header("authorization").unwrap().replace(from, to);
    case.replace("Authorization", &changed);
}

#[test]
fn the_clock_window() {
    for (now, inside) in [
        (NOW, true),
        (NOW - 300, true),
        (NOW + 300, true),
        (NOW - 301, false),
        (NOW + 301, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let expected = if inside { Ok(()) } else { Err(Refusal::Clock { signed_at: NOW, now }) };
        assert_eq!(Recorded::execute().verify(SECRET, now), expected);
    }
}

#[test]
fn the_scope() {
    check(Err(Refusal::Region(Excerpt::of("us-east-1"))), |case| case.region = "eu-west-1".into());
    check(Err(Refusal::Service(Excerpt::of("rds-data"))), |case| case.service = "sts".into());
    check(Err(Refusal::Region(Excerpt::of("us-west-1"))), |case| {
        change_authorization(case, "us-east-1", "us-west-1");
    });
    check(Err(Refusal::OtherDay), |case| change_authorization(case, "/20261121/", "/20261122/"));
    check(Err(Refusal::OtherDay), |case| case.replace("X-Amz-Date", "20261122T000000Z"));
    check(Err(Refusal::Signature), |case| case.replace("X-Amz-Date", "20261121T235957Z"));
}

#[test]
fn the_date() {
    let malformed = Refusal::Malformed("X-Amz-Date");
    for text in ["", "20261121", "2026-11-21T23:59:58Z", "20261131T000000Z", "20261121T235960Z"] {
        check(Err(malformed.clone()), |case| case.replace("X-Amz-Date", text));
    }
    check(Err(Refusal::MissingHeader("X-Amz-Date")), |case| {
        case.headers.retain(|line| !line.starts_with("X-Amz-Date"));
    });
    check(Err(Refusal::Malformed("Date")), |case| {
        case.headers.retain(|line| !line.starts_with("X-Amz-Date"));
        case.replace("Date", "yesterday");
    });
}

#[test]
fn both_spellings_of_a_time() {
    for (text, unix_s) in [
        ("20261121T235958Z", Some(NOW)),
        ("19700101T000000Z", Some(0)),
        ("19691231T235959Z", None),
        ("20240229T000000Z", Some(1_709_164_800)),
        ("20230229T000000Z", None),
        ("2026112١T235958Z", None),
        ("20261121T235958z", None),
        ("20260021T235958Z", None),
    ] {
        let parsed = Instant::parse_basic(text.as_bytes());
        assert_eq!(parsed.map(|at| at.unix_s()), unix_s, "{text}");
        assert!(parsed.is_none_or(|at| at.basic() == text));
    }
    let http = Instant::parse_http(b"Sat, 21 Nov 2026 23:59:58 GMT").unwrap();
    assert_eq!((http.unix_s(), http.basic().as_str()), (NOW, "20261121T235958Z"));
    for text in
        [&b""[..], b"Sun, 21 Nov 2026 23:59:58 GMT", b"Wed, 31 Dec 1969 23:59:59 GMT", b"\xff"]
    {
        assert_eq!(Instant::parse_http(text), None);
    }
}

#[test]
fn what_must_be_signed() {
    for (from, name) in [("content-type;host;", "Host"), (";x-amz-date", "X-Amz-Date")] {
        let to = if name == "Host" { "content-type;" } else { "" };
        check(Err(Refusal::NotSigned(name)), |case| change_authorization(case, from, to));
    }
    // Left unsigned by some SDKs: what is refused then is the signature that was made with it.
    check(Err(Refusal::Signature), |case| change_authorization(case, "content-type;", ""));
    check(Err(Refusal::NotSigned("X-Amz-Security-Token")), |case| {
        case.replace("X-Amz-Security-Token", "somebody's");
    });
    check(Err(Refusal::MissingHeader("Host")), |case| {
        case.headers.retain(|line| !line.starts_with("Host"));
    });
    check(Err(Refusal::SignedButAbsent(Excerpt::of("x-extra"))), |case| {
        change_authorization(case, ";x-amz-date", ";x-amz-date;x-extra");
    });
}

#[test]
fn what_must_not_be_there_twice() {
    for (name, refused) in [
        ("Authorization", "authorization"),
        ("host", "host"),
        ("Content-type", "content-type"),
        ("X-AMZ-DATE", "x-amz-date"),
    ] {
        check(Err(Refusal::Repeated(refused)), |case| case.headers.push(format!("{name}: x")));
    }
}

#[test]
fn the_payload_hash() {
    let signs_hash = |case: &mut Recorded, value: &str| {
        change_authorization(case, ";x-amz-date", ";x-amz-content-sha256;x-amz-date");
        case.replace("X-Amz-Content-Sha256", value);
    };
    check(Err(Refusal::NotSigned("X-Amz-Content-Sha256")), |case| {
        case.replace("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD");
    });
    check(Err(Refusal::UnsignedPayload), |case| signs_hash(case, "UNSIGNED-PAYLOAD"));
    for value in ["", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", &"0".repeat(64)] {
        check(Err(Refusal::PayloadHash), |case| signs_hash(case, value));
    }
}

#[test]
fn presigned_queries() {
    for query in
        ["X-Amz-Signature=1", "a=b&x-amz-algorithm=1", "X%2DAmz-Credential", "X-Amz-Signature"]
    {
        check(Err(Refusal::Presigned), |case| case.query = query.to_owned());
    }
    for query in ["%", "%4", "a=%zz", "%+1=a"] {
        check(Err(Refusal::Malformed("the query")), |case| case.query = query.to_owned());
    }
}

#[test]
fn the_size() {
    check(Err(Refusal::TooLarge), |case| case.headers.extend((0..128).map(|n| format!("h{n}: v"))));
    check(Err(Refusal::TooLarge), |case| case.path = "/".repeat(64 * 1024));
    check(Err(Refusal::TooLarge), |case| case.replace("X-Long", &"x".repeat(64 * 1024)));
}

#[test]
fn authorization_headers() {
    let changed = |from: &str, to: &str| GOOD.replace(from, to);
    let cases = [
        (GOOD.to_owned(), Ok("KEY")),
        (changed(", ", ","), Ok("KEY")),
        (changed("KEY", "AKIA-x_1"), Ok("AKIA-x_1")),
        (String::new(), Err(Refusal::Algorithm)),
        ("Bearer abc".to_owned(), Err(Refusal::Algorithm)),
        (changed("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), Err(Refusal::Algorithm)),
        (changed("KEY", ""), Err(Refusal::Malformed("Credential"))),
        (changed("KEY", &"K".repeat(129)), Err(Refusal::Malformed("Credential"))),
        (changed("KEY/", "KEY/KEY/"), Err(Refusal::Malformed("Credential"))),
        (changed("KEY/", "KEY"), Err(Refusal::Malformed("Credential"))),
        (changed("20261121", "2026112"), Err(Refusal::Malformed("Credential"))),
        (changed("aws4_request", "aws4_reques"), Err(Refusal::Malformed("Credential"))),
        (changed("us-east-1", ""), Err(Refusal::Malformed("Credential"))),
        (changed("us-east-1", "us east"), Err(Refusal::Malformed("Credential"))),
        (changed("host;", "host;host;"), Err(Refusal::Malformed("SignedHeaders"))),
        (changed("host;x-amz-date", "x-amz-date;host"), Err(Refusal::Malformed("SignedHeaders"))),
        (changed("host;", "Host;"), Err(Refusal::Malformed("SignedHeaders"))),
        (changed("host;x-amz-date", ""), Err(Refusal::Malformed("SignedHeaders"))),
        (changed("host;", "host:;"), Err(Refusal::Malformed("SignedHeaders"))),
        (changed("ac2e", "AC2E"), Err(Refusal::Malformed("Signature"))),
        (changed("ac2e", "ac2"), Err(Refusal::Malformed("Signature"))),
        (changed("ac2e", "zz2e"), Err(Refusal::Malformed("Signature"))),
        (changed("Signature=", "Sig="), Err(Refusal::Malformed("Authorization"))),
        (changed("Signature=", "Signature"), Err(Refusal::Malformed("Authorization"))),
        (format!("{GOOD},"), Err(Refusal::Malformed("Authorization"))),
        (format!("{GOOD}, Signature=00"), Err(Refusal::Repeated("Signature"))),
        (changed("Signature=", "Credential="), Err(Refusal::Repeated("Credential"))),
        (format!("{GOOD}{}", " ".repeat(4096)), Err(Refusal::TooLarge)),
    ];
    for (header, expected) in cases {
        let parsed = parse_authorization(header.as_bytes()).map(|parsed| parsed.access_key_id());
        assert_eq!(parsed, expected, "{header}");
    }
    assert_eq!(
        parse_authorization(b"AWS4-HMAC-SHA256 \xff"),
        Err(Refusal::Malformed("Authorization"))
    );
    for (parts, missing) in [(2, "Signature"), (1, "SignedHeaders")] {
        let header = GOOD.split(", ").take(parts).collect::<Vec<_>>().join(", ");
        assert_eq!(parse_authorization(header.as_bytes()), Err(Refusal::MissingPart(missing)));
    }
}

#[test]
fn a_cut_header_is_an_error_at_every_byte() {
    for end in 0..GOOD.len() {
        assert!(parse_authorization(&GOOD.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn neither_debug_nor_refusal_tells_the_signature() {
    let parsed = parse_authorization(GOOD.as_bytes()).unwrap();
    assert!(!format!("{parsed:?}").contains("ac2e3c"));
    let region = Refusal::Region(Excerpt::of(&format!("a\n{}", "b".repeat(500))));
    assert!(region.to_string().len() < 200 && !region.to_string().contains('\n'));
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_authorization(&bytes);
        let mut header = GOOD.as_bytes().to_vec();
        for (at, byte) in bytes.iter().enumerate().take(3) {
            let place = at.wrapping_mul(59).wrapping_add(usize::from(*byte)) % header.len();
            header[place] = *byte;
        }
        let _ = parse_authorization(&header);
    }

    #[test]
    fn any_request_is_refused_without_the_secret(
        path in "(?s).{0,40}", query in "(?s).{0,40}|[%&=a0-9]{0,40}",
        value in prop::collection::vec(any::<u8>(), 0..60), body in any::<Vec<u8>>(),
    ) {
        let authorization = parse_authorization(GOOD.as_bytes()).unwrap();
        let headers: [(&str, &[u8]); 3] =
            [("host", &value), ("X-Amz-Date", b"20261121T235958Z"), ("x", &value)];
        let request = SignedRequest {
            method: "POST", path: &path, query: &query, headers: &headers, body: &body,
        };
        let secret = Secret::from("other");
        prop_assert!(
            verify(&authorization, &request, &secret, "us-east-1", "rds-data", NOW, 300).is_err()
        );
    }
}
