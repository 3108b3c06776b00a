//! Somebody who moves money through the PostgreSQL door, in every way that drivers have, and knows
//! afterwards what it was told.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend;

use super::ledger::{Ledger, Outcome};
use crate::dice::Dice;
use crate::gateway::KEY_SECRET;
use crate::schema::TENANT_SETTING;
use crate::token;
use crate::wire::client::{Client, Reply};

/// Attempts to come in, one after the other, before the door counts as closed for good.
const LOGINS_MAX: u32 = 500;
/// What is told of what was not done: there is no connection to PostgreSQL, or there was one and
/// what ran on it was rolled back. PostgreSQL itself calls a password wrong when a line is cut in
/// the middle of the proof (`CheckSASLAuth` in auth-sasl.c).
const NOT_DONE: [&str; 4] = ["57P01", "57P03", "53300", "28P01"];
/// What is told of what may have been done.
const UNKNOWN: &str = "08007";

/// Whose money it moves, and how it comes in.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The tenant.
    pub tenant: String,
    /// A user of the configuration; else the tenant has a token.
    pub user: Option<&'static str>,
}

/// A teller with one connection at a time.
pub struct Teller {
    door: SocketAddr,
    database: String,
    desk: Desk,
    number: usize,
    dice: Dice,
    ledger: Arc<Ledger>,
    client: Option<Client>,
    /// The connection knows the named statements.
    prepared: bool,
}

/// One transfer as SQL: what it changes, what it leaves, and what shows whose rows are seen.
struct Transfer {
    mark: String,
    words: [String; 4],
    row: Vec<Option<String>>,
}

/// What was answered, and whether that was all of it.
struct Heard {
    reply: Reply,
    whole: bool,
}

/// How a transfer ended, and whether the connection is still of use.
type Ended = (Outcome, bool);

impl Teller {
    /// Teller number `number` of a seed.
    pub fn new(
        door: SocketAddr,
        database: &str,
        desk: Desk,
        (number, seed): (usize, u64),
        ledger: Arc<Ledger>,
    ) -> Teller {
        let dice = Dice::new(seed, 1_000_000 + number as u64);
        let database = database.to_owned();
        Teller { door, database, desk, number, dice, ledger, client: None, prepared: false }
    }

    /// Moves money once, in one way or another.
    pub fn act(&mut self, turn: usize) {
        let mut client = self.client.take().unwrap_or_else(|| self.login());
        let transfer = self.transfer(turn);
        let (outcome, goes_on) = match self.dice.below(9) {
            0 | 1 => one_by_one(&mut client, &transfer, "commit"),
            2 => one_by_one(&mut client, &transfer, "rollback"),
            3 => in_one_text(&mut client, &transfer, true),
            4 => in_one_text(&mut client, &transfer, false),
            5 => in_a_pipeline(&mut client, &transfer, true),
            6 => in_a_pipeline(&mut client, &transfer, false),
            7 => self.with_names(&mut client, &transfer),
            _ => in_vain(&mut client, &transfer),
        };
        self.ledger.count(outcome);
        self.ledger.note(transfer.mark, outcome);
        if goes_on {
            self.client = Some(client);
        }
    }

    /// Comes in, however often the line is cut meanwhile.
    fn login(&mut self) -> Client {
        self.prepared = false;
        let Desk { tenant, user } = &self.desk;
        let token = token::token(tenant);
        let (user, password) = user.map_or(("anybody", token.as_str()), |user| (user, KEY_SECRET));
        let options = format!("-c {TENANT_SETTING}={tenant}");
        let parameters = [("user", user), ("database", &self.database), ("options", &options)];
        for _ in 0..LOGINS_MAX {
            match Client::knock(self.door).enter(&parameters, password) {
                Some(Ok(client)) => return client,
                Some(Err(error)) => assert!(NOT_DONE.contains(&error.code.as_str()), "{error}"),
                None => {}
            }
        }
        panic!("nobody can come in");
    }

    fn transfer(&mut self, turn: usize) -> Transfer {
        let amount = 1 + self.dice.below(9);
        let mark = format!("{} {turn}", self.number);
        let change = |id: usize, sign: char| {
            format!("update account set balance = balance {sign} {amount} where id = {id}")
        };
        let tenant = &self.desk.tenant;
        let words = [
            change(1, '-'),
            change(2, '+'),
            format!("insert into written values ('{tenant}', '{mark}')"),
            format!("select distinct tenant || ' {mark}' from account"),
        ];
        let row = vec![Some(format!("{tenant} {mark}"))];
        Transfer { mark, words, row }
    }

    /// BEGIN and COMMIT are prepared once, and run in every transaction of the connection.
    fn with_names(&mut self, client: &mut Client, transfer: &Transfer) -> Ended {
        if !self.prepared {
            let prepared = ask(client, |buf| {
                for name in ["begin", "commit"] {
                    frontend::parse(buf, name, name, &[]).unwrap();
                }
            });
            if !prepared.is_well() {
                return undone(client, &prepared);
            }
            self.prepared = true;
        }
        let begun = ask(client, |buf| run(buf, "begin"));
        if !begun.is_well() {
            return undone(client, &begun);
        }
        let heard = ask(client, |buf| {
            for sql in &transfer.words {
                frontend::parse(buf, "", sql, &[]).unwrap();
                run(buf, "");
            }
            run(buf, "commit");
        });
        judge(&heard, transfer, true)
    }
}

/// Each statement by itself, and the next when the one before has been answered.
fn one_by_one(client: &mut Client, transfer: &Transfer, end: &str) -> Ended {
    let mut all = tell(client, "begin");
    for sql in &transfer.words {
        if !all.is_well() {
            return undone(client, &all);
        }
        let Heard { reply, whole } = tell(client, sql);
        all.reply.rows.extend(reply.rows);
        all.reply.commands.extend(reply.commands);
        all = Heard { reply: Reply { error: reply.error, ..all.reply }, whole };
    }
    if !all.is_well() {
        return undone(client, &all);
    }
    let Heard { reply, whole } = tell(client, end);
    all.reply.commands.extend(reply.commands);
    let all =
        Heard { reply: Reply { error: reply.error, status: reply.status, ..all.reply }, whole };
    let (outcome, goes_on) = judge(&all, transfer, true);
    (if end == "rollback" { Outcome::Undone } else { outcome }, goes_on)
}

fn in_one_text(client: &mut Client, transfer: &Transfer, block: bool) -> Ended {
    let words = transfer.words.join("; ");
    let sql = if block { format!("begin; {words}; commit") } else { words };
    judge(&tell(client, &sql), transfer, block)
}

fn in_a_pipeline(client: &mut Client, transfer: &Transfer, block: bool) -> Ended {
    let heard = ask(client, |buf| {
        let words = transfer.words.iter().map(String::as_str);
        let begin = block.then_some("begin").into_iter();
        for sql in begin.chain(words).chain(block.then_some("commit")) {
            frontend::parse(buf, "", sql, &[]).unwrap();
            run(buf, "");
        }
    });
    judge(&heard, transfer, block)
}

/// Something in the middle fails, so nothing of it may be there.
fn in_vain(client: &mut Client, transfer: &Transfer) -> Ended {
    let heard = ask(client, |buf| {
        let [first, second, mark, _] = &transfer.words;
        for sql in ["begin", first, second, mark, "select 1 / 0", "commit"] {
            frontend::parse(buf, "", sql, &[]).unwrap();
            run(buf, "");
        }
    });
    assert!(!heard.reply.commands.iter().any(|command| command == "COMMIT"));
    let error = heard.reply.error.as_ref();
    if error.is_none_or(|error| error.code.as_str() != "22012") {
        return undone(client, &heard);
    }
    (Outcome::Undone, heard.goes_on() && tell(client, "rollback").goes_on())
}

/// Before a COMMIT is said: whatever was answered, nothing is there.
fn undone(client: &mut Client, heard: &Heard) -> Ended {
    heard.check_error();
    (Outcome::Undone, heard.goes_on() && tell(client, "rollback").goes_on())
}

/// What the answer to a transfer says. `block`: its COMMIT has an answer of its own; without one,
/// the end of the answer says it.
fn judge(heard: &Heard, transfer: &Transfer, block: bool) -> Ended {
    let Heard { reply, whole } = heard;
    heard.check_error();
    assert!(reply.rows.iter().all(|row| *row == transfer.row), "{:?}", reply.rows);
    if heard.is_well() {
        let changed = reply.commands.iter().filter(|command| *command == "UPDATE 1").count();
        assert_eq!((reply.rows.len(), changed), (1, 2), "{:?}", reply.commands);
        assert_eq!(reply.status, TransactionStatus::Idle);
    }
    let committed = if block {
        reply.commands.last().is_some_and(|command| command == "COMMIT")
    } else {
        *whole && reply.error.is_none()
    };
    let outcome = match &reply.error {
        _ if committed => Outcome::Done,
        Some(error) if error.code.as_str() != UNKNOWN => Outcome::Undone,
        _ => Outcome::Unknown,
    };
    (outcome, heard.goes_on())
}

fn tell(client: &mut Client, sql: &str) -> Heard {
    // A line that is cut may have carried it all the same.
    let _ = client.say(|buf| frontend::query(buf, sql).unwrap());
    let (reply, whole) = client.heard();
    Heard { reply, whole }
}

/// Messages of the extended protocol, and their end.
fn ask(client: &mut Client, build: impl FnOnce(&mut BytesMut)) -> Heard {
    let _ = client.say(|buf| {
        build(buf);
        frontend::sync(buf);
    });
    let (reply, whole) = client.heard();
    Heard { reply, whole }
}

/// Binds and runs a statement.
fn run(buf: &mut BytesMut, name: &str) {
    frontend::bind(buf, "", name, &[]).unwrap();
    frontend::execute(buf, "", 0).unwrap();
}

impl Heard {
    fn is_well(&self) -> bool {
        self.whole && self.reply.error.is_none()
    }

    fn goes_on(&self) -> bool {
        self.whole && !self.reply.error.as_ref().is_some_and(|error| error.is_fatal())
    }

    /// It says that a connection was lost or could not be had, and what that means.
    fn check_error(&self) {
        let Some(error) = &self.reply.error else { return };
        let code = error.code.as_str();
        assert!(error.is_fatal() && code == UNKNOWN || NOT_DONE.contains(&code), "{error}");
    }
}
