//! Findings that somebody has looked at and accepted, with a reason and, perhaps, an end.

use crate::code::Code;
use crate::finding::Finding;

/// One accepted finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Its code.
    pub code: Code,
    /// Its object, exactly as doctor prints it; `None`: wherever it is found.
    pub object: Option<String>,
    /// Why it is accepted, in words.
    pub reason: String,
    /// The last day it is accepted on, as `YYYY-MM-DD`; these sort as text.
    pub until: Option<String>,
}

/// What is left of the findings, and which acceptances no longer serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Findings that nobody has accepted.
    pub open: Vec<Finding>,
    /// How many were accepted.
    pub accepted: usize,
    /// Indexes of acceptances that have ended.
    pub ended: Vec<usize>,
    /// Indexes of acceptances that met no finding: they can go.
    pub unused: Vec<usize>,
}

/// Takes out what is accepted on the day `today` (`YYYY-MM-DD`).
pub fn judge(findings: Vec<Finding>, acceptances: &[Acceptance], today: &str) -> Judged {
    let mut judged = Judged::default();
    let mut used = vec![false; acceptances.len()];
    for finding in findings {
        let fits = |one: &Acceptance| {
            one.code == finding.code
                && one.object.as_ref().is_none_or(|object| *object == finding.object)
        };
        let mut accepted = false;
        for (one, used) in acceptances.iter().zip(&mut used).filter(|(one, _)| fits(one)) {
            *used = true;
            accepted |= !has_ended(one, today);
        }
        if accepted {
            judged.accepted += 1;
        } else {
            judged.open.push(finding);
        }
    }
    for (index, (one, used)) in acceptances.iter().zip(used).enumerate() {
        if has_ended(one, today) {
            judged.ended.push(index);
        } else if !used {
            judged.unused.push(index);
        }
    }
    judged
}

/// Whether a text is a day as [`judge`] compares them.
pub fn is_day(text: &str) -> bool {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(shape)
}

fn has_ended(one: &Acceptance, today: &str) -> bool {
    one.until.as_deref().is_some_and(|until| until < today)
}

#[cfg(test)]
mod tests;
