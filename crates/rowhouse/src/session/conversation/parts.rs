//! A text of several statements cut where the prologue has to go in between: behind what begins a
//! transaction, behind what ends one, and for a caller with a fixed tenant behind whatever could
//! have made it another one.
//!
//! Errors say at which character they are, so each part stands where it stood: spaces before it.

use rowhouse_protocol::statement::{SessionEffect, Statement, examine, statements};

use super::nature::{ends, is_control, opens};
use crate::error::{Error, Kind};

/// Without BEGIN, the statements of one text are one transaction, into which nothing of ours fits.
const IN_ONE_MESSAGE: &str = "of several statements in one message, only the last may be one that \
    can change the session: send them one by one, or put BEGIN and COMMIT around them";
/// Parts of one text. Each is a round trip, and a copy of what it stands behind.
const PARTS_MAX: usize = 100;

/// Characters up to which a part stands where it stood. Behind them errors say a place that is too
/// small; a hundred parts of a text of megabytes would else be hundred times as long.
const PLACE_MAX: usize = 256 * 1024;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Characters before it.
    before: usize,
    text: String,
}

impl Part {
    /// As PostgreSQL is told it: where it stood.
    pub fn written(&self) -> String {
        // Not by a width of `format!`, which has 16 bits and panics beyond.
        let mut written = " ".repeat(self.before.min(PLACE_MAX));
        written.push_str(&self.text);
        written
    }

    /// Its own words.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// How the prologue is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Renewal {
    /// The prologue goes again behind what is not known to leave no trace.
    pub renew: bool,
    /// The text begins inside a transaction block.
    pub in_block: bool,
}

/// The parts of a text, in order; none where it stays whole.
pub fn cut(sql: &str, renewal: Renewal) -> Result<Vec<Part>, Error> {
    let statements = statements(sql);
    let mut starts = Vec::new();
    let mut in_block = renewal.in_block;
    for pair in statements.windows(2) {
        let [before, behind] = pair else { continue };
        in_block = (in_block || opens(before.verb)) && !ends(before.verb);
        let traces = renewal.renew && leaves_traces(before);
        if traces && !in_block {
            return Err(Error::new(Kind::NotSupported, IN_ONE_MESSAGE));
        }
        // Two that begin a transaction together belong together.
        let together = opens(before.verb) && opens(behind.verb);
        if (traces || opens(before.verb) || ends(before.verb)) && !together {
            starts.push(behind.start);
        }
    }
    if starts.len() >= PARTS_MAX {
        return Err(Error::new(
            Kind::NotSupported,
            "more than 100 transactions in one message: send them one by one",
        ));
    }
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::with_capacity(starts.len() + 1);
    let (mut from, mut before) = (0, 0);
    for start in starts.into_iter().chain([sql.len()]) {
        let text = sql.get(from..start).unwrap_or_default();
        parts.push(Part { before, text: text.to_owned() });
        before += text.chars().count();
        from = start;
    }
    Ok(parts)
}

/// Whether what runs behind it may meet another session than before.
pub fn leaves_traces(statement: &Statement<'_>) -> bool {
    let clean = || examine(statement.text).session == SessionEffect::KnownClean;
    !is_control(statement.verb) && !clean()
}

#[cfg(test)]
mod tests;
