//! What came of an attempt, and what that proves.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::attempt::{Attempt, Command, Expect, Step, Way};

/// What an attempt has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It could not even be tried: a privilege is missing, or the gateway said no.
    Refused,
    /// It was tried, and met the wall.
    Held,
    /// It tells or changes what no policy can keep it from; see the documents.
    Open,
    /// It has shown nothing.
    NotProven,
    /// It got through.
    Crossed,
}

impl Verdict {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Refused => "refused",
            Verdict::Held => "held",
            Verdict::Open => "open",
            Verdict::NotProven => "not proven",
            Verdict::Crossed => "CROSSED",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word().replace(' ', "_").to_lowercase())
    }
}

/// What the server, or the gateway, has answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// To each statement, up to the one that failed.
    pub answers: Vec<Answer>,
    /// Why the next one failed.
    pub failure: Option<Failed>,
}

/// The answer to a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Rows in text format.
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows written.
    pub affected: u64,
}

/// Why a statement failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// Its SQLSTATE.
    pub sqlstate: String,
    /// In words.
    pub message: String,
}

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub reason: String,
}

/// Why nothing is proven by one who sees nothing.
const BLIND: &str = "tenants do not see their own rows, so that not to see others' proves nothing: \
                     look whether --tenant-setting is right";

/// Judges what came of an attempt.
pub fn judge(attempt: &Attempt, way: Way, outcome: &Outcome) -> Judged {
    let judged = plain(attempt, outcome);
    // A setting is changed by whoever may run SQL, and policies are not what could prevent it.
    let own = attempt.command == Command::Context && way == Way::Direct;
    match judged.verdict {
        Verdict::Crossed if own => told(Verdict::Open, "SQL of the role can change its tenant"),
        _ => judged,
    }
}

fn plain(attempt: &Attempt, outcome: &Outcome) -> Judged {
    let steps = attempt.steps.iter().filter(|step| matches!(step, Step::Run(_))).count();
    match &outcome.failure {
        Some(failed) if outcome.answers.len() + 1 < steps => before(attempt, failed),
        Some(failed) => failure(attempt, failed),
        None => match outcome.answers.split_last() {
            Some((last, earlier)) if outcome.answers.len() == steps => {
                success(attempt, last, earlier)
            }
            _ => told(Verdict::NotProven, "not every statement was answered"),
        },
    }
}

/// A step that only prepares has failed. Where it is what changes the tenant, that is the wall.
fn before(attempt: &Attempt, failed: &Failed) -> Judged {
    match (attempt.command, failed.sqlstate.as_str()) {
        (Command::Context | Command::Seal, "42501") => because(Verdict::Refused, failed),
        (Command::Context | Command::Seal, _) => because(Verdict::Held, failed),
        // Another tenant's plan or an own row cannot be had, and so neither what follows.
        (_, "42501") => because(Verdict::Refused, failed),
        _ => because(Verdict::NotProven, failed),
    }
}

fn success(attempt: &Attempt, last: &Answer, earlier: &[Answer]) -> Judged {
    let count = last.rows.len();
    let affected = last.affected;
    match &attempt.expect {
        Expect::OwnRow => match count {
            0 => told(Verdict::NotProven, BLIND),
            _ => told(Verdict::Held, "it came, so that others could have come"),
        },
        Expect::NoRows | Expect::NotLocked => match count {
            0 => told(Verdict::Held, "no row"),
            _ => told(Verdict::Crossed, "a row came back"),
        },
        Expect::NotWritten => match affected {
            0 if attempt.command == Command::Truncate => told(Verdict::Crossed, "it was done"),
            // Policies are asked before keys: with them in the way this had been an error.
            0 if attempt.command == Command::Upsert => {
                told(Verdict::Crossed, "only a key was in its way")
            }
            0 => told(Verdict::Held, "no row was found"),
            _ => told(Verdict::Crossed, "a row was written"),
        },
        Expect::NoMoreThanOwn(own) => {
            let counted = earlier.last().and_then(|answer| answer.rows.first()?.first()?.as_ref());
            let counted = counted.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
            match affected > counted.max(*own) {
                true => told(Verdict::Crossed, "more rows than its own"),
                false => told(Verdict::Held, "none but its own"),
            }
        }
        Expect::OwnRowWritten { .. } => match affected {
            0 => told(Verdict::Crossed, "the key told that the value is there"),
            _ => told(Verdict::Held, "another tenant's key was not in its way"),
        },
        Expect::NotAttached => match affected {
            0 => told(Verdict::NotProven, "the attacker has no row of its own to attach"),
            _ => told(Verdict::Crossed, "it was attached"),
        },
        Expect::NotGranted => match last.rows.first().and_then(|row| row.first()?.as_deref()) {
            Some("f" | "false") => told(Verdict::Held, "it is not granted"),
            _ => told(Verdict::Crossed, "it is granted"),
        },
        Expect::NothingTold { invoker } => nothing_told(last, *invoker),
        Expect::NoOtherTenant { column } => no_other_tenant(attempt, last, column),
        Expect::SameEstimate => same_estimate(last, earlier),
    }
}

fn nothing_told(answer: &Answer, invoker: bool) -> Judged {
    let empty = |value: &Option<String>| {
        let digits = |text: &str| text.chars().all(|c| matches!(c, '0' | '.'));
        value.as_deref().is_none_or(|text| digits(text) || matches!(text, "f" | "false"))
    };
    if answer.rows.iter().flatten().all(empty) {
        return told(Verdict::Held, "nothing came back but zeros");
    }
    match invoker {
        true => told(Verdict::NotProven, "it tells something, with its caller's rights: read it"),
        false => told(Verdict::Crossed, "a row came back"),
    }
}

fn no_other_tenant(attempt: &Attempt, answer: &Answer, column: &str) -> Judged {
    if answer.rows.is_empty() {
        return told(Verdict::Held, "no row");
    }
    let tenants = answer.rows.iter().flatten().flatten().filter_map(|text| {
        let value: Value = serde_json::from_str(text).ok()?;
        let tenant = value.get(column)?;
        match tenant {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    });
    let own = attempt.attacker.as_deref().unwrap_or_default();
    match tenants.into_iter().any(|tenant| tenant != own) {
        true => told(Verdict::Crossed, "rows of another tenant came back"),
        false => told(Verdict::NotProven, "it answers with what has no tenant column: read it"),
    }
}

fn same_estimate(last: &Answer, earlier: &[Answer]) -> Judged {
    let estimate = |answer: &Answer| {
        let text = answer.rows.first()?.first()?.as_deref()?;
        let plan: Value = serde_json::from_str(text).ok()?;
        plan.get(0)?.get("Plan")?.get("Plan Rows")?.as_f64()
    };
    match (earlier.last().and_then(estimate), estimate(last)) {
        (Some(nobody), Some(somebody)) if somebody > nobody * 2.0 => {
            let reason = format!("{somebody} rows are expected, and {nobody} of nobody");
            Judged { verdict: Verdict::Open, reason }
        }
        (Some(_), Some(_)) => told(Verdict::Held, "the planner expects as much of nobody"),
        _ => told(Verdict::NotProven, "the plan cannot be read"),
    }
}

fn failure(attempt: &Attempt, failed: &Failed) -> Judged {
    let class = failed.sqlstate.get(..2).unwrap_or_default();
    let writes = matches!(attempt.expect, Expect::NotWritten | Expect::NoMoreThanOwn(_));
    // Without a tenant a row that somebody else has written is written again: nothing is wrong
    // with its values.
    let unread = attempt.expect == Expect::NoRows || attempt.command == Command::NoTenant;
    let judged = match (failed.sqlstate.as_str(), &attempt.expect) {
        (_, Expect::OwnRow) if attempt.privileged => Verdict::NotProven,
        ("42501", _) if attempt.command == Command::Context => Verdict::Refused,
        ("42501", _) if attempt.privileged => Verdict::Held,
        ("42501", _) => Verdict::Refused,
        // It was reached, and somebody else had it; to wait for the table is something else.
        ("55P03", Expect::NotLocked) if failed.message.contains("on row in relation") => {
            Verdict::Crossed
        }
        ("23503", Expect::NotAttached) => Verdict::Held,
        ("23505" | "23P01", Expect::OwnRowWritten { index })
            if failed.message.contains(index.as_str()) =>
        {
            Verdict::Crossed
        }
        // A partition that is missing is looked for before the policies are; a key that stands in
        // an own row's way says nothing of others'.
        ("23514", _) | (_, Expect::NoMoreThanOwn(_)) => Verdict::NotProven,
        // Constraints are looked at when the policies have let the row through.
        _ if writes && class == "23" => Verdict::Crossed,
        // COPY FROM and its kin are not for tables with policies; COPY not for the gateway.
        ("0A000", _) => Verdict::Refused,
        // An error of the policy itself shows no row: no such setting, no such value, recursion.
        _ if matches!(class, "22" | "P0") && unread => Verdict::Held,
        ("42704" | "42P17", _) => Verdict::Held,
        _ => Verdict::NotProven,
    };
    because(judged, failed)
}

fn because(verdict: Verdict, failed: &Failed) -> Judged {
    let Failed { sqlstate, message } = failed;
    Judged { verdict, reason: format!("{sqlstate}: {message}") }
}

fn told(verdict: Verdict, reason: &str) -> Judged {
    Judged { verdict, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
