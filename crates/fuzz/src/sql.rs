//! SQL text: tokens, names, statements, what it does to the session and to the context.

use rowhouse_protocol::context::context_change;
use rowhouse_protocol::named::rewrite;
use rowhouse_protocol::scan::{Token, TokenKind, significant, tokens};
use rowhouse_protocol::sealed::refusal;
use rowhouse_protocol::statement::{SessionEffect, Verb, examine, statements};

const PROTECTED: [&str; 2] = ["app.current_tenant", "role"];

/// Everything that is found out about a text before it is sent.
pub fn sql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check_tokens(text);
    check_names(text);
    check_statements(text);
    check_judgement(text);
}

/// Put together again they are the text.
fn check_tokens(text: &str) {
    let mut at = 0;
    for token in tokens(text) {
        assert_eq!(token.start, at);
        assert!(!token.text.is_empty());
        assert_eq!(text.get(token.start..token.end()), Some(token.text));
        at = token.end();
    }
    assert_eq!(at, text.len());
}

/// Whatever is no parameter is the same before and after, and places are mapped into the text.
fn check_names(text: &str) {
    // Some names have values, some have none.
    let index_of = |name: &str| (name.len() < 4).then_some(name.len());
    let Ok(rewritten) = rewrite(text, &index_of) else {
        return;
    };
    let literals = |text| -> Vec<(TokenKind, &str)> {
        let all = significant(text).map(|token| (token.kind, token.text));
        all.filter(|(kind, _)| !is_plain(*kind)).collect()
    };
    assert_eq!(literals(text), literals(&rewritten.sql));
    let mut distinct = rewritten.order.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), rewritten.order.len());
    let chars = text.chars().count();
    let mut last = 0;
    for position in 1..=rewritten.sql.chars().count() {
        let place = rewritten.original_position(u32::try_from(position).unwrap_or(u32::MAX));
        assert!(place >= last, "places go backwards at {position}");
        assert!((1..=chars).contains(&(place as usize)), "{place} of {chars}");
        last = place;
    }
}

/// Whether a token of this kind can be a parameter or part of one.
fn is_plain(kind: TokenKind) -> bool {
    use TokenKind::{Cast, ColonEquals, Ident, Number, Operator, Other, Param, Punct};
    matches!(kind, Ident | Number | Param | Punct | Other | Operator | Cast | ColonEquals)
}

/// They are parts of the text in order, and each is one statement by itself.
fn check_statements(text: &str) {
    let parts = statements(text);
    let examined = examine(text);
    assert_eq!(parts.len(), examined.statements);
    let mut at = 0;
    for part in &parts {
        assert!(part.start >= at);
        at = part.start + part.text.len();
        assert_eq!(text.get(part.start..at), Some(part.text));
        let alone = examine(part.text);
        assert_eq!((alone.statements, alone.verb), (1, part.verb), "{}", part.text);
    }
    // What passes into a sealed database is one statement, and no command that is not on its list.
    if refusal(text).is_none() {
        let commits = examined.verb.is_transaction_control()
            && !matches!(examined.verb, Verb::Savepoint | Verb::Release | Verb::RollbackTo);
        assert!(parts.len() <= 1 && !commits, "{text}");
        let setting = matches!(examined.verb, Verb::Set | Verb::SetLocal | Verb::SetRole);
        assert!(!setting && examined.verb != Verb::Other, "{text}");
    }
    if examined.read_only {
        assert_eq!(examined.session, SessionEffect::KnownClean);
        assert!(parts.len() <= 1);
    }
}

/// Space, comments, the case of words and a semicolon at the end change no judgement.
fn check_judgement(text: &str) {
    let examined = examine(text);
    let refused = context_change(text, &PROTECTED).is_some();
    let plain = |token: Token<'_>| match token.kind {
        _ if token.is_space() => " /* ' */ ".to_owned(),
        TokenKind::Ident if !is_prefix(token.text) => token.text.to_ascii_uppercase(),
        _ => token.text.to_owned(),
    };
    let respelled: String = tokens(text).map(plain).collect();
    let same_tokens = significant(text)
        .map(|token| token.kind)
        .eq(significant(&respelled).map(|token| token.kind));
    if !same_tokens {
        // A literal that goes on behind a line end does not go on behind a comment.
        return;
    }
    assert_eq!(examine(&respelled), examined, "{respelled}");
    assert_eq!(context_change(&respelled, &PROTECTED).is_some(), refused, "{respelled}");
    let is_whole = tokens(text).all(|token| token.kind != TokenKind::Unterminated);
    if is_whole {
        let ended = format!("\n{text}\n;");
        assert_eq!(context_change(&ended, &PROTECTED).is_some(), refused, "{ended}");
    }
}

/// In the other case the letter would still be the beginning of a literal or not.
fn is_prefix(word: &str) -> bool {
    word.len() == 1
}
