//! The client against a server half written here from RFC 5802, and against bad servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::*;

const PASSWORD: &str = "pencil";
const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// RFC 5802, `Hi` with one iteration after the other.
fn salted(password: &str, iterations: u32) -> Vec<u8> {
    let salt = STANDARD.decode(SALT).unwrap();
    let mut last = hmac(password.as_bytes(), &[&salt[..], &[0, 0, 0, 1]].concat());
    let mut sum = last.clone();
    for _ in 1..iterations {
        last = hmac(password.as_bytes(), &last);
        sum.iter_mut().zip(&last).for_each(|(sum, last)| *sum ^= last);
    }
    sum
}

/// What a server makes of the two messages of the client: whether the proof holds, and its own.
fn server(first: &str, challenge: &str, answer: &str, header: &str) -> (bool, String) {
    let salted = salted(PASSWORD, 4096);
    let bare = first.strip_prefix(header).unwrap();
    let (without_proof, proof) = answer.rsplit_once(",p=").unwrap();
    let message = format!("{bare},{challenge},{without_proof}");
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(&client_key), message.as_bytes());
    let recovered: Vec<u8> = STANDARD
        .decode(proof)
        .unwrap()
        .iter()
        .zip(signature)
        .map(|(proof, signature)| proof ^ signature)
        .collect();
    let proof = hmac(&hmac(&salted, b"Server Key"), message.as_bytes());
    (recovered == client_key, format!("v={}", STANDARD.encode(proof)))
}

fn challenge(first: &str, iterations: u32) -> String {
    // A nonce has any printable characters but the comma (RFC 5802, section 7), "r=" among them.
    let (_, nonce) = first.rsplit_once(",r=").unwrap();
    format!("r={nonce}server,s={SALT},i={iterations}")
}

#[test]
fn both_sides_are_proven() {
    let hash = vec![7; 32];
    let plus = STANDARD.encode([b"p=tls-server-end-point,,", &hash[..]].concat());
    let cases = [
        (ChannelBinding::Unsupported, SCRAM_SHA_256, "n,,", "biws".to_owned()),
        (ChannelBinding::Unrequested, SCRAM_SHA_256, "y,,", "eSws".to_owned()),
        (
            ChannelBinding::TlsServerEndPoint(hash),
            SCRAM_SHA_256_PLUS,
            "p=tls-server-end-point,,",
            plus,
        ),
    ];
    for (binding, mechanism, header, bound) in cases {
        let mut client = ScramClient::new(PASSWORD, binding);
        assert_eq!(client.mechanism(), mechanism);
        let first = String::from_utf8(client.client_first().unwrap()).unwrap();
        let challenge = challenge(&first, 4096);
        let answer = client.on_continue(challenge.as_bytes()).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("c={bound},r=")), "{answer}");
        let (proven, last) = server(&first, &challenge, &answer, header);
        assert!(proven);
        assert_eq!(client.on_final(last.as_bytes()), Ok(()));
    }
}

#[test]
fn bad_challenges_end_the_exchange() {
    let bad: [fn(&str) -> String; 8] = [
        |_| String::new(),
        |_| format!("r=someoneelse,s={SALT},i=4096"),
        |first| challenge(first, 4096).replace("r=", "x="),
        |first| challenge(first, 4096).replace(SALT, "!"),
        |first| challenge(first, 100_001),
        |first| challenge(first, 4096) + "99999999999999999999",
        |first| challenge(first, 4096).replace(",i=4096", ""),
        |first| challenge(first, 4096) + ",m=ext",
    ];
    for make in bad {
        let mut client = ScramClient::new(PASSWORD, ChannelBinding::Unsupported);
        let first = String::from_utf8(client.client_first().unwrap()).unwrap();
        let challenge = make(&first);
        assert_eq!(
            client.on_continue(challenge.as_bytes()),
            Err(ScramError::BadChallenge),
            "{challenge}"
        );
        assert_eq!(client.client_first(), Err(ScramError::OutOfOrder));
        assert_eq!(client.on_final(b"v="), Err(ScramError::OutOfOrder));
    }
}

#[test]
fn servers_that_prove_nothing_are_found_out() {
    for last in ["", "v=", "v=AAAA", "e=other-error", "v=!", "\u{fffd}"] {
        let mut client = ScramClient::new(PASSWORD, ChannelBinding::Unsupported);
        let first = String::from_utf8(client.client_first().unwrap()).unwrap();
        client.on_continue(challenge(&first, 1).as_bytes()).unwrap();
        assert_eq!(client.on_final(last.as_bytes()), Err(ScramError::ServerNotProven), "{last}");
    }
}

#[test]
fn steps_out_of_order_are_refused() {
    let mut client = ScramClient::new(PASSWORD, ChannelBinding::Unsupported);
    assert_eq!(client.on_final(b"v="), Err(ScramError::OutOfOrder));
    let first = String::from_utf8(client.client_first().unwrap()).unwrap();
    client.on_continue(challenge(&first, 1).as_bytes()).unwrap();
    assert_eq!(client.on_continue(b""), Err(ScramError::OutOfOrder));
    assert_eq!(client.client_first(), Err(ScramError::OutOfOrder));
}

#[test]
fn the_password_has_no_debug_text() {
    let client = ScramClient::new("hunter2", ChannelBinding::Unsupported);
    assert!(!format!("{client:?}").contains("hunter2"));
}
