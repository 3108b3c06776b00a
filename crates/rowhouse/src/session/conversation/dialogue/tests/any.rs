//! Any client, any cuts, any server: what PostgreSQL commits and what the client hears is the same
//! as without a dialogue in between, and nothing runs before its tenant was said.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use proptest::prelude::*;
use proptest::sample::select;
use rowhouse_protocol::backend::{CommandTag, ErrorFields, tag};
use rowhouse_protocol::frame;
use rowhouse_protocol::frontend::{self, EncodeError};
use rowhouse_protocol::statement::{SessionEffect, examine};
use rowhouse_tenancy::principal::PrincipalKind;

use super::server::{Manner, Server};
use super::{tags, terms};
use crate::error::{Error, Kind};
use crate::session::conversation::dialogue::{Dialogue, Next, Terms};
use crate::session::conversation::nature::{self, Nature};
use crate::session::conversation::parts::{Renewal, cut};

/// Rounds of a conversation without end; those here take some hundred.
const ROUNDS_MAX: usize = 100_000;

/// What a client may say.
#[derive(Debug, Clone)]
enum Word {
    Query(String),
    Parse(&'static str, &'static str),
    Bind(&'static str, &'static str),
    Describe(bool, &'static str),
    Execute(&'static str, i32),
    Close(bool, &'static str),
    Flush,
    Sync,
    /// A COPY from the client, and whether it is given up: by a text, or by messages.
    Copy {
        in_text: bool,
        fails: bool,
    },
}

/// What is sent before an answer is waited for.
type Turn = Vec<Word>;

const STATEMENTS: &[&str] = &[
    "select 1",
    "select 1",
    "insert into t values (1)",
    "insert into t values (2)",
    "select 1/0",
    "selec",
    "begin",
    "commit",
    "rollback",
    "savepoint s",
    "rollback to s",
    "copy t to stdout",
    "do",
    "set a.b = 1",
    "forbidden",
    "",
];

/// The unnamed statement is used as drivers do, right behind its Parse, and Close of a statement
/// goes where no error can have left it out: behind one, PostgreSQL keeps what was there before,
/// and here it is gone (docs/wire.md).
fn word() -> impl Strategy<Value = Vec<Word>> {
    let statement = || select(STATEMENTS);
    let name = || select(&["a", "b"][..]);
    let portal = || select(&["", "", "p"][..]);
    let at_once = (statement(), portal(), any::<bool>()).prop_map(|(sql, portal, described)| {
        let mut words = vec![Word::Parse("", sql), Word::Bind(portal, "")];
        words.splice(1..1, described.then_some(Word::Describe(false, "")));
        words.push(Word::Execute(portal, 0));
        words
    });
    prop_oneof![
        8 => at_once,
        4 => (name(), statement()).prop_map(|(name, sql)| vec![Word::Parse(name, sql)]),
        4 => (portal(), name()).prop_map(|(portal, name)| vec![Word::Bind(portal, name)]),
        4 => (portal(), 0_i32..2).prop_map(|(portal, max)| vec![Word::Execute(portal, max)]),
        1 => portal().prop_map(|name| vec![Word::Describe(true, name)]),
        1 => name().prop_map(|name| vec![Word::Describe(false, name)]),
        1 => portal().prop_map(|name| vec![Word::Close(true, name)]),
        1 => name().prop_map(|name| vec![Word::Sync, Word::Close(false, name)]),
        1 => Just(vec![Word::Flush]),
        4 => Just(vec![Word::Sync]),
        6 => text().prop_map(|sql| vec![Word::Sync, Word::Query(sql)]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let one = select(STATEMENTS).prop_map(str::to_owned);
    // A syntax error behind a COMMIT is found later than PostgreSQL finds it (docs/wire.md).
    let rest: Vec<&str> = STATEMENTS.iter().copied().filter(|sql| *sql != "selec").collect();
    let several = proptest::collection::vec(select(rest), 2..6).prop_map(|all| all.join("; "));
    prop_oneof![3 => one, 2 => several]
}

fn turn() -> impl Strategy<Value = Turn> {
    let words = proptest::collection::vec(word(), 1..6).prop_map(|words| {
        let mut words = words.concat();
        words.push(Word::Sync);
        words
    });
    let copy = (any::<bool>(), any::<bool>())
        .prop_map(|(in_text, fails)| vec![Word::Copy { in_text, fails }]);
    prop_oneof![7 => words, 1 => copy]
}

fn write(buf: &mut BytesMut, word: &Word) -> Result<(), EncodeError> {
    match word {
        Word::Query(sql) => frontend::query(buf, sql)?,
        Word::Parse(name, sql) => frontend::parse(buf, name, sql, &[])?,
        Word::Bind(portal, name) => frontend::bind(buf, portal, name, &[])?,
        Word::Describe(true, name) => frontend::describe_portal(buf, name)?,
        Word::Describe(false, name) => frontend::describe_statement(buf, name)?,
        Word::Execute(portal, max) => frontend::execute(buf, portal, *max)?,
        Word::Close(true, name) => frontend::close_portal(buf, name)?,
        Word::Close(false, name) => frontend::close_statement(buf, name)?,
        Word::Flush => frontend::flush(buf),
        Word::Sync => frontend::sync(buf),
        Word::Copy { in_text: true, .. } => frontend::query(buf, COPY)?,
        Word::Copy { in_text: false, .. } => {
            frontend::parse(buf, "", COPY, &[])?;
            frontend::bind(buf, "", "", &[])?;
            frontend::execute(buf, "", 0)?;
            frontend::sync(buf);
        }
    }
    Ok(())
}

const COPY: &str = "copy t from stdin";

/// What a client sends when it is asked for the stream.
fn stream(turn: &Turn) -> BytesMut {
    let mut buf = BytesMut::new();
    for word in turn {
        if let Word::Copy { in_text, fails } = word {
            assert!(frontend::copy_data(&mut buf, b"1").is_ok());
            if *fails {
                assert!(frontend::copy_fail(&mut buf, "no").is_ok());
            } else {
                assert!(frontend::copy_data(&mut buf, b"2").is_ok());
                frontend::copy_done(&mut buf);
            }
            if !in_text {
                frontend::sync(&mut buf);
            }
        }
    }
    buf
}

/// As the door judges, but for what is refused and what is a tenant's setting.
fn judge(sql: &str, _types: &[u32]) -> Result<Nature, Error> {
    if sql.contains("forbidden") {
        return Err(Error::new(Kind::ContextProtected, "no"));
    }
    match examine(sql).session {
        SessionEffect::KnownClean => Ok(Nature { clean: true, ..Nature::default() }),
        _ => Ok(nature::of(sql)),
    }
}

/// Somebody to talk to, and the way there.
trait Other {
    fn say(&mut self, words: &mut BytesMut, chance: &mut Chance);
    fn heard(&mut self) -> &mut BytesMut;
}

/// PostgreSQL itself.
impl Other for Server {
    fn say(&mut self, words: &mut BytesMut, _chance: &mut Chance) {
        self.hear(&words.split());
    }

    fn heard(&mut self) -> &mut BytesMut {
        &mut self.answers
    }
}

/// PostgreSQL behind a dialogue.
struct Door {
    dialogue: Dialogue,
    server: Option<Server>,
    manner: Manner,
    come: BytesMut,
    incoming: BytesMut,
    heard: BytesMut,
    /// Bytes of what PostgreSQL says are changed.
    garbled: bool,
    /// Why the session has ended.
    over: Option<String>,
}

impl Door {
    fn new(kind: PrincipalKind, manner: Manner, garbled: bool) -> Door {
        let terms = Terms { judge: Box::new(judge), ..terms(kind) };
        let dialogue = Dialogue::new(Terms { prepared_bytes_max: 1_000_000, ..terms });
        let [come, incoming, heard] = [(); 3].map(|()| BytesMut::new());
        Door { dialogue, server: None, manner, come, incoming, heard, garbled, over: None }
    }

    /// What a conversation's task does, with as many bytes at a time as chance will have it.
    fn round(&mut self, words: &mut BytesMut, chance: &mut Chance) -> bool {
        let before = (words.len(), self.incoming.len(), self.come.len(), self.heard.len());
        self.incoming.extend_from_slice(&words.split_to(chance.upto(words.len())));
        match self.dialogue.next(&mut self.incoming) {
            Ok(Next::Connection(condition)) => {
                let known = self.server.is_some();
                let manner = self.manner.clone();
                self.server.get_or_insert_with(|| Server::new(manner));
                self.dialogue.begin_using(!known, condition, self.manner.lingering);
                return true;
            }
            Ok(Next::Goodbye) => self.over = Some("goodbye".to_owned()),
            Ok(_) => {}
            Err(error) => self.over = Some(error.to_string()),
        }
        let mut moved = false;
        if let Some(server) = &mut self.server {
            let told = &mut self.dialogue.to_server;
            let told = told.split_to(chance.upto(told.len()));
            server.hear(&told);
            let answers = &mut server.answers;
            let mut come = answers.split_to(chance.upto(answers.len()));
            if self.garbled {
                garble(&mut come, chance);
            }
            moved = !told.is_empty() || !come.is_empty();
            self.come.extend_from_slice(&come);
        }
        if let Err(error) = self.dialogue.hear(&mut self.come) {
            self.over = Some(error.to_string());
        }
        self.heard.extend_from_slice(&self.dialogue.to_client.split());
        if self.over.is_none() && self.dialogue.is_done_with_connection() {
            self.give_back(chance);
            return true;
        }
        moved || before != (words.len(), self.incoming.len(), self.come.len(), self.heard.len())
    }

    /// The next transaction may be on this connection or on another.
    fn give_back(&mut self, chance: &mut Chance) {
        let unclean = self.dialogue.traces.unclean;
        self.dialogue.end_using();
        let Some(server) = &self.server else { return };
        let at_rest = server.is_at_rest() && self.come.is_empty();
        assert!(at_rest || self.garbled, "given back in the middle");
        let forgotten = self.dialogue.is_prologue_unknown();
        if unclean || forgotten || chance.upto(3) == 0 {
            self.server = None;
        }
    }
}

impl Other for Door {
    fn say(&mut self, words: &mut BytesMut, chance: &mut Chance) {
        let mut standing = 0;
        for _ in 0..ROUNDS_MAX {
            let moved = self.round(words, chance);
            // Nothing may move because chance has moved nothing.
            standing = if moved { 0 } else { standing + 1 };
            if standing > 100 || self.over.is_some() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn heard(&mut self) -> &mut BytesMut {
        &mut self.heard
    }
}

/// Says all of it, and tells what was heard: each message by its tag and what matters of it.
fn talk(other: &mut impl Other, turns: &[Turn], chance: &mut Chance) -> Vec<String> {
    let mut all = Vec::new();
    for turn in turns {
        let mut words = BytesMut::new();
        for word in turn {
            assert!(write(&mut words, word).is_ok());
        }
        other.say(&mut words, chance);
        let heard = shown(&other.heard().split());
        let asked = heard.iter().any(|message| message == "G");
        all.extend(heard);
        if asked {
            other.say(&mut stream(turn), chance);
            all.extend(shown(&other.heard().split()));
        }
    }
    all
}

fn shown(mut bytes: &[u8]) -> Vec<String> {
    assert_eq!(tags(bytes).len(), tags(bytes).chars().count());
    let mut shown = Vec::new();
    while let Ok(Some((header, body))) = frame::split(bytes, 100_000) {
        let what = match header.tag {
            tag::ERROR_RESPONSE => {
                ErrorFields::decode(body).map(|own| told(&own.code().to_string()))
            }
            tag::COMMAND_COMPLETE => CommandTag::decode(body).map(|own| own.text.to_owned()),
            tag::READY_FOR_QUERY => Ok(String::from_utf8_lossy(body).into_owned()),
            _ => Ok(String::new()),
        };
        let what = what.unwrap_or_else(|error| panic!("{error}"));
        shown.push(format!("{}{what}", char::from(header.tag)));
        bytes.advance(header.len);
    }
    shown
}

/// Where a name is taken, that is told before anything else that is wrong with a statement.
fn told(code: &str) -> String {
    let first = ["42601", "25P02", "42P05"].contains(&code);
    (if first { "a statement that cannot be taken" } else { code }).to_owned()
}

/// Chance of a number, so that what fails can be made smaller.
struct Chance(u64);

impl Chance {
    fn upto(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let drawn = usize::try_from(self.0 >> 40).unwrap_or_default();
        // All of it, as often as not.
        if drawn.is_multiple_of(2) { most } else { drawn / 2 % (most + 1) }
    }
}

fn manner(kind: PrincipalKind, walled: bool, lingering: bool) -> Manner {
    let renew = kind == PrincipalKind::Tenant;
    let refusal = move |sql: &str, in_block: bool| {
        if sql.contains("forbidden") {
            return Some("42501");
        }
        let prologue = kind != PrincipalKind::Admin;
        let parts = prologue.then(|| cut(sql, Renewal { renew, in_block }));
        parts.and_then(Result::err).map(|_| "0A000")
    };
    Manner {
        walled,
        spoils: renew,
        lingering,
        refusal: if walled { Rc::new(|_: &str, _| None) } else { Rc::new(refusal) },
        committed: Rc::new(RefCell::default()),
    }
}

/// Whoever speaks, on an older PostgreSQL or a newer one, with whatever cuts.
fn is_the_same(
    turns: &[Turn],
    kind: PrincipalKind,
    lingering: bool,
    chance: u64,
) -> Result<(), TestCaseError> {
    let direct = manner(kind, false, lingering);
    let expected = talk(&mut Server::new(direct.clone()), turns, &mut Chance(0));
    let behind = manner(kind, kind != PrincipalKind::Admin, lingering);
    let mut door = Door::new(kind, behind.clone(), false);
    let heard = talk(&mut door, turns, &mut Chance(chance));
    prop_assert_eq!(door.over, None);
    prop_assert_eq!(heard, expected);
    prop_assert_eq!(&*behind.committed.borrow(), &*direct.committed.borrow());
    prop_assert!(!door.dialogue.is_waiting());
    Ok(())
}

const KINDS: [PrincipalKind; 3] = [PrincipalKind::Tenant, PrincipalKind::App, PrincipalKind::Admin];

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    proptest::collection::vec(turn(), 1..6)
}

/// Changes a few bytes of a stream.
fn garble(bytes: &mut [u8], chance: &mut Chance) {
    let changes = chance.0 % 4;
    for _ in 0..changes {
        let (at, byte) = (chance.upto(bytes.len()), chance.upto(255));
        // Tags, lengths and small numbers are what matters most.
        let byte = [b'Z', b'E', b'D', b'C', b'G', 0, 4, 255].get(byte % 16).copied();
        if let (Some(own), Some(byte)) = (bytes.get_mut(at), byte) {
            *own = byte;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_dialogue_changes_nothing(
        turns in turns(),
        kind in select(&KINDS[..]),
        lingering in any::<bool>(),
        chance in any::<u64>(),
    ) {
        is_the_same(&turns, kind, lingering, chance)?;
    }

    /// A client may send anything: nobody panics or goes round in circles, PostgreSQL hears
    /// messages only, each tenant is said before what is its own, and connections come back at
    /// rest.
    #[test]
    fn a_client_may_say_anything(
        turns in turns(),
        kind in select(&KINDS[..]),
        lingering in any::<bool>(),
        chance in any::<u64>(),
    ) {
        let walled = kind != PrincipalKind::Admin;
        let mut door = Door::new(kind, manner(kind, walled, lingering), false);
        let mut chance = Chance(chance);
        for turn in turns {
            let mut words = BytesMut::new();
            for word in &turn {
                prop_assert!(write(&mut words, word).is_ok());
            }
            words.extend_from_slice(&stream(&turn));
            garble(&mut words, &mut chance);
            door.say(&mut words, &mut chance);
        }
    }

    /// So may a server: what cannot be understood ends the session, and nothing is made of it.
    #[test]
    fn a_server_may_say_anything(
        turns in turns(),
        kind in select(&KINDS[..]),
        lingering in any::<bool>(),
        chance in any::<u64>(),
    ) {
        let mut door = Door::new(kind, manner(kind, false, lingering), true);
        let mut chance = Chance(chance);
        for turn in turns {
            let mut words = BytesMut::new();
            for word in &turn {
                prop_assert!(write(&mut words, word).is_ok());
            }
            door.say(&mut words, &mut chance);
            // Not more than PostgreSQL and the door have said.
            prop_assert!(door.heard.len() < 100_000);
        }
    }
}
