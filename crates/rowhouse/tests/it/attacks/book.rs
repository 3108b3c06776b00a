//! The book of attacks: its files, and how they are read.
//!
//! `## name` begins a section, `- name` an attack in it; what follows are its steps, parted by
//! lines of `;;`. Lines with `@` say what holds for the attack, or before the first one for the
//! section:
//!
//! - `@by place …`: where alice does it, see [`Place`];
//! - `@standard code …: reason` and `@sealed code …: reason`: what is answered, and why nothing
//!   comes of it; `ok` is a success, `works` says that the attack gets through;
//! - `@with {…}`: members of the request;
//! - `@answers [[…]]`: the rows of the last step, if it succeeds;
//! - `@secret a | b`: the steps are done with `a`, which bob has, and with `b`, which nobody has,
//!   in the place of `SECRET`; the answers must not differ;
//! - `@bob statement`: bob has a transaction open meanwhile, in which he has run that; `THEIRS` is
//!   its id and `PID` its backend, and it must stand afterwards;
//! - `@reads`: it changes nothing even if it succeeds, so that it is looked after with its section;
//! - `@bounded`: at a gateway with a short statement timeout.
//!
//! `<U+00A0>` in a step is that character. In `messages.txt` a step is what is sent in one go, one
//! message in a line, in the words of [`super::messages`].

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Where policies read the tenant from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// From a setting.
    Standard,
    /// From `rowhouse.tenant()`.
    Sealed,
}

impl Context {
    /// As trials are named.
    pub fn name(self) -> &'static str {
        match self {
            Context::Standard => "standard",
            Context::Sealed => "sealed",
        }
    }
}

/// How alice says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Each step by itself.
    Alone,
    /// In a transaction that is rolled back, with a look at everything behind the last step.
    Transaction,
    /// The same, committed.
    Committed,
    /// In one ExecuteTransaction, with the look.
    Together,
    /// In one text, with the look.
    Several,
    /// Each step as a batch of two.
    Batch,
    /// By an application without a tenant, each step by itself: only what it leaves is judged.
    App,
    /// The same in a transaction.
    AppTransaction,
}

const PLACES: [(&str, Place); 8] = [
    ("alone", Place::Alone),
    ("transaction", Place::Transaction),
    ("committed", Place::Committed),
    ("together", Place::Together),
    ("several", Place::Several),
    ("batch", Place::Batch),
    ("app", Place::App),
    ("app-transaction", Place::AppTransaction),
];

/// What is to come of an attack.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// It gets through.
    pub works: bool,
    /// What may be answered: SQLSTATEs, names of exceptions, `ok`.
    pub outcomes: BTreeSet<String>,
}

/// One attack.
#[derive(Debug, Clone, Default)]
pub struct Attack {
    /// What it is called.
    pub name: String,
    /// Where it is done.
    pub places: Vec<Place>,
    /// The statements.
    pub steps: Vec<String>,
    /// Members of its requests.
    pub with: Map<String, Value>,
    /// The rows of the last step.
    pub answers: Option<Value>,
    /// What bob has, and what nobody has.
    pub secret: Option<(String, String)>,
    /// What bob has done in an open transaction.
    pub bob: Option<String>,
    /// Whether it changes nothing.
    pub reads: bool,
    /// Whether it takes as long as it may.
    pub bounded: bool,
    standard: Expected,
    sealed: Expected,
}

impl Attack {
    /// What is to come of it.
    pub fn expected(&self, context: Context) -> &Expected {
        match context {
            Context::Standard => &self.standard,
            Context::Sealed => &self.sealed,
        }
    }
}

/// Attacks of one kind.
#[derive(Debug, Clone)]
pub struct Section {
    /// What it is called.
    pub name: String,
    /// The attacks.
    pub attacks: Vec<Attack>,
}

const FILES: &[&str] = &[
    include_str!("settings.txt"),
    include_str!("places.txt"),
    include_str!("hidden.txt"),
    include_str!("scanner.txt"),
    include_str!("rows.txt"),
    include_str!("objects.txt"),
    include_str!("session.txt"),
    include_str!("server.txt"),
    include_str!("oracles.txt"),
    include_str!("identity.txt"),
    include_str!("seal.txt"),
];

/// All sections of all files.
pub fn sections() -> Vec<Section> {
    FILES.iter().flat_map(|file| read(file)).collect()
}

/// Those whose steps are messages of the PostgreSQL door.
pub fn messages() -> Vec<Section> {
    read(include_str!("messages.txt"))
}

fn read(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut common = Attack::default();
    for line in text.lines() {
        if line.starts_with("//") {
            continue;
        }
        if let Some(name) = line.strip_prefix("## ") {
            sections.push(Section { name: name.to_owned(), attacks: Vec::new() });
            common = Attack::default();
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if let Some(name) = line.strip_prefix("- ") {
            section.attacks.push(Attack { name: name.to_owned(), ..common.clone() });
            continue;
        }
        let attack = section.attacks.last_mut();
        if let Some(directive) = line.strip_prefix('@') {
            direct(attack.unwrap_or(&mut common), directive);
        } else if let Some(attack) = attack {
            add(&mut attack.steps, line);
        }
    }
    for attack in sections.iter_mut().flat_map(|section| &mut section.attacks) {
        attack.steps.retain(|step| !step.trim().is_empty());
        attack.steps.iter_mut().for_each(|step| *step = spelled(step));
        assert!(!attack.steps.is_empty() && !attack.places.is_empty(), "{}", attack.name);
    }
    sections
}

fn add(steps: &mut Vec<String>, line: &str) {
    match steps.last_mut() {
        _ if line == ";;" => steps.push(String::new()),
        Some(step) if step.is_empty() => step.push_str(line),
        Some(step) if !line.is_empty() => {
            step.push('\n');
            step.push_str(line);
        }
        Some(_) => {}
        None => steps.push(line.to_owned()),
    }
}

/// With the characters that `<U+…>` stand for.
fn spelled(step: &str) -> String {
    let mut pieces = step.split("<U+");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (number, rest) = piece.split_once('>').unwrap();
        text.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
        text.push_str(rest);
    }
    text
}

fn direct(attack: &mut Attack, directive: &str) {
    let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
    match word {
        "by" => attack.places = rest.split(' ').map(place).collect(),
        "standard" => attack.standard = expected(rest),
        "sealed" => attack.sealed = expected(rest),
        "with" => attack.with = serde_json::from_str(rest).unwrap(),
        "answers" => attack.answers = Some(serde_json::from_str(rest).unwrap()),
        "secret" => {
            let (theirs, nobodys) = rest.split_once(" | ").unwrap();
            attack.secret = Some((theirs.to_owned(), nobodys.to_owned()));
        }
        "bob" => attack.bob = Some(rest.to_owned()),
        "reads" => attack.reads = true,
        "bounded" => attack.bounded = true,
        _ => panic!("@{directive}: there is no such line"),
    }
}

fn place(word: &str) -> Place {
    let found = PLACES.into_iter().find(|(name, _)| *name == word);
    found.unwrap_or_else(|| panic!("there is no place {word:?}")).1
}

fn expected(text: &str) -> Expected {
    let (codes, reason) = text.split_once(": ").unwrap_or_else(|| panic!("no reason: {text}"));
    assert!(!reason.trim().is_empty(), "no reason: {text}");
    let outcomes: BTreeSet<String> = codes.split(' ').map(str::to_owned).collect();
    Expected { works: outcomes.contains("works"), outcomes }
}
