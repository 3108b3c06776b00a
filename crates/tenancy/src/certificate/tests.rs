//! Certificates that are as short as they can be, and such as openssl makes.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn block(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    match u8::try_from(body.len()).unwrap() {
        short @ 0..0x80 => [&[tag, short][..], &body].concat(),
        long => [&[tag, 0x81, long][..], &body].concat(),
    }
}

fn id(parts: &[&[u8]]) -> Vec<u8> {
    block(tag::OBJECT_ID, parts)
}

fn signed(algorithm: &[u8]) -> Vec<u8> {
    let content = block(0x30, &[&[0x02, 0x01, 0x07]]);
    block(0x30, &[&content, algorithm, &[0x03, 0x02, 0x00, 0x01]])
}

#[test]
fn a_signature_has_a_hash() {
    use SignatureHash::{Broken, Sha224, Sha256, Sha384, Sha512};
    let by = |prefix: &[u8], last: &[u8]| block(0x30, &[&id(&[prefix, last]), &[0x05, 0x00]]);
    let pss = |parameters: &[u8]| block(0x30, &[&id(&[RSA, &[10]]), parameters]);
    let named = |last: u8| {
        let hash = block(0x30, &[&id(&[SHA2, &[last]]), &[0x05, 0x00]]);
        pss(&block(0x30, &[&block(0xa0, &[&hash]), &block(0xa2, &[&[0x02, 0x01, 0x20]])]))
    };
    for (algorithm, expected) in [
        (by(RSA, &[4]), Some(Broken)),
        (by(RSA, &[5]), Some(Broken)),
        (by(RSA, &[11]), Some(Sha256)),
        (by(RSA, &[12]), Some(Sha384)),
        (by(RSA, &[13]), Some(Sha512)),
        (by(RSA, &[14]), Some(Sha224)),
        (by(RSA, &[15]), None),
        (by(RSA, &[11, 1]), None),
        (by(ECDSA, &[1]), Some(Broken)),
        (by(ECDSA, &[3, 1]), Some(Sha224)),
        (by(ECDSA, &[3, 2]), Some(Sha256)),
        (by(ECDSA, &[3, 3]), Some(Sha384)),
        (by(ECDSA, &[3, 4]), Some(Sha512)),
        (pss(&block(0x30, &[])), Some(Broken)),
        (named(1), Some(Sha256)),
        (named(3), Some(Sha512)),
        (named(9), None),
        // Ed25519.
        (by(&[0x2b, 0x65], &[0x70]), None),
        (block(0x30, &[]), None),
    ] {
        let certificate = signed(&algorithm);
        assert_eq!(signature_hash(&certificate), expected, "{certificate:02x?}");
        for length in 0..certificate.len() {
            assert_eq!(signature_hash(certificate.get(..length).unwrap()), None);
        }
    }
}

/// A certificate with these attributes of its subject and these general names.
fn named(subject: &[(&[u8], u8, &[u8])], general: &[(u8, &[u8])]) -> Vec<u8> {
    let attribute = |(kind, tag, value): &(&[u8], u8, &[u8])| {
        block(0x31, &[&block(0x30, &[&id(&[kind]), &block(*tag, &[value])])])
    };
    let subject: Vec<u8> = subject.iter().flat_map(attribute).collect();
    let general: Vec<u8> = general.iter().flat_map(|(tag, name)| block(*tag, &[name])).collect();
    let general = block(tag::OCTETS, &[&block(0x30, &[&general])]);
    let extension = block(0x30, &[&id(&[ALTERNATIVE_NAME]), &[0x01, 0x01, 0xff], &general]);
    let content = [
        block(0xa0, &[&[0x02, 0x01, 0x02]]),
        block(tag::INTEGER, &[&[0x07]]),
        block(0x30, &[]),
        block(0x30, &[]),
        block(0x30, &[]),
        block(0x30, &[&subject]),
        block(0x30, &[]),
        block(0xa3, &[&block(0x30, &[&extension])]),
    ];
    block(0x30, &[&block(0x30, &[&content.concat()]), &block(0x30, &[]), &[0x03, 0x01, 0x00]])
}

#[test]
fn whom_a_certificate_is_for() {
    let unit: &[u8] = &[0x55, 0x04, 0x0b];
    let one = (COMMON_NAME, tag::UTF8, &b"one"[..]);
    for (subject, common) in [
        (&[one][..], Some("one")),
        (&[(unit, tag::UTF8, b"x"), (COMMON_NAME, tag::PRINTABLE, b"one")], Some("one")),
        (&[], None),
        (&[one, (COMMON_NAME, tag::UTF8, b"two")], None),
        (&[one, one], None),
        (&[(COMMON_NAME, tag::UTF8, b"one\0.evil")], None),
        (&[(COMMON_NAME, tag::UTF8, b"\xff")], None),
        (&[(COMMON_NAME, tag::UTF8, b"")], None),
        // BMPString: two bytes for each character.
        (&[(COMMON_NAME, 0x1e, b"o\0n\0")], None),
        (&[(unit, tag::UTF8, b"one")], None),
    ] {
        let certificate = named(subject, &[]);
        assert_eq!(names(&certificate).unwrap().common.as_deref(), common, "{subject:?}");
    }
    let general: &[(u8, &[u8])] = &[
        (tag::DNS, b"host"),
        (tag::EMAIL, b"a@b"),
        (0x87, &[127, 0, 0, 1]),
        (tag::URI, b"spiffe://x/y"),
        (tag::DNS, b"good\0bad"),
    ];
    let certificate = named(&[one], general);
    assert_eq!(
        names(&certificate).unwrap().alternative,
        ["DNS:host", "email:a@b", "URI:spiffe://x/y"]
    );
}

#[test]
fn what_is_cut_off_or_changed_names_nobody_else() {
    let whole = named(&[(COMMON_NAME, tag::UTF8, b"one")], &[(tag::DNS, b"host")]);
    for length in 0..whole.len() {
        assert_eq!(names(whole.get(..length).unwrap()), None, "{length}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            // It may be read or not; it ends.
            let _ = (names(&changed), signature_hash(&changed));
        }
    }
    for long in [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x3f, 0x81, 0x00]] {
        assert_eq!(names(long), None);
    }
    assert_eq!(names(&[0x30; 1 << 16]), None);
}
