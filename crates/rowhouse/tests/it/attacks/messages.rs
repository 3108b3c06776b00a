//! Attacks that are made of messages: what only a client of the PostgreSQL door can say, and in
//! which order.
//!
//! A step is sent in one go, one message in a line:
//!
//! - `query SQL`, `look` (a query for everything that alice can see), `call` (a function call);
//! - `parse NAME SQL`, `bind PORTAL NAME VALUE…`, `execute PORTAL ROWS`, `describe portal NAME`,
//!   `describe statement NAME`, `close portal NAME`, `close statement NAME`, with `-` for no name;
//! - `run SQL` for parse, bind and execute without names, `look on` for the look in that way;
//! - `sync`, `flush`, `copy LINE`, `copy-done`.
//!
//! Each `query`, `look`, `call` and `sync` has an end that is waited for before the next step.

use bytes::BytesMut;
use rowhouse_protocol::frontend::{self, Parameter};

use super::assault::LOOK;
use super::book::{Attack, Context, Place, Section};
use super::ground::{Door, Ground};
use super::wire::{self, outcomes};
use crate::stand::Stand;
use crate::wire::caller::{Caller, Heard};

/// A function call of the protocol: of function 1, without arguments.
const CALL: &[u8] = b"F\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00";

/// Every attack of a section.
pub fn hold(stand: &Stand, context: Context, section: &Section) {
    let ground = Ground::of(stand, context, Door::Wire);
    let judge = |attack: &Attack| {
        let wrong = suffer(&ground, context, attack);
        (!wrong.is_empty()).then(|| format!("{}: {}", attack.name, wrong.join("; ")))
    };
    let wrong: Vec<String> = section.attacks.iter().filter_map(judge).collect();
    assert_eq!(ground.traces(), Vec::<String>::new(), "something is left of {}", section.name);
    assert!(wrong.is_empty(), "{} attacks of {}:\n{}", wrong.len(), section.name, wrong.join("\n"));
}

/// What is wrong with what came of it.
fn suffer(ground: &Ground<'_>, context: Context, attack: &Attack) -> Vec<String> {
    let guests = ground.guests(attack);
    let is_app = attack.places == [Place::App];
    let mut caller = wire::guest(&guests, if is_app { "app" } else { "alice" });
    let heard: Vec<Heard> = attack.steps.iter().map(|step| say(&mut caller, step)).collect();
    let foreign = heard.iter().filter(|_| !is_app).filter_map(wire::foreign);
    let mut wrong: Vec<String> = foreign.map(|text| format!("GOT THROUGH: {text}")).collect();
    // Whatever she has said, she is alice, and nobody else.
    caller.ask("rollback");
    let look = caller.ask(LOOK);
    if !is_app && (wire::foreign(&look).is_some() || !look.text.contains("pearl-of-alice-1")) {
        wrong.push(format!("afterwards she sees {}", look.text));
    }
    drop(caller);
    let (came, expected) = (outcomes(&heard), &attack.expected(context).outcomes);
    if !came.is_subset(expected) {
        let last = heard.iter().rfind(|heard| heard.code.is_some());
        wrong.push(format!("came to {came:?}: {}", last.map_or("", |heard| &heard.text)));
    }
    if !attack.reads || !wrong.is_empty() {
        let traces = ground.traces();
        if !traces.is_empty() {
            ground.restore();
        }
        wrong.extend(traces);
    }
    wrong
}

fn say(caller: &mut Caller, step: &str) -> Heard {
    let mut words = BytesMut::new();
    let ends = step.lines().map(|line| write(&mut words, line)).sum();
    caller.say(&words, ends, !step.starts_with("query"))
}

/// Writes one message; gives how many ends it has.
fn write(buf: &mut BytesMut, line: &str) -> usize {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    match (word, first) {
        ("query", _) => frontend::query(buf, rest).unwrap(),
        ("look", "") => frontend::query(buf, LOOK).unwrap(),
        ("look", _) => run(buf, LOOK),
        ("run", _) => run(buf, rest),
        ("parse", name) => frontend::parse(buf, named(name), others, &[]).unwrap(),
        ("bind", portal) => {
            let mut words = others.split(' ');
            let statement = named(words.next().unwrap());
            let values: Vec<Parameter<'_>> = words.map(Parameter::text).collect();
            frontend::bind(buf, named(portal), statement, &values).unwrap();
        }
        ("execute", portal) => {
            frontend::execute(buf, named(portal), others.parse().unwrap_or(0)).unwrap();
        }
        ("describe", "portal") => frontend::describe_portal(buf, named(others)).unwrap(),
        ("describe", _) => frontend::describe_statement(buf, named(others)).unwrap(),
        ("close", "portal") => frontend::close_portal(buf, named(others)).unwrap(),
        ("close", _) => frontend::close_statement(buf, named(others)).unwrap(),
        ("flush", _) => frontend::flush(buf),
        ("sync", _) => frontend::sync(buf),
        ("call", _) => buf.extend_from_slice(CALL),
        ("copy", _) => {
            let line = rest.replace("<tab>", "\t") + "\n";
            frontend::copy_data(buf, line.as_bytes()).unwrap();
        }
        ("copy-done", _) => frontend::copy_done(buf),
        _ => panic!("{line}: there is no such message"),
    }
    usize::from(matches!((word, first), ("query" | "call" | "sync", _) | ("look", "")))
}

fn named(name: &str) -> &str {
    if name == "-" { "" } else { name }
}

fn run(buf: &mut BytesMut, sql: &str) {
    frontend::parse(buf, "", sql, &[]).unwrap();
    frontend::bind(buf, "", "", &[]).unwrap();
    frontend::execute(buf, "", 0).unwrap();
}
