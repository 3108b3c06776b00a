//! Where transactions end: with a Query, a Sync, a COPY, and where PostgreSQL takes them back.

use bytes::BytesMut;
use rowhouse_protocol::frontend::{self, copy_data, copy_done, parse, query, sync};

use super::client::Client;
use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_commits",
        &[
            ("each_query_is_a_transaction", each_query_is_a_transaction),
            ("what_cannot_be_committed", what_cannot_be_committed),
            ("copies_are_committed", copies_are_committed),
            ("streams_sent_ahead", streams_sent_ahead),
            ("a_query_behind_an_error", a_query_behind_an_error),
        ],
    )
}

const OWN: &str = "select distinct tenant from note";

fn each_query_is_a_transaction(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    let mut other = Client::login(&gateway, "one", "it");
    let count = "select count(*) from written where mark = 'each query'";
    let insert = "insert into written values ('tenant_1', 'each query')";
    for (sql, expected) in [
        (insert.to_owned(), "1"),
        (format!("{insert}; select 1"), "2"),
        (format!("{insert}; select 1 / 0"), "2"),
        (format!("begin; {insert}; commit; {insert}"), "4"),
        (format!("begin; {insert}; rollback; {insert}"), "5"),
    ] {
        client.ask(&sql);
        // Nothing is left open, whoever asks.
        assert_eq!(other.ask(count).shown(), expected, "{sql}");
        let now = "select count(*) from written where mark = 'each query' and xmin::text = \
                   pg_current_xact_id_if_assigned()::text";
        assert_eq!(client.ask(now).shown(), "0", "{sql}");
        assert_eq!(client.ask(OWN).shown(), "tenant_1");
    }
    client.ask("delete from written where mark = 'each query'");
}

/// Constraints that are looked at in the end, and what completes before that.
fn what_cannot_be_committed(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    let insert = "insert into child values ('tenant_1', 1, 99)";
    for _ in 0..3 {
        let reply = client.ask(insert);
        assert_eq!((reply.order.as_str(), reply.error.unwrap().code.as_str()), ("EZ", "23503"));
        // All of it is one transaction.
        let reply = client.ask(&format!("{insert}; select 1"));
        assert_eq!((reply.order.as_str(), reply.status.as_byte()), ("CTDEZ", b'I'));
        client.send(|buf| {
            parse(buf, "", insert, &[]).unwrap();
            frontend::bind(buf, "", "", &[]).unwrap();
            frontend::execute(buf, "", 0).unwrap();
            sync(buf);
        });
        let reply = client.reply();
        assert_eq!((reply.order.as_str(), reply.status.as_byte()), ("12CEZ", b'I'));
        client.ask("begin");
        assert_eq!(client.ask(insert).order, "CZ");
        assert_eq!(client.ask("commit").error.unwrap().code.as_str(), "23503");
        assert_eq!(client.ask(OWN).shown(), "tenant_1");
    }
    assert_eq!(client.ask("select count(*) from child").shown(), "0");
}

fn copies_are_committed(stand: &Stand) {
    let gateway = stand.main();
    let mut admin = Client::login(&gateway, "admin", "it");
    admin.ask("create table copied (mark text); grant select, insert on copied to it_app");
    let mut client = Client::login(&gateway, "one", "it");
    let mut rows = 0;
    for sql in ["copy copied from stdin", "select 1; copy copied from stdin"] {
        for bad in [false, true] {
            assert!(client.ask(sql).order.ends_with('G'));
            client.send(|buf| {
                copy_data(buf, if bad { b"a\tb\n" } else { b"a\n" }).unwrap();
                copy_done(buf);
                // It is for afterwards, and not a part of the stream.
                query(buf, OWN).unwrap();
            });
            let reply = client.reply();
            assert_eq!(reply.error.is_some(), bad, "{sql}: {}", reply.shown());
            assert_eq!(reply.status.as_byte(), b'I');
            assert_eq!(client.reply().shown(), "tenant_1");
            rows += usize::from(!bad);
            assert_eq!(admin.ask("select count(*) from copied").shown(), rows.to_string());
        }
    }
    // Who leaves in the middle has written nothing.
    client.ask("copy copied from stdin");
    client.send(|buf| {
        copy_data(buf, b"a\n").unwrap();
        frontend::terminate(buf);
    });
    assert!(client.is_closed());
    assert_eq!(admin.ask("select count(*) from copied").shown(), rows.to_string());
    admin.ask("drop table copied");
}

/// By the extended protocol, with what a client may have sent before PostgreSQL asks for it.
fn streams_sent_ahead(stand: &Stand) {
    let gateway = stand.main();
    let mut admin = Client::login(&gateway, "admin", "it");
    admin.ask("create table sent_ahead (mark text); grant select, insert on sent_ahead to it_app");
    admin.ask(
        "create view not_for_copies as select 1 as x; grant insert on not_for_copies to it_app",
    );
    let mut client = Client::login(&gateway, "one", "it");
    let run = |buf: &mut BytesMut, sql: &str| {
        parse(buf, "", sql, &[]).unwrap();
        frontend::bind(buf, "", "", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
    };
    let into = "copy sent_ahead from stdin";
    // What is sent at once behind the Execute, the order of what comes, and rows that are new:
    // `d`ata, bad data (`x`), `c`opy done, `f`ailed, `S`ync, `H`: Flush.
    for (sql, sent, order, rows) in [
        (into, "dcS", "12GCZ", 1),
        (into, "ddcS", "12GCZ", 2),
        (into, "fS", "12GEZ", 0),
        (into, "xcS", "12GEZ", 0),
        (into, "dSdcS", "12GCZ", 2),
        (into, "SdcS", "12GCZ", 1),
        (into, "xS", "12GEZ", 0),
        (into, "SxS", "12GEZ", 0),
        (into, "HdHcS", "12GCZ", 1),
        ("copy not_for_copies from stdin", "S", "12GEZ", 0),
        ("copy not_for_copies from stdin", "dcS", "12GEZ", 0),
        ("copy nowhere from stdin", "dcS", "12EZ", 0),
        ("select 1", "dcS", "12DCZ", 0),
    ] {
        let before: i32 = admin.ask("select count(*) from sent_ahead").shown().parse().unwrap();
        client.send(|buf| {
            run(buf, sql);
            for word in sent.chars() {
                match word {
                    'd' => copy_data(
                        buf, b"a
",
                    )
                    .unwrap(),
                    'x' => copy_data(
                        buf, b"a	b
",
                    )
                    .unwrap(),
                    'c' => copy_done(buf),
                    'f' => frontend::copy_fail(buf, "no").unwrap(),
                    'H' => frontend::flush(buf),
                    _ => sync(buf),
                }
            }
        });
        // A reply ends with a CopyInResponse as well.
        let mut found = client.reply().order;
        if found.ends_with('G') {
            found.push_str(&client.reply().order);
        }
        assert_eq!(found, order, "{sql} {sent}");
        let count = admin.ask("select count(*) from sent_ahead").shown();
        assert_eq!(count, (before + rows).to_string(), "{sql} {sent}");
        assert_eq!(client.ask(OWN).shown(), "tenant_1", "{sql} {sent}");
    }
    admin.ask("drop table sent_ahead; drop view not_for_copies");
}

/// PostgreSQL leaves it out, and waits for a Sync that is the client's own.
fn a_query_behind_an_error(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    for _ in 0..3 {
        client.send(|buf| {
            parse(buf, "", "select 1", &[]).unwrap();
            parse(buf, "", "selec", &[]).unwrap();
            query(buf, "insert into written values ('tenant_1', 'left out')").unwrap();
            query(buf, "select 1").unwrap();
            sync(buf);
        });
        assert_eq!(client.reply().order, "1EZ");
        assert_eq!(client.ask(OWN).shown(), "tenant_1");
    }
    assert_eq!(client.ask("select count(*) from written where mark = 'left out'").shown(), "0");
}
