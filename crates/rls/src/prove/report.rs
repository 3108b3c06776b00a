//! A proof on paper: a matrix and findings for people, everything that was tried for auditors.
//!
//! Tenants and values of rows are in no report unless somebody asks for them: a report is passed
//! around.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use super::attempt::{Attempt, Command, Context, Statement, Step, Way};
use super::judge::{Judged, Verdict};

/// What was tried on one way, and what came of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What.
    pub attempt: Attempt,
    /// How.
    pub way: Way,
    /// The verdict.
    pub judged: Judged,
    /// The SQLSTATE that it ended with, if it failed.
    pub sqlstate: Option<String>,
}

/// What a proof was made of.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `server_version`.
    pub server: String,
    /// Ours.
    pub rowhouse: &'static str,
    /// When it began, as RFC 3339 has it.
    pub began_at: String,
    /// When it was over.
    pub ended_at: String,
    /// The database.
    pub database: String,
    /// The role of tenants' statements.
    pub role: String,
    /// The settings that carry the tenant.
    pub settings: Vec<String>,
    /// The ways that were taken.
    pub ways: Vec<Way>,
    /// Nothing was to be written.
    pub read_only: bool,
    /// It was made on a copy, with made-up rows.
    pub scratch: bool,
    /// Statements that were sent, on all ways.
    pub statements: u64,
    /// Transactions that wrote, and how many of them did not end in a rollback.
    pub remains: Remains,
}

/// What was looked for afterwards.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remains {
    /// Transactions that had written something.
    pub transactions: usize,
    /// Those of them that PostgreSQL does not call aborted.
    pub not_rolled_back: usize,
}

/// A proof.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What it was made of.
    pub facts: Facts,
    /// Everything that was tried.
    pub tried: Vec<Tried>,
    /// Tables, and why nothing is proven there.
    pub gaps: Vec<(String, String)>,
    /// What a reader should know.
    pub remarks: Vec<String>,
}

/// How a tenant is called in a report; `None` where tenants and values are shown as they are.
pub type Alias<'a> = Option<&'a dyn Fn(&str) -> String>;

/// How much of a value a report shows.
const VALUE_CHARS_MAX: usize = 80;

impl Proof {
    /// Something got through, or something remains.
    pub fn crossed(&self) -> bool {
        self.count(Verdict::Crossed) > 0 || self.facts.remains.not_rolled_back > 0
    }

    /// How many attempts came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.tried.iter().filter(|tried| tried.judged.verdict == verdict).count()
    }

    fn tenants(&self) -> BTreeSet<&str> {
        let attempts = self.tried.iter().map(|tried| &tried.attempt);
        let pairs = attempts.filter(|attempt| attempt.victim.is_some());
        pairs.flat_map(|one| [&one.attacker, &one.victim]).flatten().map(String::as_str).collect()
    }

    fn cells(&self) -> BTreeMap<(&str, Command), Verdict> {
        let mut cells = BTreeMap::new();
        for Tried { attempt, judged, .. } in &self.tried {
            let cell = cells.entry((attempt.object.as_str(), attempt.command));
            let worst = cell.or_insert(judged.verdict);
            *worst = (*worst).max(judged.verdict);
        }
        cells
    }

    fn objects(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let tried = self.tried.iter().map(|tried| &tried.attempt);
        let shown = tried
            .filter(|one| !matches!(one.command, Command::Context | Command::Seal | Command::Call));
        let objects = shown.map(|one| one.object.as_str());
        let gaps = self.gaps.iter().map(|(object, _)| object.as_str());
        objects.chain(gaps).filter(|object| seen.insert(*object)).collect()
    }
}

/// For people.
pub fn text(proof: &Proof, alias: Alias<'_>) -> String {
    let mut text = String::new();
    matrix(proof, &mut text);
    contexts(proof, &mut text);
    for tried in proof.tried.iter().filter(|one| one.judged.verdict == Verdict::Crossed) {
        finding(tried, alias, &mut text);
    }
    unproven(proof, alias, &mut text);
    for remark in &proof.remarks {
        let _ = writeln!(text, "note: {}", one_line(remark));
    }
    summary(proof, &mut text);
    text
}

fn matrix(proof: &Proof, text: &mut String) {
    let cells = proof.cells();
    let objects = proof.objects();
    let wide = objects.iter().map(|object| object.chars().count()).max().unwrap_or_default();
    let _ = write!(text, "{:wide$}", "");
    for command in Command::COLUMNS {
        let _ = write!(text, "  {:>9}", command.word());
    }
    text.push('\n');
    for object in objects {
        let _ = write!(text, "{:wide$}", one_line(object));
        let gap = proof.gaps.iter().any(|(one, _)| one == object);
        for command in Command::COLUMNS {
            let word = match cells.get(&(object, command)) {
                Some(Verdict::NotProven) => "?",
                Some(verdict) => verdict.word(),
                None if gap => "?",
                None => "-",
            };
            let _ = write!(text, "  {word:>9}");
        }
        text.push('\n');
    }
    text.push_str(
        "held: tried, and met the wall; refused: no right to try; ?: not proven, see \
                   below; open: see docs/prove.md; -: nothing to try\n\n",
    );
}

/// The ways to another context are the same for all tables: a line for each way.
fn contexts(proof: &Proof, text: &mut String) {
    for way in &proof.facts.ways {
        let of_way = || {
            let all = proof.tried.iter().filter(|one| one.way == *way);
            all.filter(|one| one.attempt.command == Command::Context)
        };
        let count = |verdict| of_way().filter(|one| one.judged.verdict == verdict).count();
        seal(proof, *way, text);
        let (all, open) = (of_way().count(), count(Verdict::Open));
        if all == 0 {
            continue;
        }
        let _ = match way {
            Way::Direct => writeln!(
                text,
                "directly, {open} of {all} ways to change the tenant by SQL are open: a setting \
                 is no wall against hostile SQL{}",
                if open == 0 { ", and here none gets through" } else { "" }
            ),
            Way::Gateway => writeln!(
                text,
                "through the gateway, {} of {all} ways to change the tenant by SQL got through",
                count(Verdict::Crossed)
            ),
        };
    }
    for tried in &proof.tried {
        let Tried { attempt, judged, .. } = tried;
        let _ = match (attempt.command, judged.verdict) {
            (Command::Call, Verdict::Held | Verdict::Refused) => {
                let object = one_line(&attempt.object);
                writeln!(text, "{object}: called, {}", judged.reason)
            }
            _ => Ok(()),
        };
    }
}

fn seal(proof: &Proof, way: Way, text: &mut String) {
    let of_way = || {
        let all = proof.tried.iter().filter(|one| one.way == way);
        all.filter(|one| one.attempt.command == Command::Seal)
    };
    let crossed = of_way().filter(|one| one.judged.verdict == Verdict::Crossed).count();
    let (words, all) = (way.words(), of_way().count());
    if all > 0 {
        let _ = writeln!(text, "{words}, {crossed} of {all} ways around the seal got through");
    }
}

fn finding(tried: &Tried, alias: Alias<'_>, text: &mut String) {
    let Tried { attempt, way, judged, .. } = tried;
    let way = way.words();
    let _ = writeln!(text, "\nCROSSED {} ({way})", one_line(&attempt.id));
    let called = |tenant: &str| match alias {
        Some(alias) => alias(tenant),
        None => tenant.to_owned(),
    };
    match (&attempt.attacker, &attempt.victim) {
        (Some(attacker), Some(victim)) => {
            let (attacker, victim) = (one_line(&called(attacker)), one_line(&called(victim)));
            let _ = writeln!(text, "    {attacker} against {victim}");
        }
        (Some(attacker), None) => {
            let _ = writeln!(text, "    as {}", one_line(&called(attacker)));
        }
        _ => {}
    }
    let _ = writeln!(text, "    {}: {}", one_line(&reason(judged, alias)), attempt.why);
    for step in &attempt.steps {
        let _ = match step {
            Step::Become(_) => writeln!(text, "    -- as the attacker"),
            Step::Run(statement) => writeln!(text, "    {};", one_line(&statement.sql)),
        };
        if let Step::Run(statement) = step {
            for (index, parameter) in statement.parameters.iter().enumerate() {
                let value = match (alias, &parameter.value) {
                    (Some(_), _) => String::new(),
                    (None, None) => " = null".to_owned(),
                    (None, Some(value)) => format!(" = {}", one_line(&shortened(value))),
                };
                let _ = writeln!(text, "    -- ${}: {}{value}", index + 1, parameter.meaning);
            }
        }
    }
}

/// What has shown nothing, by reason: the same one mostly holds for many.
fn unproven(proof: &Proof, alias: Alias<'_>, text: &mut String) {
    let mut reasons: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (object, reason) in &proof.gaps {
        reasons.entry(reason.clone()).or_default().insert(object.clone());
    }
    for Tried { attempt, judged, .. } in &proof.tried {
        if judged.verdict == Verdict::NotProven {
            let what = format!("{} {}", attempt.object, attempt.command);
            let reason = shortened(&reason(judged, alias));
            reasons.entry(reason).or_default().insert(what);
        }
    }
    for (reason, objects) in reasons {
        let objects: Vec<String> = objects.into_iter().collect();
        let _ =
            writeln!(text, "not proven: {}: {}", one_line(&objects.join(", ")), one_line(&reason));
    }
}

fn summary(proof: &Proof, text: &mut String) {
    let facts = &proof.facts;
    let count = |verdict| proof.count(verdict);
    let ways: Vec<&str> = facts.ways.iter().map(|way| way.words()).collect();
    let _ = writeln!(
        text,
        "\n{}{}: {} attempts as {} {} on PostgreSQL {}, {} statements: {} crossed, {} held, {} \
         refused, {} open, {} not proven",
        facts.database,
        if facts.scratch { " (a copy with made-up rows)" } else { "" },
        proof.tried.len(),
        facts.role,
        ways.join(" and "),
        facts.server,
        facts.statements,
        count(Verdict::Crossed),
        count(Verdict::Held),
        count(Verdict::Refused),
        count(Verdict::Open),
        count(Verdict::NotProven),
    );
    let Remains { transactions, not_rolled_back } = facts.remains;
    let _ = match not_rolled_back {
        0 => writeln!(text, "nothing remains: {transactions} transactions wrote and are aborted"),
        _ => writeln!(
            text,
            "{not_rolled_back} of {transactions} transactions that wrote are not aborted: look \
             what they have left, and report this"
        ),
    };
}

/// For auditors and programs.
pub fn json(proof: &Proof, alias: Alias<'_>) -> Value {
    let facts = &proof.facts;
    let called = |tenant: &str| match alias {
        Some(alias) => alias(tenant),
        None => tenant.to_owned(),
    };
    let tenants: BTreeSet<String> = proof.tenants().into_iter().map(called).collect();
    let cells: Vec<Value> = proof
        .cells()
        .into_iter()
        .map(|((object, command), verdict)| {
            json!({ "object": object, "command": command, "verdict": verdict })
        })
        .collect();
    let attempts: Vec<Value> =
        proof.tried.iter().map(|tried| attempt(tried, alias, &called)).collect();
    let gaps: Vec<Value> = proof
        .gaps
        .iter()
        .map(|(object, reason)| json!({ "object": object, "reason": reason }))
        .collect();
    json!({
        "rowhouse": facts.rowhouse,
        "server": facts.server,
        "began_at": facts.began_at,
        "ended_at": facts.ended_at,
        "database": facts.database,
        "role": facts.role,
        "settings": facts.settings,
        "ways": facts.ways,
        "read_only": facts.read_only,
        "scratch": facts.scratch,
        "tenants": tenants,
        "tenants_hashed": alias.is_some(),
        "counts": {
            "attempts": proof.tried.len(),
            "statements": facts.statements,
            "crossed": proof.count(Verdict::Crossed),
            "held": proof.count(Verdict::Held),
            "refused": proof.count(Verdict::Refused),
            "open": proof.count(Verdict::Open),
            "not_proven": proof.count(Verdict::NotProven),
        },
        "remains": {
            "transactions": facts.remains.transactions,
            "not_rolled_back": facts.remains.not_rolled_back,
        },
        "matrix": cells,
        "gaps": gaps,
        "remarks": proof.remarks,
        "attempts": attempts,
    })
}

fn attempt(tried: &Tried, alias: Alias<'_>, called: &dyn Fn(&str) -> String) -> Value {
    let Tried { attempt, way, judged, sqlstate } = tried;
    let statements: Vec<Value> = attempt
        .steps
        .iter()
        .map(|step| match step {
            Step::Become(_) => json!({ "context": "the attacker's" }),
            Step::Run(statement) => written(statement, alias),
        })
        .collect();
    let context = match (&attempt.context, &attempt.attacker) {
        (Context::Nothing, _) => "nothing is set",
        (Context::Tenant(set), Some(attacker)) if set == attacker => "the attacker's",
        (Context::Tenant(_), Some(_)) => "another tenant's",
        (Context::Tenant(_), None) => "what is no tenant",
    };
    json!({
        "id": attempt.id,
        "object": attempt.object,
        "command": attempt.command,
        "name": attempt.name,
        "why": attempt.why,
        "way": way,
        "attacker": attempt.attacker.as_deref().map(called),
        "victim": attempt.victim.as_deref().map(called),
        "context": context,
        "statements": statements,
        "verdict": judged.verdict,
        "reason": reason(judged, alias),
        "sqlstate": sqlstate,
    })
}

fn written(statement: &Statement, alias: Alias<'_>) -> Value {
    let parameters: Vec<Value> = statement
        .parameters
        .iter()
        .map(|parameter| match alias {
            Some(_) => json!({ "meaning": parameter.meaning }),
            None => json!({ "meaning": parameter.meaning, "value": parameter.value }),
        })
        .collect();
    json!({ "sql": statement.sql, "parameters": parameters })
}

/// The words of some errors repeat values.
fn reason(judged: &Judged, alias: Alias<'_>) -> String {
    let hides = ["22", "23", "P0"].iter().any(|class| judged.reason.starts_with(class));
    match (alias, judged.reason.split_once(": ")) {
        (Some(_), Some((sqlstate, _))) if hides => sqlstate.to_owned(),
        _ => judged.reason.clone(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A name or value with a line break in it must not begin a line of its own, and none may move the
/// reader's cursor.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
