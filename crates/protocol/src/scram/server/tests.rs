//! The two halves against each other, and clients that cheat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::scram::{ChannelBinding, ScramClient};

const NONCE: &str = "server-nonce";

fn begin(first: &str) -> Result<(ScramServer, String), ServerScramError> {
    ScramServer::begin(&Verifier::of_password("pencil").unwrap(), first.as_bytes(), NONCE)
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
            let (server, challenge) = ScramServer::begin(&verifier, &first, NONCE).unwrap();
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
fn nobody_looks_like_somebody() {
    let salts = ["a", "a", "b"].map(|name| Verifier::of_nobody(b"secret", name).salt);
    assert_eq!(salts[0], salts[1]);
    assert_ne!(salts[0], salts[2]);
    assert_eq!(salts[0].len(), Verifier::of_password("pencil").unwrap().salt.len());
}

#[test]
fn verifiers_that_are_none() {
    for text in ["", "pencil", "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", "SCRAM-SHA-256$0:AAAA$$:"] {
        assert!(Verifier::parse(text).is_none(), "{text:?}");
    }
    assert_eq!(format!("{:?}", Verifier::of_password("pencil").unwrap()), "Verifier(…)");
}
