//! PostgreSQL's own lexer and grammar, asked by its errors.
//!
//! In a transaction that has failed the server still reads a whole text, and refuses what is no SQL
//! with the token at which it gave up and its place; what it can read it refuses as well, so
//! nothing is ever run. Behind `DISCARD ALL` the grammar takes nothing but a semicolon or the end:
//! whatever token comes first there is the one that the error names.

use rowhouse_protocol::backend::ServerError;

use super::wire::Wire;
use crate::postgres::{Address, SUPERUSER};

/// A token as PostgreSQL sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerToken {
    /// Byte offset of its first character.
    pub start: usize,
    /// How it is written.
    pub text: String,
}

impl ServerToken {
    /// Byte offset behind its last character.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// A text as PostgreSQL sees it.
#[derive(Debug, Clone, Default)]
pub struct Lexed {
    /// Its tokens, up to the first that is none.
    pub tokens: Vec<ServerToken>,
    /// Where the lexer gave up; such a text is refused as a whole.
    pub refused: Option<ServerError>,
}

/// A connection whose transaction has failed.
pub struct Parser {
    wire: Wire,
}

/// After it nothing but a semicolon or the end.
const ONLY_END: &str = "discard all ";
/// After it anything but a semicolon.
const NO_END: &str = "select ( ";
/// The SQLSTATE of whatever comes in a failed transaction.
const FAILED_TRANSACTION: &str = "25P02";

impl Parser {
    /// Connects, and fails.
    pub fn new(address: &Address) -> Parser {
        let mut wire = Wire::connect(address, SUPERUSER, &address.password, "it");
        let reply = wire.ask("begin; select 1 / 0");
        assert!(reply.error.is_some());
        Parser { wire }
    }

    /// Whether the grammar takes the text; says nothing about names and types.
    pub fn accepts(&mut self, sql: &str) -> bool {
        self.error(sql).is_none()
    }

    /// Cuts a text into tokens, one question for each.
    pub fn tokens(&mut self, sql: &str) -> Lexed {
        let mut lexed = Lexed::default();
        let mut at = 0;
        loop {
            match self.first_token(&sql[at..]) {
                First::End => return lexed,
                First::Refused(error) => {
                    lexed.refused = Some(*error);
                    return lexed;
                }
                First::Token(mut token) => {
                    token.start += at;
                    at = token.end();
                    lexed.tokens.push(token);
                }
            }
        }
    }

    fn first_token(&mut self, sql: &str) -> First {
        let first = match self.error(&format!("{ONLY_END}{sql}")) {
            Some(error) => named_token(error, ONLY_END, sql),
            None => First::End,
        };
        // A semicolon is taken there, and the error is about what stands behind it.
        let skipped = match &first {
            First::Token(token) => sql[..token.start].contains(';'),
            First::End | First::Refused(_) => sql.contains(';'),
        };
        if skipped
            && let Some(error) = self.error(&format!("{NO_END}{sql}"))
            && let First::Token(end) = named_token(error, NO_END, sql)
            && end.text == ";"
            && !matches!(&first, First::Token(token) if token.start <= end.start)
        {
            // Refused behind a semicolon that may not be the first token.
            let before = matches!(first, First::Refused(_)).then(|| &sql[..end.start]);
            return match before.map(|before| self.first_token(before)) {
                Some(First::End) | None => First::Token(end),
                Some(earlier) => earlier,
            };
        }
        first
    }

    fn error(&mut self, sql: &str) -> Option<ServerError> {
        let reply = self.wire.ask(sql);
        assert!(reply.commands.is_empty(), "{sql} was run: {reply:?}");
        let error = reply.error.unwrap_or_else(|| panic!("no error: {sql}"));
        (error.code.as_str() != FAILED_TRANSACTION).then_some(error)
    }
}

enum First {
    Token(ServerToken),
    End,
    Refused(Box<ServerError>),
}

/// `syntax error at or near "token"`. Other words are those of the lexer.
fn named_token(error: ServerError, before: &str, sql: &str) -> First {
    if error.message == "syntax error at end of input" {
        return First::End;
    }
    let Some(text) = error.message.strip_prefix("syntax error at or near \"") else {
        return First::Refused(Box::new(error));
    };
    let text = text.strip_suffix('"').unwrap().to_owned();
    let chars = error.position.unwrap() as usize - 1 - before.chars().count();
    let start = sql.char_indices().nth(chars).map_or(sql.len(), |(at, _)| at);
    assert!(sql[start..].starts_with(&text), "{text:?} is not at {start} of {sql:?}");
    First::Token(ServerToken { start, text })
}
