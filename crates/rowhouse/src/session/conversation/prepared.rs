//! The prepared statements of one client.
//!
//! PostgreSQL knows none of their names: a statement is parsed under no name on whichever
//! connection its client has just then, and again when another one was parsed there meanwhile. So
//! no connection keeps anything of them.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;

use rowhouse_protocol::scan::{self, TokenKind};

use super::nature::Nature;
use crate::error::{Error, Kind};

/// What one statement costs beyond its text and name.
const OVERHEAD_BYTES: usize = 200;
/// A longer text is no DEALLOCATE that a driver sends, and is looked at as any other.
const DEALLOCATE_BYTES_MAX: usize = 1024;

/// A prepared statement as its client knows it.
#[derive(Debug)]
pub struct ClientStatement {
    /// Its text.
    pub sql: String,
    /// Types of its parameters, as far as the client says them.
    pub types: Vec<u32>,
    /// What it is.
    pub nature: Nature,
    /// PostgreSQL has taken it. Whoever waits for that holds this and not the text.
    pub confirmed: Rc<Cell<bool>>,
}

/// All of one client.
#[derive(Debug, Default)]
pub struct Prepared {
    statements: HashMap<String, Rc<ClientStatement>, RandomState>,
    bytes: usize,
}

impl Prepared {
    /// The statement of that name.
    pub fn get(&self, name: &str) -> Option<Rc<ClientStatement>> {
        self.statements.get(name).map(Rc::clone)
    }

    /// Keeps a statement; in place of another only where neither has a name.
    pub fn insert(
        &mut self,
        name: &str,
        statement: ClientStatement,
        bytes_max: usize,
    ) -> Result<Rc<ClientStatement>, Error> {
        if name.is_empty() {
            self.remove(name);
        } else if self.statements.contains_key(name) {
            let text = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(Kind::StatementExists, text));
        }
        let bytes = self.bytes.saturating_add(cost(name, &statement));
        if bytes > bytes_max && !name.is_empty() {
            let text = "this client keeps too many prepared statements: close some, or raise \
                        wire.prepared_bytes_max";
            return Err(Error::new(Kind::LimitReached, text));
        }
        self.bytes = bytes;
        let statement = Rc::new(statement);
        self.statements.insert(name.to_owned(), Rc::clone(&statement));
        Ok(statement)
    }

    /// Forgets the statement of that name.
    pub fn remove(&mut self, name: &str) -> Option<Rc<ClientStatement>> {
        let statement = self.statements.remove(name)?;
        self.bytes = self.bytes.saturating_sub(cost(name, &statement));
        Some(statement)
    }

    /// Forgets what PostgreSQL has not taken.
    pub fn forget_unconfirmed(&mut self) {
        self.statements.retain(|_, statement| statement.confirmed.get());
        self.bytes = self.statements.iter().map(|(name, own)| cost(name, own)).sum();
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.statements.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Prepared::default();
    }
}

fn cost(name: &str, statement: &ClientStatement) -> usize {
    name.len() + statement.sql.len() + statement.types.len() * 4 + OVERHEAD_BYTES
}

/// The one statement that a text forgets by DEALLOCATE, if that is all it does.
pub fn deallocated(sql: &str) -> Option<String> {
    if sql.len() > DEALLOCATE_BYTES_MAX {
        return None;
    }
    let mut tokens = scan::significant(sql);
    if !tokens.next()?.is_word("deallocate") {
        return None;
    }
    let mut named = tokens.next()?;
    if named.is_word("prepare") {
        named = tokens.next()?;
    }
    let rest = tokens.find(|token| !token.is_punct(";"));
    match named.kind {
        _ if rest.is_some() || named.is_word("all") => None,
        TokenKind::Ident => Some(named.text.to_lowercase()),
        TokenKind::QuotedIdent => {
            let inside = named.text.strip_prefix('"')?.strip_suffix('"')?;
            Some(inside.replace("\"\"", "\""))
        }
        _ => None,
    }
}
