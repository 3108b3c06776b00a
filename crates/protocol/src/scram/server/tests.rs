//! The two halves against each other, and clients that cheat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::scram::{ChannelBinding, ScramClient};

const NONCE: &str = "server-nonce";
/// The hash of a certificate.
const HASH: &[u8] = &[0xab; 32];

fn begin(first: &str) -> Result<(ScramServer, String), ServerScramError> {
    offered(Offer::Plain, SCRAM_SHA_256, first)
}

fn offered(
    offer: Offer<'_>,
    mechanism: &str,
    first: &str,
) -> Result<(ScramServer, String), ServerScramError> {
    let verifier = Verifier::of_password("pencil").unwrap();
    ScramServer::begin(&verifier, offer, mechanism, first.as_bytes(), NONCE)
}

#[test]
fn both_halves_agree_on_the_password_and_on_nothing_else() {
    for (password, expected) in [
        ("pencil", None),
        ("Pencil", Some(ServerScramError::WrongPassword)),
        ("", Some(ServerScramError::WrongPassword)),
    ] {
        for binding in [ChannelBinding::Unsupported, ChannelBinding::Unrequested] {
            let verifier = Verifier::of_password("pencil").unwrap();
            let mut client = ScramClient::new(password, binding);
            let first = client.client_first().unwrap();
            let (server, challenge) =
                ScramServer::begin(&verifier, Offer::Plain, client.mechanism(), &first, NONCE)
                    .unwrap();
            let last = client.on_continue(challenge.as_bytes()).unwrap();
            match server.finish(&last) {
                Ok(proof) => {
                    assert!(expected.is_none());
                    client.on_final(proof.as_bytes()).unwrap();
                }
                Err(error) => assert_eq!(Some(error), expected),
            }
        }
    }
}

/// RFC 7677, section 3.
#[test]
fn the_example_of_the_rfc() {
    let verifier = Verifier::parse(
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
         wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    )
    .unwrap();
    let (server, challenge) = ScramServer::begin(
        &verifier,
        Offer::Plain,
        SCRAM_SHA_256,
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    )
    .unwrap();
    let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(challenge, expected);
    let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let proof = server.finish(last.as_bytes()).unwrap();
    assert_eq!(proof, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#[test]
fn first_messages_that_are_none() {
    use ServerScramError::{ChannelBinding, Malformed};
    let long = format!("n,,n=,r={}", "x".repeat(MESSAGE_BYTES_MAX));
    let cases = [
        ("", Malformed),
        ("n", Malformed),
        ("n,,", Malformed),
        ("n,,n=user", Malformed),
        ("n,,n=user,r=", Malformed),
        ("n,,r=abc,n=user", Malformed),
        ("n,a=other,n=user,r=abc", Malformed),
        ("x,,n=user,r=abc", Malformed),
        ("p=tls-server-end-point,,n=user,r=abc", ChannelBinding),
        ("p=,,n=user,r=abc", ChannelBinding),
        (long.as_str(), Malformed),
    ];
    for (first, expected) in cases {
        assert_eq!(begin(first).err(), Some(expected), "{first:?}");
    }
}

#[test]
fn last_messages_that_prove_nothing() {
    let proof = STANDARD.encode([7; 32]);
    let nonce = format!("abc{NONCE}");
    let cases = [
        String::new(),
        format!("c=biws,r={nonce}"),
        format!("c=biws,r=abc,p={proof}"),
        format!("c=eSws,r={nonce},p={proof}"),
        format!("c=biws,r={nonce},p=AAAA"),
        format!("c=biws,r={nonce},p=!"),
        format!("c=biws,r={nonce},x=1,p={proof}"),
    ];
    for last in cases {
        let (server, _) = begin("n,,n=,r=abc").unwrap();
        assert_eq!(server.finish(last.as_bytes()), Err(ServerScramError::Malformed), "{last:?}");
    }
    let (server, _) = begin("n,,n=,r=abc").unwrap();
    let last = format!("c=biws,r={nonce},p={proof}");
    assert_eq!(server.finish(last.as_bytes()), Err(ServerScramError::WrongPassword));
}

#[test]
fn what_is_offered_and_what_is_chosen() {
    use ServerScramError::{ChannelBinding, Downgraded, Malformed, Mechanism};
    let (plain, plus) = (SCRAM_SHA_256, SCRAM_SHA_256_PLUS);
    let (either, bound) = (Offer::Either(HASH), Offer::Bound(HASH));
    let end_point = "p=tls-server-end-point";
    for (offer, mechanism, flag, expected) in [
        (Offer::Plain, plain, "n", None),
        (Offer::Plain, plain, "y", None),
        (Offer::Plain, plain, end_point, Some(ChannelBinding)),
        (Offer::Plain, plus, end_point, Some(Mechanism)),
        (either, plus, end_point, None),
        (either, plain, "n", None),
        (either, plain, "y", Some(Downgraded)),
        (either, plain, end_point, Some(ChannelBinding)),
        (either, plus, "n", Some(ChannelBinding)),
        (either, plus, "y", Some(ChannelBinding)),
        (either, plus, "p=tls-unique", Some(ChannelBinding)),
        (either, plus, "p=tls-exporter", Some(ChannelBinding)),
        (either, plus, "q", Some(Malformed)),
        (bound, plus, end_point, None),
        (bound, plain, "n", Some(Mechanism)),
        (bound, "PLAIN", "n", Some(Mechanism)),
        (bound, "scram-sha-256-plus", end_point, Some(Mechanism)),
    ] {
        let begun = offered(offer, mechanism, &format!("{flag},,n=,r=abc"));
        assert_eq!(begun.err(), expected, "{offer:?} {mechanism} {flag}");
    }
    assert_eq!(either.mechanisms(), [plus, plain]);
    assert_eq!((Offer::Plain.mechanisms(), bound.mechanisms()), (&[plain][..], &[plus][..]));
}

/// Both halves, the client bound to some certificate and the server to its own.
#[test]
fn both_ends_must_be_of_one_channel() {
    for (hash, password, expected) in [
        (HASH, "pencil", None),
        (HASH, "pen", Some(ServerScramError::WrongPassword)),
        (&[0xab; 31], "pencil", Some(ServerScramError::OtherChannel)),
        (&[0xac; 32], "pencil", Some(ServerScramError::OtherChannel)),
        (&[], "pencil", Some(ServerScramError::OtherChannel)),
    ] {
        let verifier = Verifier::of_password("pencil").unwrap();
        let binding = ChannelBinding::TlsServerEndPoint(hash.to_vec());
        let mut client = ScramClient::new(password, binding);
        let first = client.client_first().unwrap();
        let (server, challenge) =
            ScramServer::begin(&verifier, Offer::Either(HASH), client.mechanism(), &first, NONCE)
                .unwrap();
        let last = client.on_continue(challenge.as_bytes()).unwrap();
        assert_eq!(server.finish(&last).err(), expected, "{hash:?} {password}");
    }
}

/// A header that says one thing at the beginning and another at the end.
#[test]
fn a_changed_header_is_found_out() {
    let nonce = format!("abc{NONCE}");
    let proof = STANDARD.encode([7; 32]);
    let own = [b"p=tls-server-end-point,,", HASH].concat();
    for channel in
        [&b"n,,"[..], b"y,,", b"", b"p=tls-server-end-point,", HASH, &own[..own.len() - 1]]
    {
        let first = "p=tls-server-end-point,,n=,r=abc";
        let (server, _) = offered(Offer::Either(HASH), SCRAM_SHA_256_PLUS, first).unwrap();
        let last = format!("c={},r={nonce},p={proof}", STANDARD.encode(channel));
        let error = server.finish(last.as_bytes()).unwrap_err();
        assert_ne!(error, ServerScramError::WrongPassword, "{channel:?}");
    }
}

#[test]
fn nobody_looks_like_somebody() {
    let salts = ["a", "a", "b"].map(|name| Verifier::of_nobody(b"secret", name).salt);
    assert_eq!(salts[0], salts[1]);
    assert_ne!(salts[0], salts[2]);
    assert_eq!(Verifier::of_nobody(b"secret", "a").with_iterations(0).iterations, 1);
    assert_eq!(salts[0].len(), Verifier::of_password("pencil").unwrap().salt.len());
}

#[test]
fn verifiers_that_are_none() {
    for text in ["", "pencil", "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", "SCRAM-SHA-256$0:AAAA$$:"] {
        assert!(Verifier::parse(text).is_none(), "{text:?}");
    }
    assert_eq!(format!("{:?}", Verifier::of_password("pencil").unwrap()), "Verifier(…)");
}
