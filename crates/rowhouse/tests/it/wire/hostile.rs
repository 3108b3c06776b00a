//! Strangers: first packets, passwords and messages that no driver sends.

use bytes::{BufMut, BytesMut};
use rowhouse_protocol::backend::{Authentication, ErrorFields, tag};
use rowhouse_protocol::frontend;

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_hostile",
        &[
            ("first_packets", first_packets),
            ("versions_are_negotiated", versions_are_negotiated),
            ("passwords", passwords),
            ("messages", messages),
            ("refused_messages", refused_messages),
        ],
    )
}

/// Nothing that was done to the door keeps others out.
fn is_fine(gateway: &Gateway) {
    let mut client = Client::login(gateway, "one", "it");
    assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");
}

fn packet(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&len.to_be_bytes()[..], body].concat()
}

fn first_packets(stand: &Stand) {
    let gateway = stand.main();
    let address = gateway.pg.unwrap();
    let tls = packet(b"\x04\xd2\x16\x2f");
    let start = packet(b"\x00\x03\x00\x00user\x00one\x00database\x00it\x00\x00");
    // What is sent before anything is proven, and whether the door says why it closes.
    let cases: &[(&[u8], bool)] = &[
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false),
        (b"\x00\x00\x00\x00", false),
        (b"\x00\x00\x00\x07abc", false),
        (b"\x7f\xff\xff\xff\x00\x03\x00\x00", false),
        (b"\xff\xff\xff\xff\x00\x03\x00\x00", false),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", false),
        (&[&tls[..], &start].concat(), false),
        (&packet(b"\x04\xd2\x16\x2e\x00\x00\x00\x07keys"), false),
        (&packet(b"\x04\xd2\x16\x2e\x00\x00\x00\x07key"), true),
        (&packet(b"\x00\x02\x00\x00user\x00one\x00\x00"), true),
        (&packet(b"\x00\x03\x00\x00\x00"), true),
        (&packet(b"\x00\x03\x00\x00user\x00\x00\x00"), true),
        (&packet(b"\x00\x03\x00\x00user\x00one"), true),
        (&packet(b"\x00\x03\x00\x00us\xfer\x00one\x00\x00"), true),
    ];
    for (bytes, told) in cases {
        let mut client = Client::knock(address);
        client.send(|buf| buf.put_slice(bytes));
        let what = bytes.escape_ascii();
        match client.message() {
            Some((tag::ERROR_RESPONSE, body)) if *told => {
                assert!(ErrorFields::decode(&body).unwrap().to_owned().is_fatal(), "{what}");
                assert!(client.is_closed(), "{what}");
            }
            None if !told => {}
            other => panic!("{what}: {other:?}"),
        }
    }
    for request in [tls, packet(b"\x04\xd2\x16\x30")] {
        let mut client = Client::knock(address);
        client.send(|buf| buf.put_slice(&request));
        let mut answer = [0];
        std::io::Read::read_exact(&mut client.stream, &mut answer).unwrap();
        assert_eq!(answer, *b"N");
        client.send(|buf| buf.put_slice(&start));
        assert_eq!(client.message().unwrap().0, tag::AUTHENTICATION);
    }
    is_fine(&gateway);
}

fn versions_are_negotiated(stand: &Stand) {
    let gateway = stand.main();
    let parameters = b"user\x00one\x00database\x00it\x00";
    for (version, option, told, key_len) in [
        (&b"\x00\x03\x00\x02"[..], &b""[..], false, 32),
        (b"\x00\x03\x00\x00", b"", false, 4),
        (b"\x00\x03\x00\x00", b"_pq_.x\x001\x00", true, 4),
        (b"\x00\x03\x27\x0f", b"", true, 32),
    ] {
        let mut client = Client::knock(gateway.pg.unwrap());
        let start = packet(&[version, parameters, option, b"\x00"].concat());
        client.send(|buf| buf.put_slice(&start));
        let (mut kind, mut body) = client.message().unwrap();
        assert_eq!(kind == tag::NEGOTIATE_PROTOCOL_VERSION, told);
        if told {
            (kind, body) = client.message().unwrap();
        }
        assert_eq!(kind, tag::AUTHENTICATION);
        assert!(matches!(Authentication::decode(&body), Ok(Authentication::Sasl { .. })));
        let _ = key_len;
    }
    let client = Client::login(&gateway, "one", "it");
    assert_eq!(client.key.1.len(), 4);
}

fn passwords(stand: &Stand) {
    let gateway = stand.main();
    let login = |user: &str, database: &str, password: &str| {
        Client::begin(&gateway, &[("user", user), ("database", database)], password)
    };
    for (user, database, password, code) in [
        ("one", "it", "wrong", "28P01"),
        ("one", "it", "", "28P01"),
        ("ONE", "it", KEY_SECRET, "28P01"),
        ("one'; --", "it", KEY_SECRET, "28P01"),
        ("one", "no_such", KEY_SECRET, "3D000"),
        ("one", "postgres", KEY_SECRET, "3D000"),
        // Who has not proven anything does not hear which databases there are.
        ("one", "no_such", "wrong", "28P01"),
    ] {
        let refused = login(user, database, password).err().unwrap();
        assert_eq!(refused.code.as_str(), code, "{user} {database}: {refused}");
    }
    // Steps left out, and other messages in their place.
    let proofs: &[fn(&mut BytesMut)] = &[
        |buf| frontend::query(buf, "select 1").unwrap(),
        |buf| frontend::password(buf, KEY_SECRET).unwrap(),
        |buf| frontend::sasl_initial(buf, "SCRAM-SHA-256-PLUS", b"p=x,,n=,r=a").unwrap(),
        |buf| frontend::sasl_initial(buf, "SCRAM-SHA-256", b"n,,n=,r=").unwrap(),
        |buf| frontend::sasl_initial(buf, "PLAIN", b"\0one\0x").unwrap(),
        |buf| buf.put_slice(b"p\xff\xff\xff\xff"),
        |buf| buf.put_slice(b"p\x00\x00\x00\x03"),
        |buf| buf.put_slice(b"p\x00\x01\x00\x00"),
    ];
    for (number, proof) in proofs.iter().enumerate() {
        let mut client = Client::knock(gateway.pg.unwrap());
        client.send(|buf| {
            frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap();
        });
        assert_eq!(client.message().unwrap().0, tag::AUTHENTICATION);
        client.send(proof);
        match client.message() {
            None => {}
            Some((tag::ERROR_RESPONSE, _)) => assert!(client.is_closed()),
            other => panic!("{number}: {other:?}"),
        }
    }
    is_fine(&gateway);
}

fn messages(stand: &Stand) {
    let gateway = stand.main();
    let cases: &[&[u8]] = &[
        b"?\x00\x00\x00\x04",
        b"Q\x00\x00\x00\x03",
        b"Q\x7f\xff\xff\xff",
        b"Q\xff\xff\xff\xff",
        b"Q\x00\x00\x00\x0cselect 1",
        b"Q\x00\x00\x00\x0eselect\x001\x00x",
        b"P\x00\x00\x00\x08\x00\x00\xff\xff",
        b"D\x00\x00\x00\x06X\x00",
        b"E\x00\x00\x00\x06\x00\x00",
        b"S\x00\x00\x00\x05x",
        b"p\x00\x00\x00\x05\x00",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    ];
    for bytes in cases {
        for before in ["select 1", "begin"] {
            let mut client = Client::login(&gateway, "one", "it");
            client.ask(before);
            client.send(|buf| buf.put_slice(bytes));
            let what = bytes.escape_ascii();
            assert_eq!(client.last_words().code.as_str(), "08P01", "{what}");
        }
    }
    is_fine(&gateway);
}

fn refused_messages(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    client.send(|buf| buf.put_slice(b"F\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"));
    assert!(client.reply().shown().starts_with("0A000"));
    // Text that is no UTF-8, values of no statement, streams that nobody asked for.
    client.send(|buf| buf.put_slice(b"Q\x00\x00\x00\x06\xff\x00"));
    assert!(client.reply().shown().starts_with("22023"));
    client.send(|buf| {
        buf.put_slice(b"d\x00\x00\x00\x05xc\x00\x00\x00\x04H\x00\x00\x00\x04");
        frontend::bind(buf, "", "", &[]).unwrap();
        frontend::sync(buf);
    });
    assert_eq!(client.reply().order, "EZ");
    client.send(|buf| {
        frontend::execute(buf, "nowhere", 0).unwrap();
        frontend::sync(buf);
        frontend::sync(buf);
    });
    assert_eq!((client.reply().order.as_str(), client.reply().order.as_str()), ("EZ", "Z"));
    for _ in 0..3 {
        client.ask("begin");
        assert!(client.ask("reset all").shown().starts_with("42501"));
        assert!(client.ask("select 1").shown().starts_with("25P02"));
        assert_eq!(client.ask("commit").commands, ["ROLLBACK"]);
        assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");
    }
}
