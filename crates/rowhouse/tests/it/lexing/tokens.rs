//! Every token of the scanner is one of PostgreSQL's, and the other way round.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rowhouse_protocol::scan::{Token, TokenKind, significant};

use super::budget;
use super::parser::{Lexed, Parser};
use super::soup::soup;
use crate::stand::Stand;

/// Tokens of generated texts, and of texts that were once cut wrongly.
pub fn are_the_servers(stand: &Stand) {
    let mut parser = Parser::new(&stand.cluster().address);
    for sql in PINNED {
        agree(sql, &parser.tokens(sql)).unwrap();
    }
    let mut whole = 0;
    let tried = budget::spend(&soup(), |sql| {
        let lexed = parser.tokens(&sql);
        whole += u32::from(lexed.refused.is_none() && lexed.tokens.len() > 2);
        agree(&sql, &lexed)
    });
    assert!(whole > tried / 10, "only {whole} of {tried} texts were worth the question");
}

const PINNED: &[&str] = &[
    "a;b ; ;c",
    "select 'a' -- b\n 'c' /* ' */ 'd'",
    "E'a\\'b' 'c\\' U&'d\\' U&\"e\\\" $a$ $$ $a$ 1.5e-3 .5 1..2",
    "U&'!0061' uescape '!' x U&\"!0061\" /* */ uescape '!'",
    "a@-b a*-b a->>'b' a<:id a>=-1 ==> =>-",
];

/// Compares up to the place where the server refuses the text, which it then does as a whole.
fn agree(sql: &str, lexed: &Lexed) -> Result<(), TestCaseError> {
    let mut own = significant(sql).peekable();
    let mut letter_of: Option<Token<'_>> = None;
    for server in &lexed.tokens {
        if let Some(token) = letter_of.take() {
            prop_assert_eq!(&token.text[1..], server.text.as_str());
            continue;
        }
        let Some(token) = own.next() else {
            return Err(TestCaseError::fail(format!("{server:?} was not seen")));
        };
        prop_assert_eq!(token.start, server.start, "{:?} is for the server {:?}", token, server);
        if is_escaped(token) {
            // With the server the UESCAPE clause belongs to it.
            prop_assert!(server.text.starts_with(token.text), "{:?} {:?}", token, server);
            while own.next_if(|next| next.end() <= server.end()).is_some() {}
        } else if is_national(token) && server.text.len() == 1 {
            // With the server N is a token of its own, and the literal the next one.
            letter_of = Some(token);
        } else {
            prop_assert_eq!(token.text, server.text.as_str());
        }
    }
    if lexed.refused.is_none() {
        prop_assert_eq!(own.next(), None, "the server sees nothing more");
    }
    Ok(())
}

fn is_escaped(token: Token<'_>) -> bool {
    matches!(token.kind, TokenKind::UnicodeString | TokenKind::UnicodeIdent)
}

fn is_national(token: Token<'_>) -> bool {
    token.text.starts_with("n'") || token.text.starts_with("N'")
}
