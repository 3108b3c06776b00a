//! Strangers: first packets, passwords and messages that no driver sends.

use bytes::{BufMut, BytesMut};
use rowhouse_protocol::backend::{Authentication, ErrorFields, tag};
use rowhouse_protocol::frontend;

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::stand::Stand;
use crate::token;
use crate::wait;

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
            ("long_texts", long_texts),
            ("texts_that_are_too_long", texts_that_are_too_long),
            ("what_runs_alone", what_runs_alone),
            ("portals_in_any_order", portals_in_any_order),
            ("errors_in_the_way", errors_in_the_way),
            ("chained_transactions", chained_transactions),
            ("tokens_end", tokens_end),
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

/// Parts of a text stand where they stood, however far behind its beginning that is.
fn long_texts(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    for len in [70_000, 500_000] {
        let long = "x".repeat(len);
        let sql = format!("begin; select '{long}'; commit; select distinct tenant from note");
        assert_eq!(client.ask(&sql).shown(), format!("{long};tenant_1"));
    }
    is_fine(&gateway);
}

/// A text is read before it runs, which takes time from others; a value is not.
fn texts_that_are_too_long(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    let long = format!("select '{}'", "x".repeat(1024 * 1024));
    for before in ["select 1", "begin"] {
        client.ask(before);
        assert_eq!(client.ask(&long).error.unwrap().code.as_str(), "54000");
        client.ask("rollback");
        client.send(|buf| {
            frontend::parse(buf, "", "select 1", &[]).unwrap();
            frontend::parse(buf, "", &long, &[]).unwrap();
            frontend::query(buf, &long).unwrap();
            frontend::sync(buf);
        });
        let reply = client.reply();
        assert_eq!((reply.order.as_str(), reply.error.unwrap().code.as_str()), ("1EZ", "54000"));
        assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");
    }
    // What stands behind it is judged by what it is.
    client.send(|buf| {
        frontend::query(buf, "select 1").unwrap();
        frontend::query(buf, "set app.current_tenant = 'tenant_2'").unwrap();
        frontend::query(buf, &long).unwrap();
        frontend::query(buf, "reset all").unwrap();
    });
    let codes: Vec<String> = (0..4).map(|_| client.reply().shown()).collect();
    let codes: Vec<&str> = codes.iter().map(|shown| &shown[..shown.len().min(5)]).collect();
    assert_eq!(codes, ["1", "42501", "54000", "42501"]);
    // Ten million bytes as PostgreSQL's text for them.
    let value = format!("\\x{}", "5a".repeat(10_000_000));
    client.send(|buf| {
        frontend::parse(buf, "", "select length($1::bytea), $1::bytea", &[]).unwrap();
        frontend::bind(buf, "", "", &[frontend::Parameter::text(&value)]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    let reply = client.reply();
    assert_eq!(reply.rows[0][0].as_deref(), Some("10000000"));
    assert_eq!(reply.rows[0][1].as_ref().map(String::len), Some(value.len()));
    is_fine(&gateway);
}

/// What no transaction can hold is refused, and told what to do about it.
fn what_runs_alone(stand: &Stand) {
    let gateway = stand.main();
    for user in ["one", "app"] {
        let mut client = Client::login(&gateway, user, "it");
        for sql in ["vacuum note", "create index concurrently on note (body)"] {
            let error = client.ask(sql).error.unwrap();
            assert_eq!(error.code.as_str(), "25001", "{error}");
            assert!(error.message.ends_with("whose principal is \"admin\""), "{error}");
            client.send(|buf| {
                frontend::parse(buf, "", sql, &[]).unwrap();
                frontend::bind(buf, "", "", &[]).unwrap();
                frontend::execute(buf, "", 0).unwrap();
                frontend::sync(buf);
            });
            assert!(client.reply().shown().ends_with("whose principal is \"admin\""));
        }
        // Where PostgreSQL would refuse it anyway, it says so itself.
        for text in ["begin; vacuum note", "select 1; vacuum note"] {
            let error = client.ask(text).error.unwrap();
            assert!(!error.message.contains("admin"), "{error}");
            client.ask("rollback");
        }
    }
    let mut admin = Client::login(&gateway, "admin", "it");
    assert_eq!(admin.ask("vacuum note").commands, ["VACUUM"]);
}

/// What a tenant binds and runs in an order that hides what comes before what. Each is a portal,
/// and the text that is bound to it; none: it is run.
const PORTALS: &[&[(&str, Option<&str>)]] = &[
    &[("p", Some(EVIL)), ("", Some("select 1")), ("p", None), ("", Some(OWN)), ("", None)],
    &[
        ("p", Some(EVIL)),
        ("", Some("select 1")),
        ("", None),
        ("p", None),
        ("", Some(OWN)),
        ("", None),
    ],
    &[
        ("", Some("declare c cursor for select innocent('app.current' || '_tenant', 'tenant_2')")),
        ("", None),
        ("", Some("select 1")),
        ("c", None),
        ("", Some(OWN)),
        ("", None),
    ],
    // Cursors of SQL take the place of portals that were harmless.
    &[
        ("c", Some("select 1")),
        ("", Some("close c")),
        ("", None),
        ("", Some("declare c cursor for select innocent('app.current' || '_tenant', 'tenant_2')")),
        ("", None),
        ("c", None),
        ("", Some(OWN)),
        ("", None),
    ],
    // Planned and never run: PostgreSQL runs immutable functions to plan.
    &[("p", Some(EVIL)), ("", Some(OWN)), ("", None)],
    &[("p", Some("commit")), ("", Some("select 1")), ("p", None), ("", Some(OWN)), ("", None)],
];

const EVIL: &str = "select innocent('app.current' || '_tenant', 'tenant_2')";
const OWN: &str = "select 'seen', count(*), min(tenant) from note";

fn portals_in_any_order(stand: &Stand) {
    let gateway = stand.main();
    let seen = |rows: &[Vec<Option<String>>]| {
        let rows = rows.iter().filter(|row| row[0].as_deref() == Some("seen"));
        rows.map(|row| row[2].clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    for steps in PORTALS {
        let mut client = Client::login(&gateway, "one", "it");
        client.ask("begin");
        client.send(|buf| {
            for (portal, sql) in *steps {
                match sql {
                    Some(sql) => {
                        frontend::parse(buf, "", sql, &[]).unwrap();
                        frontend::bind(buf, portal, "", &[]).unwrap();
                    }
                    None => frontend::execute(buf, portal, 0).unwrap(),
                }
            }
            frontend::sync(buf);
        });
        let reply = client.reply();
        assert_eq!(seen(&reply.rows), ["tenant_1"], "{steps:?}: {}", reply.shown());
    }
    // A failed transaction that goes on from a savepoint.
    let mut client = Client::login(&gateway, "one", "it");
    client.ask("begin; savepoint s");
    assert!(client.ask("select 1 / 0").error.is_some());
    client.send(|buf| {
        for sql in ["rollback to s", EVIL, OWN] {
            frontend::parse(buf, "", sql, &[]).unwrap();
            frontend::bind(buf, "", "", &[]).unwrap();
            frontend::execute(buf, "", 0).unwrap();
        }
        frontend::sync(buf);
    });
    assert_eq!(seen(&client.reply().rows), ["tenant_1"]);
    client.send(|buf| {
        frontend::parse(buf, "", "select 1", &[]).unwrap();
        frontend::bind(buf, "rowhouse_prologue", "", &[]).unwrap();
        frontend::sync(buf);
    });
    assert!(client.reply().shown().starts_with("42501"));
}

/// What stands behind an error is left out, and what it was for is done later.
fn errors_in_the_way(stand: &Stand) {
    let gateway = stand.main();
    // The prologue's statement is among what PostgreSQL leaves out.
    let mut client = Client::login(&gateway, "one", "it");
    client.ask("set work_mem = '5MB'");
    let replaces = "do $$ begin execute 'deallocate rowhouse_prologue'; execute 'prepare \
        rowhouse_prologue (text, text) as select $1 || $2'; perform 1 / 0; end $$";
    client.send(|buf| {
        for sql in [replaces, OWN] {
            frontend::parse(buf, "", sql, &[]).unwrap();
            frontend::bind(buf, "", "", &[]).unwrap();
            frontend::execute(buf, "", 0).unwrap();
        }
        frontend::sync(buf);
    });
    assert!(client.reply().error.is_some());
    assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");
    // A query behind an error is left out until there is a Sync.
    let mut client = Client::login(&gateway, "one", "it");
    client.send(|buf| {
        frontend::parse(buf, "", "selec", &[]).unwrap();
        frontend::query(buf, "select 1").unwrap();
        frontend::sync(buf);
    });
    assert_eq!(client.reply().order, "EZ");
    // Nor is anything else looked at.
    client.send(|buf| {
        frontend::parse(buf, "", "selec", &[]).unwrap();
        buf.put_slice(b"H\x00\x00\x00\x04");
    });
    assert_eq!(client.message().unwrap().0, tag::ERROR_RESPONSE);
    client.send(|buf| {
        buf.put_slice(b"P\x00\x00\x00\x09\x00\xff\x00\x00\x00");
        frontend::sync(buf);
    });
    assert_eq!(client.reply().order, "Z");
    assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");
}

/// The tenant that an application has chosen holds behind AND CHAIN as well.
fn chained_transactions(stand: &Stand) {
    let parameters =
        [("user", "app"), ("database", "it"), ("options", "-c app.current_tenant=tenant_2")];
    let mut client = Client::begin(&stand.main(), &parameters, KEY_SECRET).unwrap();
    let own = "select distinct tenant from note";
    client.ask("begin");
    assert_eq!(client.ask(own).shown(), "tenant_2");
    client.ask("commit and chain");
    assert_eq!(client.ask(own).shown(), "tenant_2");
    assert_eq!(client.ask(&format!("rollback and chain; {own}")).shown(), "tenant_2");
    client.ask("select 1; commit and chain");
    assert_eq!(client.ask(own).shown(), "tenant_2");
    // What it says for one transaction stays as long as that.
    client.ask("set local app.current_tenant = 'tenant_1'");
    assert_eq!(client.ask("savepoint s").commands, ["SAVEPOINT"]);
    assert_eq!(client.ask("rollback to s").commands, ["ROLLBACK"]);
    assert_eq!(client.ask(own).shown(), "tenant_1");
    client.ask("commit");
    assert_eq!(client.ask(own).shown(), "tenant_2");
}

/// Whoever keeps a connection has a token that ends all the same.
fn tokens_end(stand: &Stand) {
    let gateway = stand.main();
    let parameters = [("user", "anybody"), ("database", "it")];
    // On a machine that is busy enough, the first ones end too early.
    let lets_in = |seconds: &u64| {
        let mut claims = token::claims("tenant_1");
        claims["exp"] = (token::now() + seconds).into();
        let mut client = Client::begin(&gateway, &parameters, &token::signed(&claims)).ok()?;
        client.ask("set work_mem = '5MB'").error.is_none().then_some(client)
    };
    let mut client = [2, 10, 60].iter().find_map(lets_in).unwrap();
    wait::until_true("the token ends", std::time::Duration::from_secs(180), || {
        let refused = client.ask("select 1").error;
        refused.is_some_and(|error| error.is_fatal())
    });
    assert!(client.is_closed());
}
