//! What a client of the PostgreSQL door sends before and after it has proven who it is.

use rowhouse_protocol::frame;
use rowhouse_protocol::lasting::is_lasting;
use rowhouse_protocol::options;
use rowhouse_protocol::request::{Request, password, sasl_initial};
use rowhouse_protocol::scram::server::{Offer, ScramServer, Verifier};
use rowhouse_protocol::scram::{SCRAM_SHA_256, SCRAM_SHA_256_PLUS};
use rowhouse_protocol::startup::{PARAMETERS_MAX, STARTUP_BYTES_MAX, Startup, packet_len};

/// Small, so that short inputs meet it.
const BODY_BYTES_MAX: usize = 4096;

/// Reads the input as a first packet, as messages, as options and as the words of SCRAM.
pub fn client(data: &[u8]) {
    first_packet(data);
    messages(data);
    scram(data);
    let text = String::from_utf8_lossy(data);
    if let Ok(settings) = options::settings(&text) {
        for setting in settings {
            assert!(!setting.name.contains(['-', '=']));
            assert!(setting.value.len() <= text.len());
        }
    }
    let _ = Verifier::parse(&text);
}

fn first_packet(data: &[u8]) {
    let Ok(Some(len)) = packet_len(data) else { return };
    assert!((8..=STARTUP_BYTES_MAX).contains(&len));
    let Some(packet) = data.get(..len) else { return };
    if let Ok(Startup::Session(session)) = Startup::decode(packet) {
        assert!(session.parameters.len() + session.unknown_options.len() <= PARAMETERS_MAX);
        for (name, value) in &session.parameters {
            assert!(!name.is_empty() && !name.contains('\0') && !value.contains('\0'));
            assert!(session.get(name).is_some());
        }
    }
}

fn messages(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((header, body))) = frame::split(rest, BODY_BYTES_MAX) {
        rest = rest.get(header.len..).unwrap_or_default();
        let _ = (password(body), sasl_initial(body));
        match Request::decode(header.tag, body) {
            Ok(Request::Query { sql }) => {
                assert!(!sql.contains('\0'));
                let _ = is_lasting(sql);
            }
            Ok(Request::Parse { sql, types, .. }) => {
                assert!(types.len() * 4 <= body.len());
                let _ = is_lasting(sql);
            }
            Ok(Request::Bind { rest, .. }) => assert!(rest.len() < body.len()),
            _ => {}
        }
    }
}

/// Without the password no proof is accepted, whatever the messages.
fn scram(data: &[u8]) {
    let verifier = Verifier::of_nobody(b"secret", "nobody");
    let (first, last) = data.split_at_checked(data.len() / 2).unwrap_or((data, data));
    for (offer, mechanism, good) in [
        (Offer::Plain, SCRAM_SHA_256, &b"n,,n=,r=abc"[..]),
        (Offer::Bound(b"hash"), SCRAM_SHA_256_PLUS, b"p=tls-server-end-point,,n=,r=abc"),
    ] {
        for first in [first, good] {
            let begun = ScramServer::begin(&verifier, offer, mechanism, first, "nonce");
            if let Ok((server, challenge)) = begun {
                assert!(challenge.starts_with("r="));
                assert!(server.finish(last).is_err());
            }
        }
    }
}
