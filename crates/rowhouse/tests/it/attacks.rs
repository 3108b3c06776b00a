//! The attack suite: a thousand ways across the wall, each with the reason why it fails.
//!
//! The attacks are data, `attacks/*.txt`. Tenant `alice` does them, by herself, in transactions of
//! every kind, in batches; `bob` is the one who would suffer, and the next on the connection. What
//! an attack comes to is judged by its effect: no answer holds a row of bob's, his rows, his open
//! transaction, the catalog and the server's state are what they were, and the next caller meets a
//! session like new. What is answered must be what the attack's line says.
//!
//! The same attacks come through the PostgreSQL door ([`wire`]), and those that only its messages
//! make possible ([`messages`]).
//!
//! Attacks that work on a standard context say so (`works`), and must; `docs/isolation.md` names
//! each of them.

mod assault;
mod book;
mod ground;
mod messages;
mod state;
mod wire;

use std::collections::BTreeSet;

use crate::case::{Case, case};
use crate::stand::Stand;
use assault::Verdict;
use book::{Attack, Context, Expected, Section};
use ground::{Door, Ground};

/// The page that names what works.
const PAGE: &str = include_str!("../../../../docs/isolation.md");
/// So many are promised by the page.
const ATTACKS_MIN: usize = 1000;

/// The trials: one for each section of the book and each context.
pub fn cases() -> Vec<Case> {
    let sections = book::sections();
    let mut cases = vec![case("attacks::the_book_is_whole", |_| the_book_is_whole())];
    // Side by side, since on each ground one waits for the other.
    for section in sections {
        for context in [Context::Standard, Context::Sealed] {
            let (name, own) = (format!("{}::{}", context.name(), section.name), section.clone());
            cases.push(case(format!("attacks::{name}"), move |stand| hold(stand, context, &own)));
            let own = section.clone();
            let name = format!("attacks::wire::{name}");
            cases.push(case(name, move |stand| wire::hold(stand, context, &own)));
        }
    }
    for section in book::messages() {
        for context in [Context::Standard, Context::Sealed] {
            let name = format!("attacks::messages::{}::{}", context.name(), section.name);
            let section = section.clone();
            cases.push(case(name, move |stand| messages::hold(stand, context, &section)));
        }
    }
    cases
}

/// Every attack of a section; those that came to something else are told together.
fn hold(stand: &Stand, context: Context, section: &Section) {
    let ground = Ground::of(stand, context, Door::Http);
    let wrong: Vec<String> = section
        .attacks
        .iter()
        .filter_map(|attack| judge(attack, attack.expected(context), &ground.suffer(attack)))
        .collect();
    assert_eq!(ground.traces(), Vec::<String>::new(), "something is left of {}", section.name);
    assert!(wrong.is_empty(), "{} attacks of {}:\n{}", wrong.len(), section.name, wrong.join("\n"));
}

/// What is wrong with what came of an attack.
fn judge(attack: &Attack, expected: &Expected, verdict: &Verdict) -> Option<String> {
    let wrong = if expected.works {
        verdict.breaches.is_empty().then(|| "it is said to work, and did nothing".to_owned())
    } else if verdict.breaches.is_empty() {
        let other: Vec<_> = verdict.outcomes.difference(&expected.outcomes).collect();
        (!other.is_empty()).then(|| format!("came to {other:?}"))
    } else {
        Some(format!("GOT THROUGH: {}", verdict.breaches.join("; ")))
    };
    let outcomes = || verdict.outcomes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    wrong.map(|wrong| format!("{}: {wrong} [{}] {}", attack.name, outcomes(), verdict.told))
}

/// Names are each attack's own, there are as many as promised, and the page names what works.
fn the_book_is_whole() {
    let sections: Vec<Section> = [book::sections(), book::messages()].concat();
    let attacks: Vec<&Attack> = sections.iter().flat_map(|section| &section.attacks).collect();
    let names: BTreeSet<&str> = attacks.iter().map(|attack| attack.name.as_str()).collect();
    assert_eq!(names.len(), attacks.len(), "two attacks have the same name");
    assert!(attacks.len() >= ATTACKS_MIN, "{}", attacks.len());
    let working = |context: Context| {
        let attacks = attacks.iter().filter(move |attack| attack.expected(context).works);
        attacks.map(|attack| attack.name.clone()).collect::<BTreeSet<_>>()
    };
    let named = |head: &str| {
        let part = PAGE.split(head).nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = part.unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        let cells = rows.filter_map(|row| row.split('|').next());
        cells
            .flat_map(|cell| cell.split(['`', ',', ' ']))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(working(Context::Standard), named("\n## What a standard context does not stop\n"));
    assert_eq!(working(Context::Sealed), named("\n## What a sealed context does not stop\n"));
}
