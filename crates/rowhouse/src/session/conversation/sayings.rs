//! What a client says by SQL of settings it has begun with: that they are to be something else from
//! now on, or again what they were. PostgreSQL takes it back with its transaction, and so do we.

use rowhouse_protocol::context::{ContextChange, context_change};
use rowhouse_protocol::lasting::is_lasting;
use rowhouse_protocol::scan;
use rowhouse_protocol::statement::{Statement, Verb, statements};

/// Settings by their places in a list, each a bit. Those behind the last bit share it.
pub type Mask = u64;

/// Any of them.
pub const ALL: Mask = Mask::MAX;

/// What one text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Saying {
    /// Settings of the tenant that SQL decides about from now on.
    pub taken: Mask,
    /// Settings of the tenant that are again what the session began with.
    pub returned: Mask,
    /// Other settings of which that is said.
    pub reset: Mask,
    /// It is `DISCARD ALL` and nothing else.
    pub discards: bool,
}

impl Saying {
    /// What this text says of the settings that hold the tenant, and of those that the session has
    /// begun with.
    pub fn of(sql: &str, tenant: &[&str], begun: &[&str]) -> Saying {
        let statements = statements(sql);
        let mut saying = Saying::default();
        for statement in &statements {
            saying.add(statement, tenant, begun);
        }
        saying.discards = matches!(statements.as_slice(), [one] if is_discard_all(one));
        saying
    }

    fn add(&mut self, statement: &Statement<'_>, tenant: &[&str], begun: &[&str]) {
        let text = statement.text;
        let (change, other) = match statement.verb {
            Verb::Reset => (context_change(text, tenant), context_change(text, begun)),
            Verb::Set if is_default(text) => {
                (context_change(text, tenant), context_change(text, begun))
            }
            Verb::Set => {
                self.take(match context_change(text, tenant) {
                    Some(ContextChange::Setting { name }) => bit(&name, tenant),
                    Some(change) if is_of_tenant(&change) => ALL,
                    _ => 0,
                });
                return;
            }
            Verb::Discard if is_discard_all(statement) => {
                (Some(ContextChange::ResetAll), Some(ContextChange::ResetAll))
            }
            Verb::Discard | Verb::SetLocal => return,
            _ => {
                let change = is_lasting(text).then(|| context_change(text, tenant)).flatten();
                if change.is_some_and(|change| is_of_tenant(&change)) {
                    self.take(ALL);
                }
                return;
            }
        };
        let back = returning(change, tenant);
        (self.taken, self.returned) = (self.taken & !back, self.returned | back);
        self.reset |= returning(other, begun);
    }

    fn take(&mut self, mask: Mask) {
        (self.taken, self.returned) = (self.taken | mask, self.returned & !mask);
    }
}

/// What of that holds, and until when.
#[derive(Debug, Default)]
pub struct Sayings {
    /// Settings of the tenant that SQL decides about.
    taken: Mask,
    /// The same, as far as it is committed.
    kept: Mask,
    /// Other settings that are to be made again when that is committed.
    reset: Mask,
    committed: bool,
    rolled_back: bool,
}

impl Sayings {
    /// Something was said; it tells whether other settings are taken now.
    pub fn say(&mut self, saying: Saying) -> bool {
        let before = self.taken;
        self.taken = self.taken & !saying.returned | saying.taken;
        self.reset |= saying.reset;
        self.taken != before
    }

    /// Whether SQL decides about the setting at this place.
    pub fn takes(&self, place: usize) -> bool {
        self.taken & at(place) != 0
    }

    /// Whether the setting at this place is again what the session began with.
    pub fn resets(&self, place: usize) -> bool {
        self.reset & at(place) != 0
    }

    /// A command has completed, as this tag tells.
    pub fn hear(&mut self, tag: &str) {
        self.committed |= tag == "COMMIT";
        self.rolled_back = tag == "ROLLBACK";
    }

    /// A segment is over: whether that is outside a transaction, and whether it has failed. Gives
    /// the settings that are to be made again, and whether others are taken now.
    pub fn end(&mut self, idle: bool, failed: bool) -> (Mask, bool) {
        let before = self.taken;
        let committed = std::mem::take(&mut self.committed);
        let undone = std::mem::take(&mut self.rolled_back) || failed;
        match (idle, undone, committed) {
            (true, false, _) | (false, false, true) => self.kept = self.taken,
            (true, true, false) => (self.taken, self.reset) = (self.kept, 0),
            // Which of it holds cannot be told: of what may be SQL's nothing is said.
            (true, true, true) => {
                self.taken |= self.kept;
                self.kept = self.taken;
            }
            (false, true, _) => self.taken |= self.kept,
            (false, false, false) => {}
        }
        let again = if idle { std::mem::take(&mut self.reset) } else { 0 };
        (again, self.taken != before)
    }
}

/// Of the settings that are named, the mask; `None` names none.
fn returning(change: Option<ContextChange>, names: &[&str]) -> Mask {
    match change {
        Some(ContextChange::Setting { name }) => bit(&name, names),
        Some(ContextChange::ResetAll) => ALL,
        _ => 0,
    }
}

fn bit(name: &str, names: &[&str]) -> Mask {
    names.iter().position(|own| own.eq_ignore_ascii_case(name)).map_or(0, at)
}

/// The bit of this place.
pub fn at(place: usize) -> Mask {
    1 << place.min(63)
}

/// Whose rows are seen depends on it; not so on who reads them, or how.
fn is_of_tenant(change: &ContextChange) -> bool {
    use ContextChange::{AlterDefaults, Channel, Lexing, Role, SessionAuthorization};
    !matches!(change, Role | SessionAuthorization | AlterDefaults | Channel | Lexing { .. })
}

/// `SET x TO DEFAULT`.
fn is_default(statement: &str) -> bool {
    scan::significant(statement).last().is_some_and(|last| last.is_word("default"))
}

/// Whether a text is `DISCARD ALL`, which ends what a session keeps.
fn is_discard_all(statement: &Statement<'_>) -> bool {
    let mut tokens = scan::significant(statement.text);
    let mut is = |word: &str| tokens.next().is_some_and(|token| token.is_word(word));
    is("discard") && is("all") && tokens.next().is_none()
}

#[cfg(test)]
mod tests;
