//! The attacks of the book through the PostgreSQL door: in either protocol, message by message, in
//! texts, in transaction blocks and in pipelines, each with a look at everything behind it.
//!
//! What is answered there may differ from the Data API (several statements in one text are fine);
//! what it comes to may not. Attacks that work, and those that are made of members of a request,
//! are the Data API's alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::assault::{CANARIES, LOOK, TOLD_CHARS, Verdict};
use super::book::{Attack, Context, Place, Section};
use super::ground::{Door, Ground, Guests};
use crate::stand::Stand;
use crate::wire::caller::{Caller, Heard};

/// How alice says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each step a simple query, and the look another.
    Queries,
    /// In a transaction block, each step by the extended protocol with a Sync of its own.
    Steps,
    /// All in one text.
    Text,
    /// The same in a transaction block, with a look behind its end.
    BlockText,
    /// All up to one Sync.
    Pipeline,
    /// The same in a transaction block, with a look behind its end.
    BlockPipeline,
}

const WAYS: [Way; 6] =
    [Way::Queries, Way::Steps, Way::Text, Way::BlockText, Way::Pipeline, Way::BlockPipeline];

/// Attacks between two looks at rows and catalog.
const LOOKS_APART: usize = 5;
/// Faults that are nobody's but ours.
const DEFECTS: [&str; 2] = ["XX000", "silence"];

/// Alice, bob or `app` at the gateway where they meet.
pub fn guest(guests: &Guests, name: &'static str) -> Caller {
    Caller::new(&guests.gateway, &guests.database, name)
}

/// What of it belongs to others.
pub fn foreign(heard: &Heard) -> Option<String> {
    let found = CANARIES.iter().any(|canary| heard.text.contains(canary));
    found.then(|| shortened(&heard.text))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TOLD_CHARS).collect()
}

/// Bob by himself and in a transaction, and an application without a tenant: what they see of those
/// who had the connection before them.
pub fn witnesses([bob, app]: &mut [Caller; 2], look: &str) -> [Value; 3] {
    let rows = |heard: Heard| match &heard.code {
        None => serde_json::to_value(&heard.rows).unwrap(),
        Some(_) => heard.text.into(),
    };
    let alone = rows(bob.ask(look));
    bob.ask("begin");
    let within = rows(bob.ask(look));
    bob.ask("rollback");
    [alone, within, rows(app.ask(look))]
}

/// Every attack of a section that can be said here.
pub fn hold(stand: &Stand, context: Context, section: &Section) {
    let ground = Ground::of(stand, context, Door::Wire);
    let can_be_said = |attack: &&Attack| {
        let of_http = |step: &String| step.contains("THEIRS") || step.contains('\0');
        !attack.expected(context).works
            && attack.with.is_empty()
            && !attack.steps.iter().any(of_http)
    };
    let mut wrong = Vec::new();
    let mut alice = None;
    for (number, attack) in section.attacks.iter().filter(can_be_said).enumerate() {
        let mut verdict = suffer(&ground, attack, &mut alice);
        if verdict.outcomes.contains("ok") && !attack.reads || !verdict.breaches.is_empty() {
            alice = None;
            // What an attack has done to rows and catalog stays; how sessions are, does not.
            let traces = match number % LOOKS_APART {
                0 => ground.traces(),
                _ => ground.other_sessions(),
            };
            if !verdict.breaches.is_empty() || !traces.is_empty() {
                ground.restore();
            }
            verdict.breaches.extend(traces);
        }
        let defects = verdict.outcomes.iter().any(|code| DEFECTS.contains(&code.as_str()));
        if defects || !verdict.breaches.is_empty() {
            let Verdict { outcomes, breaches, told } = verdict;
            wrong.push(format!("{}: {breaches:?} {outcomes:?} {told}", attack.name));
        }
    }
    drop(alice);
    assert_eq!(ground.traces(), Vec::<String>::new(), "something is left of {}", section.name);
    assert!(wrong.is_empty(), "{} attacks of {}:\n{}", wrong.len(), section.name, wrong.join("\n"));
}

/// Has alice do it in every way. She keeps her connection for the next attack.
fn suffer(ground: &Ground<'_>, attack: &Attack, alice: &mut Option<Caller>) -> Verdict {
    let mut verdict = Verdict::default();
    let guests = ground.guests(attack);
    let is_app = attack.places.iter().all(|it| matches!(it, Place::App | Place::AppTransaction));
    let name = if is_app { "app" } else { "alice" };
    let same = |caller: &Caller| caller.is(name) && caller.is_at(&guests.gateway);
    let mut caller = alice.take().filter(same).unwrap_or_else(|| guest(&guests, name));
    let bob = attack.bob.as_ref().map(|sql| {
        let mut bob = guest(&guests, "bob");
        bob.ask("begin");
        let pid = bob.ask("select pg_backend_pid()").rows[0][0].clone().unwrap();
        // In a sealed database bob may not do all of it either.
        if bob.ask(sql).code.is_some() {
            bob.ask("rollback");
            bob.ask("begin");
        }
        (bob, pid)
    });
    for way in WAYS {
        let spell = |secret: &str| -> Vec<String> {
            let pid = bob.as_ref().map_or("0", |(_, pid)| pid);
            let steps = attack.steps.iter().map(|step| ground.spelled(step));
            steps.map(|step| step.replace("SECRET", secret).replace("PID", pid)).collect()
        };
        let Some((theirs, nobodys)) = &attack.secret else {
            let heard = act(&mut caller, way, &spell(""));
            verdict.note_heard(way, is_app, &heard);
            continue;
        };
        let told = [theirs, nobodys].map(|secret| {
            // What the one has written must not answer the other.
            ground.restore_own();
            let heard = act(&mut caller, way, &spell(secret));
            verdict.note_heard(way, is_app, &heard);
            heard.text.replace(secret.as_str(), "SECRET")
        });
        if told[0] != told[1] {
            let [theirs, nobodys] = told.map(|text| shortened(&text));
            verdict.breaches.push(format!("{way:?}: {theirs} or {nobodys}"));
        }
    }
    if let Some((mut bob, _)) = bob {
        let stands = bob.ask("select 1");
        if stands.code.is_some() || !stands.in_transaction {
            verdict.breaches.push("bob's transaction is gone".to_owned());
        }
    }
    *alice = Some(caller);
    verdict
}

fn act(caller: &mut Caller, way: Way, steps: &[String]) -> Heard {
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let with_look = [&steps[..], &[LOOK]].concat();
    let in_block = [&["begin"], &with_look[..], &["commit", LOOK]].concat();
    let mut heard = Heard::default();
    match way {
        Way::Queries => with_look.iter().for_each(|sql| heard.add(caller.ask(sql))),
        Way::Steps => {
            let begin = std::iter::once(&"begin");
            begin.chain(&with_look).for_each(|sql| heard.add(caller.run(&[sql])));
        }
        Way::Text => heard = caller.ask(&with_look.join(";\n")),
        Way::BlockText => heard = caller.ask(&in_block.join(";\n")),
        Way::Pipeline => heard = caller.run(&with_look),
        Way::BlockPipeline => heard = caller.run(&in_block),
    }
    caller.end_transaction(&heard);
    heard
}

impl Verdict {
    fn note_heard(&mut self, way: Way, is_app: bool, heard: &Heard) {
        // An application may become any tenant: that is what it is for.
        let foreign = foreign(heard).filter(|_| !is_app);
        self.breaches.extend(foreign.map(|text| format!("{way:?}: {text}")));
        if heard.code.is_some() {
            self.told = shortened(&heard.text);
        }
        self.outcomes.insert(heard.code.clone().unwrap_or_else(|| "ok".to_owned()));
    }
}

/// Outcomes, for who compares them.
pub fn outcomes(heard: &[Heard]) -> BTreeSet<String> {
    let failed = heard.iter().find_map(|heard| heard.code.clone());
    BTreeSet::from([failed.unwrap_or_else(|| "ok".to_owned())])
}
