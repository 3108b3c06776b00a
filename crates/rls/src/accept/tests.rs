//! What is accepted, for how long, and what no longer serves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Acceptance, is_day, judge};
use crate::code::Code;
use crate::finding::Finding;

fn finding(code: Code, object: &str) -> Finding {
    let severity = code.severity();
    let text = String::new();
    Finding { code, severity, object: object.to_owned(), message: text.clone(), fix: text }
}

fn acceptance(code: Code, object: Option<&str>, until: Option<&str>) -> Acceptance {
    let (object, until) = (object.map(str::to_owned), until.map(str::to_owned));
    Acceptance { code, object, reason: "known".to_owned(), until }
}

#[test]
fn accepted_ended_and_unused() {
    let findings = vec![
        finding(Code::NotForced, "a.t"),
        finding(Code::NotForced, "b.t"),
        finding(Code::FailsOpen, "a.t"),
        finding(Code::LoosePolicy, "a.t"),
    ];
    let acceptances = [
        acceptance(Code::NotForced, Some("a.t"), None),
        acceptance(Code::FailsOpen, None, Some("2026-01-31")),
        acceptance(Code::FailsOpen, Some("z.t"), None),
        acceptance(Code::LoosePolicy, None, Some("2026-01-30")),
    ];
    let judged = judge(findings, &acceptances, "2026-01-31");
    let open: Vec<&str> = judged.open.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(open, ["RH104", "RH202"]);
    assert_eq!((judged.accepted, judged.ended, judged.unused), (2, vec![3], vec![2]));
}

#[test]
fn days() {
    for (text, expected) in
        [("2026-01-31", true), ("2026-1-31", false), ("2026/01/31", false), ("tomorrow!!", false)]
    {
        assert_eq!(is_day(text), expected, "{text}");
    }
}
