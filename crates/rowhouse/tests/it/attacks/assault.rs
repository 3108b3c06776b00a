//! One attack, in each of its places, and what came of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::book::{Attack, Place};
use super::ground::{Ground, Guests};
use crate::answer::Answer;
use crate::person::{Person, Transaction};

/// Stands in all that belongs to others and in nothing that alice could say.
pub const CANARIES: [&str; 2] = ["pearl-of-bob", "pearl-of-carol"];
/// What alice looks at in the end.
pub const LOOK: &str = "select tenant_id, pearl from vault
    union all select tenant_id, what from event order by 1, 2";
/// As much of an answer as helps on a terminal.
pub const TOLD_CHARS: usize = 300;

/// What came of an attack.
#[derive(Debug, Default)]
pub struct Verdict {
    /// SQLSTATEs, names of exceptions, `ok`; one for each place.
    pub outcomes: BTreeSet<String>,
    /// How it got through.
    pub breaches: Vec<String>,
    /// The last answer that was no success.
    pub told: String,
}

impl Ground<'_> {
    /// Has alice do it, and looks what she has done.
    pub fn suffer(&self, attack: &Attack) -> Verdict {
        let mut verdict = Verdict::default();
        for place in &attack.places {
            match &attack.secret {
                None => {
                    self.attempt(attack, *place, &mut verdict, |sql| sql.to_owned());
                }
                Some((theirs, nobodys)) => {
                    let answers = [theirs, nobodys].map(|secret| {
                        // What the one has written must not answer the other.
                        self.restore_own();
                        let told = self.attempt(attack, *place, &mut verdict, |sql| {
                            sql.replace("SECRET", secret)
                        });
                        told.replace(secret.as_str(), "SECRET")
                    });
                    if answers[0] != answers[1] {
                        let told = format!("{place:?}: {} or {}", answers[0], answers[1]);
                        verdict.breaches.push(told);
                    }
                }
            }
        }
        // Refused everywhere, it is looked after with its section.
        if verdict.outcomes.contains("ok") && !attack.reads || !verdict.breaches.is_empty() {
            let traces = self.traces();
            if !verdict.breaches.is_empty() || !traces.is_empty() {
                self.restore();
            }
            verdict.breaches.extend(traces);
        }
        verdict
    }

    /// All steps in one place; what was answered, as text.
    fn attempt(
        &self,
        attack: &Attack,
        place: Place,
        verdict: &mut Verdict,
        spell: impl Fn(&str) -> String,
    ) -> String {
        let guests = self.guests(attack);
        let theirs = attack.bob.as_ref().map(|sql| {
            let begin = || {
                let transaction = guests.bob.begin();
                let pid = transaction.execute("select pg_backend_pid()").word();
                (transaction, pid)
            };
            let (transaction, pid) = begin();
            if transaction.execute(sql).status == 200 {
                return (transaction, pid);
            }
            // In a sealed database bob may not do all of it either.
            transaction.rollback();
            begin()
        });
        let steps: Vec<String> = attack
            .steps
            .iter()
            .map(|step| match &theirs {
                Some((transaction, pid)) => {
                    spell(step).replace("THEIRS", &transaction.id).replace("PID", pid)
                }
                None => spell(step),
            })
            .collect();
        let mut with = attack.with.clone();
        if let (Some((theirs, _)), Some(id)) = (&theirs, with.get_mut("transactionId")) {
            *id = id.as_str().unwrap().replace("THEIRS", &theirs.id).into();
        }
        let answers = act(&guests, place, &steps, &with);
        if let Some((transaction, _)) = theirs {
            let stands = transaction.execute("select 1").status == 200;
            if !(stands && transaction.rollback().status == 200) {
                verdict.breaches.push(format!("{place:?}: bob's transaction is gone"));
            }
        }
        verdict.note(attack, place, &answers)
    }
}

impl Verdict {
    fn note(&mut self, attack: &Attack, place: Place, answers: &Answers) -> String {
        let is_application = matches!(place, Place::App | Place::AppTransaction);
        for answer in answers.steps.iter().chain(&answers.look) {
            // An application may become any tenant: that is what it is for.
            let text = answer.text();
            if !is_application && CANARIES.iter().any(|canary| text.contains(canary)) {
                let text: String = text.chars().take(TOLD_CHARS).collect();
                self.breaches.push(format!("{place:?}: {text}"));
            }
        }
        let failed = answers.steps.iter().find(|answer| answer.status != 200);
        if let Some(failed) = failed {
            self.told = failed.text().chars().take(TOLD_CHARS).collect();
        }
        let outcome = failed.map_or("ok".to_owned(), code);
        if let (Some(expected), Some(last), "ok") =
            (&attack.answers, answers.steps.last(), outcome.as_str())
            && last.rows() != *expected
        {
            self.breaches.push(format!("{place:?}: answered {}", last.rows()));
        }
        self.outcomes.insert(outcome);
        let texts =
            answers.steps.iter().map(|answer| format!("{} {}", answer.status, answer.text()));
        texts.collect::<Vec<_>>().join(" ")
    }
}

/// What was answered to the steps, and to the look behind them.
#[derive(Default)]
struct Answers {
    steps: Vec<Answer>,
    look: Option<Answer>,
}

type With = serde_json::Map<String, Value>;

fn act(guests: &Guests, place: Place, steps: &[String], with: &With) -> Answers {
    let (alice, app) = (&guests.alice, &guests.app);
    match place {
        Place::Alone => alone(alice, "/Execute", steps, with),
        Place::App => alone(app, "/Execute", steps, with),
        Place::Batch => {
            let mut with = with.clone();
            with.entry("parameterSets").or_insert_with(|| json!([[], []]));
            alone(alice, "/BatchExecute", steps, &with)
        }
        Place::Transaction => within(alice, steps, with, |it| it.rollback()),
        Place::Committed => within(alice, steps, with, |it| it.commit()),
        Place::AppTransaction => within(app, steps, with, |it| it.commit()),
        Place::Several => {
            let text = format!("{}; {LOOK}", steps.join("; "));
            alone(alice, "/Execute", &[text], with)
        }
        Place::Together => {
            let statements = steps.iter().map(String::as_str).chain([LOOK]);
            let statements: Vec<Value> = statements.map(|sql| json!({"sql": sql})).collect();
            let mut body = Value::Object(with.clone());
            body["statements"] = statements.into();
            let steps = vec![alice.call("/ExecuteTransaction", &alice.body(body))];
            Answers { steps, look: None }
        }
    }
}

fn alone(person: &Person, path: &str, steps: &[String], with: &With) -> Answers {
    let call = |sql: &String| {
        let mut body = Value::Object(with.clone());
        body["sql"] = sql.as_str().into();
        person.call(path, &person.body(body))
    };
    Answers { steps: steps.iter().map(call).collect(), look: None }
}

fn within(
    person: &Person,
    steps: &[String],
    with: &With,
    end: impl Fn(&Transaction<'_>) -> Answer,
) -> Answers {
    let transaction = person.begin();
    let run = |sql: &String| {
        let call = transaction.sql(sql);
        with.iter().fold(call, |call, (name, value)| call.with(name, value.clone())).run()
    };
    let steps = steps.iter().map(run).collect();
    let look = Some(transaction.execute(LOOK));
    // It may be over already, by the attack's doing.
    end(&transaction);
    Answers { steps, look }
}

/// The SQLSTATE of a failure, or its name where it has none.
fn code(answer: &Answer) -> String {
    let sqlstate = answer.sqlstate();
    if sqlstate.is_empty() { answer.exception().to_owned() } else { sqlstate }
}
