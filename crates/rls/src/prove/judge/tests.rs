//! Outcomes and verdicts.

use super::*;
use crate::prove::attempt::{Context, Statement, Ways};

fn attempt(command: Command, expect: Expect, steps: usize, privileged: bool) -> Attempt {
    Attempt {
        id: String::new(),
        object: "public.item".to_owned(),
        command,
        name: "",
        why: "",
        attacker: Some("1".to_owned()),
        victim: Some("2".to_owned()),
        context: Context::Tenant("1".to_owned()),
        steps: vec![Step::Run(Statement::plain("select")); steps],
        expect,
        privileged,
        writes: true,
        ways: Ways::Both,
        alone: false,
    }
}

fn rows(texts: &[&str]) -> Outcome {
    let rows = texts.iter().map(|text| vec![Some((*text).to_owned())]).collect();
    Outcome { answers: vec![Answer { rows, affected: 0 }], failure: None }
}

fn wrote(affected: u64) -> Outcome {
    Outcome { answers: vec![Answer { rows: Vec::new(), affected }], failure: None }
}

fn fails(sqlstate: &str, message: &str) -> Outcome {
    let failed = Failed { sqlstate: sqlstate.to_owned(), message: message.to_owned() };
    Outcome { answers: Vec::new(), failure: Some(failed) }
}

#[test]
fn one_statement() {
    use Verdict::{Crossed, Held, NotProven, Open, Refused};
    let key = || Expect::OwnRowWritten { index: "item_email_key".to_owned() };
    let column = || Expect::NoOtherTenant { column: "tenant_id".to_owned() };
    let view = |invoker| Expect::NothingTold { invoker };
    for (command, expect, outcome, verdict) in [
        (Command::Select, Expect::OwnRow, rows(&["1"]), Held),
        (Command::Select, Expect::OwnRow, rows(&[]), NotProven),
        (Command::Select, Expect::OwnRow, fails("22P02", "no integer"), NotProven),
        (Command::Select, Expect::NoRows, rows(&[]), Held),
        (Command::Select, Expect::NoRows, rows(&["1"]), Crossed),
        (Command::Select, Expect::NoRows, fails("42501", "denied"), Held),
        (Command::Select, Expect::NoRows, fails("22P02", "no integer"), Held),
        (Command::Select, Expect::NoRows, fails("42P17", "recursion"), Held),
        (Command::Select, Expect::NoRows, fails("57014", "timeout"), NotProven),
        (Command::Select, Expect::NoRows, fails("42601", "syntax"), NotProven),
        (Command::Select, Expect::NoRows, Outcome::default(), NotProven),
        (Command::Insert, Expect::NotWritten, fails("42501", "policy"), Held),
        (Command::Insert, Expect::NotWritten, wrote(1), Crossed),
        (Command::Insert, Expect::NotWritten, fails("23505", "duplicate"), Crossed),
        (Command::Insert, Expect::NotWritten, fails("23514", "no partition"), NotProven),
        (Command::Insert, Expect::NotWritten, fails("25006", "read-only"), NotProven),
        (Command::Insert, Expect::NotWritten, fails("P0001", "a trigger"), NotProven),
        (Command::NoTenant, Expect::NotWritten, fails("22P02", "no integer"), Held),
        (Command::Upsert, Expect::NotWritten, wrote(0), Crossed),
        (Command::Update, Expect::NotWritten, wrote(0), Held),
        (Command::Truncate, Expect::NotWritten, wrote(0), Crossed),
        (Command::Truncate, Expect::NotGranted, rows(&["t"]), Crossed),
        (Command::Truncate, Expect::NotGranted, rows(&["false"]), Held),
        (Command::Lock, Expect::NotLocked, fails("55P03", "lock on row in relation"), Crossed),
        (Command::Lock, Expect::NotLocked, fails("55P03", "due to lock timeout"), NotProven),
        (Command::Keys, key(), wrote(1), Held),
        (Command::Keys, key(), wrote(0), Crossed),
        (Command::Keys, key(), fails("23505", "\"item_email_key\""), Crossed),
        (Command::Keys, key(), fails("23505", "\"item_pkey\""), NotProven),
        (Command::Keys, Expect::NotAttached, wrote(1), Crossed),
        (Command::Keys, Expect::NotAttached, wrote(0), NotProven),
        (Command::Keys, Expect::NotAttached, fails("23503", "not present"), Held),
        (Command::Select, view(false), rows(&["0"]), Held),
        (Command::Select, view(false), rows(&["6"]), Crossed),
        (Command::Select, view(true), rows(&["6"]), NotProven),
        (Command::Call, column(), rows(&[]), Held),
        (Command::Call, column(), rows(&["{\"tenant_id\": 2}"]), Crossed),
        (Command::Call, column(), rows(&["{\"tenant_id\": 1}"]), NotProven),
        (Command::Call, column(), rows(&["7"]), NotProven),
        (Command::Context, Expect::NoRows, rows(&["1"]), Open),
        (Command::Context, Expect::NoRows, fails("42501", "fixed"), Refused),
    ] {
        let judged = judge(&attempt(command, expect.clone(), 1, true), Way::Direct, &outcome);
        assert_eq!(judged.verdict, verdict, "{command} {expect:?} {outcome:?}: {judged:?}");
    }
}

#[test]
fn a_refusal_for_want_of_a_privilege_is_no_credit_to_policies() {
    let attempt = attempt(Command::Delete, Expect::NotWritten, 1, false);
    let judged = judge(&attempt, Way::Direct, &fails("42501", "denied"));
    assert_eq!(judged.verdict, Verdict::Refused);
}

#[test]
fn a_tenant_of_the_gateway_who_becomes_another_has_crossed() {
    let attempt = attempt(Command::Context, Expect::NoRows, 1, true);
    let judged = judge(&attempt, Way::Gateway, &rows(&["1"]));
    assert_eq!(judged.verdict, Verdict::Crossed);
}

#[test]
fn what_comes_before_the_judged_statement() {
    let blind = attempt(Command::Update, Expect::NoMoreThanOwn(0), 2, true);
    let after_count = |affected| Outcome {
        answers: vec![rows(&["3"]).answers.remove(0), wrote(affected).answers.remove(0)],
        failure: None,
    };
    let verdict = |outcome: &Outcome| judge(&blind, Way::Direct, outcome).verdict;
    assert_eq!(verdict(&after_count(3)), Verdict::Held);
    assert_eq!(verdict(&after_count(4)), Verdict::Crossed);
    assert_eq!(verdict(&fails("42501", "denied")), Verdict::Refused);
    assert_eq!(verdict(&fails("57014", "timeout")), Verdict::NotProven);
    assert_eq!(verdict(&rows(&["3"])), Verdict::NotProven);

    let estimate = |rows: u64| format!("[{{\"Plan\": {{\"Plan Rows\": {rows}}}}}]");
    let compared = |nobody, somebody| {
        let outcome = Outcome {
            answers: vec![
                rows(&[&estimate(nobody)]).answers.remove(0),
                rows(&[&estimate(somebody)]).answers.remove(0),
            ],
            failure: None,
        };
        let attempt = attempt(Command::Statistics, Expect::SameEstimate, 2, true);
        judge(&attempt, Way::Direct, &outcome).verdict
    };
    assert_eq!(compared(1, 2500), Verdict::Open);
    assert_eq!(compared(1, 1), Verdict::Held);
}
