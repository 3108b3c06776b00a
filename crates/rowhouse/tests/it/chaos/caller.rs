//! One of many callers: says things, and judges what it is told.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ledger::{Ledger, Outcome};
use crate::answer::Answer;
use crate::gateway::{APP_KEY, KEY_SECRET};
use crate::person::{Credential, Person, Transaction};
use crate::schema::tenant;
use crate::signature::Signer;
use crate::token;

/// A caller with one connection, for all tenants in turn.
pub struct Caller {
    person: Person,
    number: u32,
    /// What it has done so far, which is what it does next and how it names what it writes.
    turn: u32,
    ledger: Arc<Ledger>,
}

impl Caller {
    /// Caller number `number`.
    pub fn new(door: SocketAddr, number: u32, ledger: Arc<Ledger>) -> Caller {
        Caller { person: Person::new(door, Credential::None), number, turn: 0, ledger }
    }

    /// Does the next thing, as the next tenant.
    pub fn act(&mut self) {
        self.turn += 1;
        // 37 has no factor in common with the number of tenants: all of them come.
        let name = tenant(self.turn * 37 + self.number);
        self.person.credential = Credential::Bearer(token::token(&name));
        match (self.turn + self.number) % 8 {
            0 => self.count(&name),
            1 | 2 => self.read(&name),
            3 => self.write(&name),
            4 => self.write_many(&name),
            5 => self.write_in_transaction(&name),
            6 => self.transfer(&name),
            _ => self.as_application(&name),
        }
    }

    fn mark(&self, what: &str) -> String {
        format!("{what} {} {}", self.number, self.turn)
    }

    fn count(&self, name: &str) {
        let answer = self.person.execute("select tenant, count(*) from note group by tenant");
        self.judge_read(&answer, &json!([[name, 3]]));
    }

    fn read(&self, name: &str) {
        let id = i64::from(self.turn % 3 + 1);
        let answer = self.person.sql("select body from note where id = :id").long("id", id).run();
        self.judge_read(&answer, &json!([[format!("note {id} of {name}")]]));
    }

    fn judge_read(&self, answer: &Answer, expected: &Value) {
        if self.judge(answer) == Outcome::Done {
            assert_eq!(&answer.rows(), expected);
        }
    }

    fn write(&self, name: &str) {
        let mark = self.mark("one");
        let sql = "insert into written values (:tenant, :mark)";
        let answer = self.person.sql(sql).text("tenant", name).text("mark", &mark).run();
        let outcome = self.judge(&answer);
        self.ledger.note(mark, outcome);
    }

    /// A batch is there as a whole or not at all: its marks have one outcome.
    fn write_many(&self, name: &str) {
        let marks: Vec<String> = (0..3).map(|part| self.mark(&format!("many {part}"))).collect();
        let set = |mark: &String| {
            json!([
                {"name": "tenant", "value": {"stringValue": name}},
                {"name": "mark", "value": {"stringValue": mark}},
            ])
        };
        let sets: Value = marks.iter().map(set).collect();
        let answer = self.person.batch("insert into written values (:tenant, :mark)", &sets);
        let outcome = self.judge(&answer);
        self.ledger.note_together(marks, outcome);
    }

    fn write_in_transaction(&self, name: &str) {
        let Some(transaction) = self.begin() else { return };
        let mark = self.mark("explicit");
        let sql = "insert into written values (:tenant, :mark)";
        let answer = transaction.sql(sql).text("tenant", name).text("mark", &mark).run();
        let outcome = match self.judge_in(&answer) {
            Outcome::Done if self.turn.is_multiple_of(3) => {
                self.judge_in(&transaction.rollback());
                Outcome::Undone
            }
            Outcome::Done => self.judge_in(&transaction.commit()),
            // Whatever became of a statement, without a commit it is not there.
            _ => Outcome::Undone,
        };
        self.ledger.note(mark, outcome);
    }

    fn transfer(&self, name: &str) {
        let Some(transaction) = self.begin() else { return };
        let amount = i64::from(self.turn % 10 + 1);
        let sql = "update account set balance = balance + :a where id = :id";
        for (id, amount) in [(1, -amount), (2, amount)] {
            let answer = transaction.sql(sql).long("a", amount).long("id", id).run();
            if self.judge_in(&answer) != Outcome::Done {
                return;
            }
            assert_eq!(answer.json()["numberOfRecordsUpdated"], 1, "{name}");
        }
        self.judge_in(&transaction.commit());
    }

    /// As the seed documents do it: begin, SET, select, commit.
    fn as_application(&mut self, name: &str) {
        let signer = Signer::new(APP_KEY, KEY_SECRET);
        self.person.credential = Credential::Aws(Box::new(signer));
        let answer = self.person.execute("select count(*) from note");
        self.judge_read(&answer, &json!([[0]]));
        let Some(transaction) = self.begin() else { return };
        let set = transaction.execute(&format!("set app.current_tenant = '{name}'"));
        if self.judge_in(&set) == Outcome::Done {
            let answer = transaction.execute("select distinct tenant from note");
            if self.judge_in(&answer) == Outcome::Done {
                assert_eq!(answer.rows(), json!([[name]]));
                self.judge_in(&transaction.commit());
            }
        }
    }

    fn begin(&self) -> Option<Transaction<'_>> {
        let answer = self.person.call("/BeginTransaction", &self.person.body(json!({})));
        if self.judge(&answer) != Outcome::Done {
            return None;
        }
        Some(self.person.transaction(answer.json()["transactionId"].as_str().unwrap()))
    }

    /// What an answer outside of transactions says; it must be one of the documented ones.
    fn judge(&self, answer: &Answer) -> Outcome {
        let outcome = match (answer.status, answer.exception()) {
            (200, _) => Outcome::Done,
            (504, "DatabaseUnavailableException") | (503, "ServiceUnavailableError") => {
                Outcome::Undone
            }
            (400, "DatabaseErrorException") if answer.sqlstate() == "08007" => Outcome::Unknown,
            _ => panic!("{} {}", answer.status, answer.text()),
        };
        self.ledger.count(outcome);
        outcome
    }

    /// The same inside of one: it can be gone, and then nothing of it is there.
    fn judge_in(&self, answer: &Answer) -> Outcome {
        if (answer.status, answer.exception()) == (404, "TransactionNotFoundException") {
            self.ledger.count(Outcome::Undone);
            return Outcome::Undone;
        }
        self.judge(answer)
    }
}
