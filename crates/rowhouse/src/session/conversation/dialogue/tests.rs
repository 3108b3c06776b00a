//! Bytes in, bytes out: what PostgreSQL is told, what the client hears, and servers that say
//! anything.
#![allow(clippy::panic)]

mod any;
mod server;

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use rowhouse_protocol::frame;
use rowhouse_protocol::frontend::{self, EncodeError};
use rowhouse_tenancy::ids::{SettingName, TenantId};
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use rowhouse_tenancy::prologue::{Context, Prologue};
use rowhouse_tenancy::seal::{SealKey, SealKeyId};

use super::{Dialogue, Next, Terms};
use crate::error::{Error, Kind};
use crate::pool::Condition;
use crate::session::conversation::nature::{self, Nature};

fn judge(sql: &str, _types: &[u32]) -> Result<Nature, Error> {
    match sql {
        "forbidden" => Err(Error::new(Kind::ContextProtected, "no")),
        sql if sql.starts_with("select") => Ok(Nature { clean: true, ..Nature::default() }),
        sql => Ok(nature::of(sql)),
    }
}

fn dialogue(kind: PrincipalKind) -> Dialogue {
    Dialogue::new(terms(kind))
}

fn terms(kind: PrincipalKind) -> Terms {
    let names: Arc<[SettingName]> = SettingName::parse("app.t").into_iter().collect();
    let tenant = TenantId::parse("1").map(|one| Principal::for_tenant(one, "t"));
    let principal = match (kind, tenant) {
        (PrincipalKind::Tenant, Ok(tenant)) => tenant,
        (PrincipalKind::Admin, _) => Principal::for_admin("a"),
        _ => Principal::for_app("a"),
    };
    Terms {
        judge: Box::new(judge),
        kind,
        fixed: kind == PrincipalKind::Tenant,
        prologue: Prologue::for_principal(&principal, &names, Context::Standard),
        settings: vec![("client_min_messages".to_owned(), "notice".to_owned())],
        context: Context::Standard,
        now: || 0,
        message_bytes_max: 10_000,
        sql_bytes_max: 5000,
        prepared_bytes_max: 1000,
    }
}

/// The tags of what is there.
fn tags(mut bytes: &[u8]) -> String {
    let mut tags = String::new();
    while let Ok(Some((header, _))) = frame::split(bytes, 100_000) {
        tags.push(char::from(header.tag));
        bytes = bytes.get(header.len..).unwrap_or_default();
    }
    assert!(bytes.is_empty());
    tags
}

/// Messages by their tags: `Q:text`, `P:text`, others as they are, with nothing in them.
fn said(words: &[&str]) -> BytesMut {
    let mut buf = BytesMut::new();
    for word in words {
        let written: Result<(), EncodeError> = match word.split_once(':') {
            Some(("Q", sql)) => frontend::query(&mut buf, sql),
            Some((_, sql)) => frontend::parse(&mut buf, "", sql, &[]),
            None => match *word {
                "B" => frontend::bind(&mut buf, "", "", &[]),
                "D" => frontend::describe_portal(&mut buf, ""),
                "E" => frontend::execute(&mut buf, "", 0),
                "c" => {
                    frontend::copy_done(&mut buf);
                    Ok(())
                }
                "d" => frontend::copy_data(&mut buf, b"x"),
                _ => {
                    frontend::sync(&mut buf);
                    Ok(())
                }
            },
        };
        assert!(written.is_ok());
    }
    buf
}

/// Answers by their tags; `I`, `T`, `F` behind a `Z` is the status it tells (`F`: failed).
fn answered(words: &str) -> BytesMut {
    let mut buf = BytesMut::new();
    let mut words = words.chars();
    while let Some(word) = words.next() {
        let body: Vec<u8> = match word {
            'Z' => match words.next() {
                Some('F') => b"E".to_vec(),
                status => status.into_iter().map(|status| status as u8).collect(),
            },
            'C' => b"SELECT 1\0".to_vec(),
            'E' => b"SERROR\0VERROR\0C22012\0Mno\0\0".to_vec(),
            _ => Vec::new(),
        };
        buf.put_u8(word as u8);
        buf.put_u32(u32::try_from(body.len() + 4).unwrap_or_default());
        buf.put_slice(&body);
    }
    buf
}

/// What one kind of caller says, what PostgreSQL is told, what it answers, what the caller hears.
type Exchange = (PrincipalKind, &'static [&'static str], &'static str, &'static str, &'static str);

/// What each session begins with is `PBES`, the prologue for the first time `CPBEC`.
const EXCHANGES: &[Exchange] = &[
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQ", "312DC3TDCZI", "TDCZ"),
    (PrincipalKind::Admin, &["Q:select 1"], "PBESQ", "12DCZITDCZI", "TDCZ"),
    (PrincipalKind::Tenant, &["Q:begin"], "PBESQ", "12DCZICZT", "CZ"),
    (
        PrincipalKind::Tenant,
        &["P:select 1", "B", "D", "E", "S"],
        "CPBECPBDES",
        "312DC312TDCZI",
        "12TDCZ",
    ),
    (
        PrincipalKind::Tenant,
        &["P:begin", "B", "E", "P:select 1", "B", "E", "S"],
        "PBESPBECPBECPBES",
        "12DCZI12C312DC312DCZT",
        "12C12DCZ",
    ),
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQ", "312DC3EZI", "EZ"),
    // The prologue is refused: PostgreSQL leaves the query out and is asked for its end.
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQS", "31EZI", "EZ"),
    // The text is refused: something that fails goes in its place.
    (
        PrincipalKind::Tenant,
        &["P:select 1", "P:forbidden", "E", "S"],
        "PBESCPBECPBHS",
        "12DCZI312DC31EZI",
        "1EZ",
    ),
    (
        PrincipalKind::App,
        &["Q:copy t from stdin", "d", "c"],
        "PBESCPBECQdc",
        "12DCZI312DC3GCZI",
        "GCZ",
    ),
    // A stream that PostgreSQL has not asked for yet, all of it and its beginning.
    (
        PrincipalKind::App,
        &["P:copy t from stdin", "B", "E", "d", "c", "S"],
        "PBESCPBECPBEdcS",
        "12DCZI312DC312GCZI",
        "12GCZ",
    ),
    (
        PrincipalKind::App,
        &["P:copy t from stdin", "B", "E", "d", "S", "d", "c", "S"],
        "PBESCPBECPBEdSdcS",
        "12DCZI312DC312GCZI",
        "12GCZ",
    ),
    (
        PrincipalKind::App,
        &["P:copy t from stdin", "B", "E", "S", "d", "c", "S"],
        "PBESCPBECPBESdcS",
        "12DCZI312DC312GCZI",
        "12GCZ",
    ),
    // It has failed: behind an error each Sync is answered.
    (
        PrincipalKind::App,
        &["P:copy t from stdin", "B", "E", "S"],
        "PBESCPBECPBES",
        "12DCZI312DC312GEZI",
        "12GEZ",
    ),
    (
        PrincipalKind::App,
        &["P:copy t from stdin", "B", "E", "S", "d", "S"],
        "PBESCPBECPBESdS",
        "12DCZI312DC312GEZI",
        "12GEZ",
    ),
    (
        PrincipalKind::App,
        &["P:copy t from stdin", "B", "E", "d", "S"],
        "PBESCPBECPBEdS",
        "12DCZI312DC312GEZI",
        "12GEZ",
    ),
    // Between parts of a text the client hears nothing of their ends, and each has the prologue.
    (
        PrincipalKind::Tenant,
        &["Q:values (1); commit; select 2"],
        "PBESCPBECQBECQ",
        "12DCZI312DC3TDCCZI2DC3TDCZI",
        "TDCCTDCZ",
    ),
    // A transaction that cannot be committed fails at its Sync.
    (PrincipalKind::Tenant, &["P:select 1", "B", "E", "S"], "CPBECPBES", "312DC312DCEZI", "12DCEZ"),
    // A query behind an error is left out, as PostgreSQL does, until there is a Sync.
    (PrincipalKind::Tenant, &["P:select 1", "Q:select 2", "S"], "CPBECPQS", "312DC3EZI", "EZ"),
    // What is refused needs no connection.
    (PrincipalKind::Tenant, &["Q:forbidden"], "", "", "EZ"),
    (PrincipalKind::Tenant, &["P:forbidden", "B", "E", "S"], "", "", "EZ"),
];

/// The same with servers whose pipelines outlive a Query: what closes it is `PS` behind it.
const LINGERING: &[Exchange] = &[
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQPS", "312DC3TDCZT1ZI", "TDCZ"),
    (PrincipalKind::Admin, &["Q:select 1"], "PBESQ", "12DCZITDCZI", "TDCZ"),
    (PrincipalKind::Tenant, &["Q:begin"], "PBESQ", "12DCZICZT", "CZ"),
    // Inside a block the client says where it ends.
    (
        PrincipalKind::Tenant,
        &["Q:begin", "Q:select 1", "Q:commit"],
        "PBESQCPBECQBECQ",
        "12DCZICZT312DC3TDCZT2DC3CZI",
        "CZTDCZCZ",
    ),
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQPS", "312DC3EZI1ZI", "EZ"),
    // What cannot be committed has not completed.
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQPS", "312DC3TDCZT1EZI", "TDEZ"),
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQPS", "312DC3TDCZTEZI", "TDEZ"),
    // The prologue is refused, and the Sync is there already.
    (PrincipalKind::Tenant, &["Q:select 1"], "CPBECQPS", "31EZI", "EZ"),
    (
        PrincipalKind::Tenant,
        &["Q:values (1); commit; select 2"],
        "PBESCPBECQPSBECQPS",
        "12DCZI312DC3TDCCZI1ZI2DC3TDCZT1ZI",
        "TDCCTDCZ",
    ),
    (
        PrincipalKind::Tenant,
        &["Q:values (1); commit; select 2"],
        "PBESCPBECQPS",
        "12DCZI312DC3EZI1ZI",
        "EZ",
    ),
    (
        PrincipalKind::Tenant,
        &["Q:values (1); commit; select 2"],
        "PBESCPBECQPS",
        "12DCZI312DC3TDCZT1EZI",
        "TDEZ",
    ),
    // A Query behind an error: what its Sync brings is not heard, and the client's own is.
    (PrincipalKind::Tenant, &["P:select 1", "Q:select 2", "S"], "CPBECPQPSS", "312DC3EZIZI", "EZ"),
    // In a stream a Sync would be lost.
    (
        PrincipalKind::App,
        &["Q:copy t from stdin", "d", "c"],
        "PBESCPBECQdcPS",
        "12DCZI312DC3GCZT1ZI",
        "GCZ",
    ),
    (PrincipalKind::App, &["Q:lock t"], "PBESQ", "12DCZIEZI", "EZ"),
];

/// Says and hears `step` bytes of the answers at a time; gives what was told and heard.
fn converse(exchange: &Exchange, lingering: bool, step: usize) -> (String, String) {
    let (kind, words, _, answers, _) = *exchange;
    let mut dialogue = dialogue(kind);
    let (mut words, mut answers) = (said(words), answered(answers));
    let mut come = BytesMut::new();
    loop {
        match dialogue.next(&mut words) {
            Ok(Next::Connection(condition)) => dialogue.begin_using(true, condition, lingering),
            Ok(Next::Taken) => {}
            Ok(_) if answers.is_empty() => break,
            Ok(_) => {
                come.extend_from_slice(&answers.split_to(answers.len().min(step)));
                if let Err(error) = dialogue.hear(&mut come) {
                    panic!("{error}");
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    (tags(&dialogue.to_server), tags(&dialogue.to_client))
}

#[test]
fn what_is_told_and_heard() {
    for (exchanges, lingering) in [(EXCHANGES, false), (LINGERING, true)] {
        for exchange in exchanges {
            let (_, words, told, _, heard) = *exchange;
            // Not more: what follows a COPY stream is not said before the stream has come.
            for step in [1, 7] {
                let found = converse(exchange, lingering, step);
                assert_eq!(found, (told.to_owned(), heard.to_owned()), "{words:?} by {step}");
            }
        }
    }
}

#[test]
fn a_server_may_say_anything() {
    for (kind, words, _, answers, _) in EXCHANGES {
        let good = answered(answers);
        for at in 0..good.len() {
            for byte in *b"\0\x7f\xffEZCDd123GIT" {
                let mut dialogue = dialogue(*kind);
                let mut words = said(words);
                while let Ok(next) = dialogue.next(&mut words) {
                    match next {
                        Next::Connection(condition) => dialogue.begin_using(true, condition, false),
                        Next::Taken => {}
                        _ => break,
                    }
                }
                let mut changed = good.clone();
                changed.iter_mut().skip(at).take(1).for_each(|own| *own = byte);
                // An error ends the connection; nothing panics, and nothing of ours is heard.
                let _ = dialogue.hear(&mut changed);
                assert!(dialogue.to_client.len() <= good.len() + 200);
            }
        }
    }
}

#[test]
fn statements_of_a_client_are_bounded() {
    let mut dialogue = dialogue(PrincipalKind::App);
    dialogue.begin_using(false, Condition::Pristine, false);
    let mut refused = 0;
    for number in 0..20 {
        let mut words = BytesMut::new();
        let name = format!("s{number}");
        assert!(frontend::parse(&mut words, &name, "select 1", &[]).is_ok());
        frontend::sync(&mut words);
        while let Ok(Next::Taken) = dialogue.next(&mut words) {}
        // The first is answered behind the settings and the prologue.
        let told = tags(&dialogue.to_server.split());
        let ours = if number == 0 { "12DCZI2DC3" } else { "2DC3" };
        let ours = if told.contains("BEC") { ours } else { "" };
        let answer = if told.ends_with("BS") || told.ends_with("BHS") { "EZI" } else { "1ZI" };
        refused += usize::from(answer == "EZI");
        assert!(dialogue.hear(&mut answered(&format!("{ours}{answer}"))).is_ok(), "{told}");
    }
    assert!((10..20).contains(&refused), "{refused}");
}

#[test]
fn texts_are_held_once() {
    let mut dialogue = dialogue(PrincipalKind::App);
    dialogue.begin_using(false, Condition::Clean, false);
    for _ in 0..3 {
        let mut words = BytesMut::new();
        assert!(frontend::parse(&mut words, "", "select 1", &[]).is_ok());
        assert!(matches!(dialogue.next(&mut words), Ok(Next::Taken)));
    }
    // As the unnamed statement, and as what the connection knows: not by those who wait for it.
    assert_eq!(dialogue.unnamed.as_ref().map(std::rc::Rc::strong_count), Some(2));
    assert!(dialogue.expected.len() >= 3);
}

/// The token of a transaction that a COMMIT in the middle of a segment begins is made when that
/// has been answered: one that was made before could have ended meanwhile.
#[test]
fn tokens_are_made_when_their_transaction_begins() {
    let one = TenantId::parse("1").map(|one| Principal::for_tenant(one, "t"));
    let Ok(one) = one else { panic!("a tenant") };
    let names: Arc<[SettingName]> = Arc::new([]);
    let mut dialogue = Dialogue::new(Terms {
        prologue: Prologue::for_principal(&one, &names, Context::Sealed),
        context: Context::Sealed,
        ..terms(PrincipalKind::Tenant)
    });
    let (_, key) = SealKey::new(SealKeyId::FIRST, [7; 32]).register(1, "r", [0; 16], 0);
    let mut words = said(&["P:commit", "B", "E", "P:select 1", "B", "E", "S"]);
    let taken = |dialogue: &mut Dialogue, words: &mut BytesMut| loop {
        match dialogue.next(words) {
            Ok(Next::Connection(condition)) => {
                dialogue.key = Some(key.clone());
                dialogue.begin_using(true, condition, false);
            }
            Ok(Next::Taken) => {}
            next => return next.ok(),
        }
    };
    assert_eq!(taken(&mut dialogue, &mut words), Some(Next::Later));
    assert_eq!(tags(&dialogue.to_server.split()), "PBESCPBECPBEH");
    assert!(dialogue.is_waiting());
    // Asked again it waits, and says so once.
    assert_eq!(taken(&mut dialogue, &mut words), Some(Next::Later));
    assert!(dialogue.to_server.is_empty());
    assert!(dialogue.hear(&mut answered("12CZI312DC312C")).is_ok());
    assert_eq!(taken(&mut dialogue, &mut words), Some(Next::Later));
    assert_eq!(tags(&dialogue.to_server), "BECPBES");
    assert_eq!(tags(&dialogue.to_client), "12C");
}

/// Detail of errors and notices is not for tenants of a sealed database.
#[test]
fn reports_are_plain_in_a_sealed_database() {
    for (kind, context, plain) in [
        (PrincipalKind::Tenant, Context::Sealed, true),
        (PrincipalKind::App, Context::Sealed, false),
        (PrincipalKind::Admin, Context::Sealed, false),
        (PrincipalKind::Tenant, Context::Standard, false),
    ] {
        for tag_byte in *b"NE" {
            let mut dialogue = Dialogue::new(Terms { context, ..terms(kind) });
            let mut report = BytesMut::new();
            let fields = b"SERROR\0C22012\0Mno\0Dvalue\0\0";
            report.put_u8(tag_byte);
            report.put_u32(4 + fields.len() as u32);
            report.put_slice(fields);
            assert!(dialogue.hear(&mut report).is_ok());
            let told = String::from_utf8_lossy(&dialogue.to_client).into_owned();
            assert_eq!(told.contains("value"), !plain, "{kind:?} {context:?}");
            assert!(told.contains("Mno"));
        }
    }
}
