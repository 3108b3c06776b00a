//! The extended protocol: statements that are prepared once and used in many transactions, portals,
//! pipelines, errors in the middle of them.

use bytes::BytesMut;
use rowhouse_protocol::frontend::{
    self, Parameter, bind, describe_portal, describe_statement, execute, flush, parse, sync,
};

use super::client::{Client, Reply};
use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_extended",
        &[
            ("pipelines", pipelines),
            ("statements_outlive_transactions", statements_outlive_transactions),
            ("portals", portals),
            ("flush_brings_answers", flush_brings_answers),
            ("forgotten_statements", forgotten_statements),
            ("large_values", large_values),
            ("known_statements_that_fail", known_statements_that_fail),
        ],
    )
}

/// Parse, Bind, Describe and Execute of a text without values.
fn run(buf: &mut BytesMut, sql: &str) {
    parse(buf, "", sql, &[]).unwrap();
    bind(buf, "", "", &[]).unwrap();
    describe_portal(buf, "").unwrap();
    execute(buf, "", 0).unwrap();
}

fn all(client: &mut Client, texts: &[&str]) -> Reply {
    client.send(|buf| {
        texts.iter().for_each(|sql| run(buf, sql));
        sync(buf);
    });
    client.reply()
}

/// The texts of one pipeline, the tags of the answers, what is shown of them.
const PIPELINES: &[(&[&str], &str, &str)] = &[
    (&["select 1"], "12TDCZ", "1"),
    (&["select distinct tenant from note"], "12TDCZ", "tenant_1"),
    (&["begin", "select distinct tenant from note", "commit"], "12nC12TDC12nCZ", "tenant_1"),
    (
        &["begin isolation level serializable", "select distinct tenant from note", "rollback"],
        "12nC12TDC12nCZ",
        "tenant_1",
    ),
    (&["begin", "commit", "select distinct tenant from note"], "12nC12nC12TDCZ", "tenant_1"),
    (&["select 1", "select 1 / 0", "select 2"], "12TDC1EZ", "22012 division by zero"),
    (&["select 1", "selec 1", "select 2"], "12TDCEZ", "42601 syntax error at or near \"selec\""),
    (
        &["select 1", "set app.current_tenant = 'tenant_2'", "select 2"],
        "12TDCEZ",
        "42501 the setting app.current_tenant is fixed by your credential; leave it out of the \
         statement",
    ),
    (
        &["select 1", "do $$ begin perform 1; end $$", "select distinct tenant from note"],
        "12TDC12nC12TDCZ",
        "1;tenant_1",
    ),
    (&[""], "12nIZ", ""),
];

fn pipelines(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    for _ in 0..3 {
        for (texts, order, expected) in PIPELINES {
            let reply = all(&mut client, texts);
            assert_eq!((reply.order.as_str(), reply.shown().as_str()), (*order, *expected));
        }
    }
    let texts = vec!["select distinct tenant from note"; 500];
    let reply = all(&mut client, &texts);
    assert_eq!(reply.rows.len(), 500);
    assert!(reply.rows.iter().all(|row| row[0].as_deref() == Some("tenant_1")));
}

fn statements_outlive_transactions(stand: &Stand) {
    let gateway =
        stand.gateway("wire_single", &[("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "1")]);
    let mut people = ["one", "two"].map(|user| Client::login(&gateway, user, "it"));
    for client in &mut people {
        client.send(|buf| {
            parse(buf, "own", "select tenant || $1 from note where id = 1", &[25]).unwrap();
            describe_statement(buf, "own").unwrap();
            parse(buf, "", "select $1::int + 1", &[]).unwrap();
            sync(buf);
        });
        assert_eq!(client.reply().order, "1tT1Z");
    }
    // The same name is another statement for each, and both stand on one connection in turns.
    for round in 0..10 {
        for (client, tenant) in people.iter_mut().zip(["tenant_1", "tenant_2"]) {
            let value = format!("-{round}");
            client.send(|buf| {
                bind(buf, "", "", &[Parameter::text("41")]).unwrap();
                execute(buf, "", 0).unwrap();
                bind(buf, "", "own", &[Parameter::text(&value)]).unwrap();
                execute(buf, "", 0).unwrap();
                sync(buf);
            });
            let reply = client.reply();
            assert_eq!(
                (reply.order.as_str(), reply.shown()),
                ("2DC2DCZ", format!("42;{tenant}-{round}"))
            );
        }
    }
    // A segment in which nothing runs needs no prologue, and the next one does all the same.
    for client in &mut people {
        for _ in 0..3 {
            client.send(|buf| {
                frontend::close_statement(buf, "nothing").unwrap();
                sync(buf);
            });
            assert_eq!(client.reply().order, "3Z");
            assert_eq!(client.ask("select 1").shown(), "1");
        }
    }
    let seen = "select count(*) from pg_prepared_statements where name not like 'rowhouse%'";
    assert_eq!(people[0].ask(seen).shown(), "0");
}

fn portals(stand: &Stand) {
    let mut client = Client::login(&stand.main(), "one", "it");
    client.send(|buf| {
        run(buf, "begin");
        parse(buf, "all", "select tenant || id from note order by id", &[]).unwrap();
        bind(buf, "p", "all", &[]).unwrap();
        execute(buf, "p", 1).unwrap();
        bind(buf, "", "all", &[]).unwrap();
        execute(buf, "", 1).unwrap();
        sync(buf);
    });
    let reply = client.reply();
    assert_eq!(
        (reply.order.as_str(), reply.shown().as_str()),
        ("12nC12Ds2DsZ", "tenant_11;tenant_11")
    );
    // Both go on in the next segment, although the tenant is said again in between.
    client.send(|buf| {
        execute(buf, "", 1).unwrap();
        execute(buf, "p", 0).unwrap();
        sync(buf);
    });
    let reply = client.reply();
    let rows = "tenant_12;tenant_12;tenant_13";
    assert_eq!((reply.order.as_str(), reply.shown().as_str()), ("DsDDCZ", rows));
    client.ask("commit");
    client.send(|buf| {
        execute(buf, "p", 0).unwrap();
        sync(buf);
    });
    assert_eq!(client.reply().error.unwrap().code.as_str(), "34000");
}

fn flush_brings_answers(stand: &Stand) {
    let mut client = Client::login(&stand.main(), "one", "it");
    client.send(|buf| {
        parse(buf, "s", "select id from note where id = $1", &[]).unwrap();
        describe_statement(buf, "s").unwrap();
        flush(buf);
    });
    let kinds: Vec<u8> = (0..3).map(|_| client.message().unwrap().0).collect();
    assert_eq!(kinds, b"1tT");
    client.send(|buf| {
        bind(buf, "", "s", &[Parameter::text("2")]).unwrap();
        execute(buf, "", 0).unwrap();
        sync(buf);
    });
    let reply = client.reply();
    assert_eq!((reply.order.as_str(), reply.shown().as_str()), ("2DCZ", "2"));
}

fn forgotten_statements(stand: &Stand) {
    let mut client = Client::login(&stand.main(), "one", "it");
    let use_it = |client: &mut Client| {
        client.send(|buf| {
            bind(buf, "", "s", &[]).unwrap();
            execute(buf, "", 0).unwrap();
            sync(buf);
        });
        client.reply().shown()
    };
    let forget: &[fn(&mut Client)] = &[
        |client| {
            client.send(|buf| {
                frontend::close_statement(buf, "s").unwrap();
                sync(buf);
            });
            assert_eq!(client.reply().order, "3Z");
        },
        |client| assert_eq!(client.ask("deallocate \"s\"").commands, ["DEALLOCATE"]),
        |client| assert_eq!(client.ask("DEALLOCATE PREPARE s;").commands, ["DEALLOCATE"]),
        |client| assert_eq!(client.ask("deallocate all").commands, ["DEALLOCATE ALL"]),
    ];
    for forget in forget {
        let missing = "26000 prepared statement \"s\" does not exist";
        assert_eq!(use_it(&mut client), missing);
        client.send(|buf| {
            parse(buf, "s", "select 7", &[]).unwrap();
            sync(buf);
        });
        assert_eq!(client.reply().order, "1Z");
        client.send(|buf| {
            parse(buf, "s", "select 8", &[]).unwrap();
            sync(buf);
        });
        assert_eq!(client.reply().shown(), "42P05 prepared statement \"s\" already exists");
        assert_eq!(use_it(&mut client), "7");
        forget(&mut client);
        assert_eq!(use_it(&mut client), missing);
    }
    // What PostgreSQL has not taken is no statement.
    client.send(|buf| {
        parse(buf, "s", "selec", &[]).unwrap();
        sync(buf);
    });
    assert_eq!(client.reply().order, "EZ");
    assert!(use_it(&mut client).starts_with("26000"));
}

fn large_values(stand: &Stand) {
    let mut client = Client::login(&stand.main(), "one", "it");
    let value = "ä".repeat(5_000_000);
    client.send(|buf| {
        parse(buf, "", "select $1::text", &[]).unwrap();
        bind(buf, "", "", &[Parameter::text(&value)]).unwrap();
        execute(buf, "", 0).unwrap();
        sync(buf);
    });
    assert_eq!(client.reply().shown(), value);
    assert_eq!(
        client.ask("select repeat('x', 20000000)").rows[0][0].as_ref().unwrap().len(),
        20_000_000
    );
}

/// A statement that is told to PostgreSQL once more fails in PostgreSQL's words.
fn known_statements_that_fail(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    client.send(|buf| {
        parse(buf, "known", "select distinct tenant from note", &[]).unwrap();
        sync(buf);
    });
    assert_eq!(client.reply().order, "1Z");
    let run = |client: &mut Client| {
        client.send(|buf| {
            bind(buf, "", "known", &[]).unwrap();
            execute(buf, "", 0).unwrap();
            sync(buf);
        });
        client.reply().shown()
    };
    client.ask("begin; select 1 / 0");
    assert!(run(&mut client).starts_with("25P02 current transaction is aborted"));
    client.ask("rollback");
    assert_eq!(run(&mut client), "tenant_1");
}
