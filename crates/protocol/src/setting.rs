//! SET, RESET and set_config: which setting they change, and whether they may.

use std::borrow::Cow;

use crate::context::ContextChange;
use crate::literal;
use crate::scan::{Token, TokenKind};
use crate::word::{NAME_LEN_MAX, Word};

/// Longer than any setting that is protected; keeps endless chains of points from being read from
/// every one of their parts on.
const NAME_BYTES_MAX: usize = 1024;

/// Judges what follows SET.
pub(crate) fn set(tokens: &[Token<'_>], protected: &[&str]) -> Option<ContextChange> {
    let tokens = without_scope(tokens);
    let words = (Word::of(tokens.first()), Word::of(tokens.get(1)));
    match (words.0.as_str(), words.1.as_str()) {
        ("session", "authorization") => Some(ContextChange::SessionAuthorization),
        // Three settings have a second way of being set, without their names.
        ("names", _) if !is_assigned(tokens) => change("client_encoding", tokens.get(1), protected),
        ("schema", _) if !is_assigned(tokens) => change("search_path", tokens.get(1), protected),
        ("time", "zone") => change("timezone", tokens.get(2), protected),
        ("role", _) if !is_point(tokens.get(1)) => Some(ContextChange::Role),
        _ => {
            let (name, rest) = match name(tokens)? {
                Ok(parsed) => parsed,
                Err(change) => return Some(change),
            };
            // `SET x FROM CURRENT`, of functions, has no value but a word in its place.
            change(&name, rest.get(1), protected)
        }
    }
}

/// Judges what follows RESET.
pub(crate) fn reset(tokens: &[Token<'_>], protected: &[&str]) -> Option<ContextChange> {
    let words = (Word::of(tokens.first()), Word::of(tokens.get(1)));
    match (words.0.as_str(), words.1.as_str()) {
        ("all", _) => Some(ContextChange::ResetAll),
        ("session", "authorization") => Some(ContextChange::SessionAuthorization),
        ("time", "zone") => change("timezone", None, protected),
        _ => match name(tokens)? {
            Ok((name, _)) => change(&name, None, protected),
            Err(change) => Some(change),
        },
    }
}

/// Judges what follows the name set_config. Only a call with a literal for the name is readable.
pub(crate) fn set_config(tokens: &[Token<'_>], protected: &[&str]) -> Option<ContextChange> {
    let [open, name, comma, value, ..] = tokens else {
        return Some(ContextChange::SetConfig);
    };
    let plain = (name.kind == TokenKind::String).then(|| literal::plain(name.text)).flatten();
    match plain.filter(|_| open.is_punct("(") && comma.is_punct(",")) {
        Some(name) => change(&name.to_ascii_lowercase(), Some(value), protected),
        None => Some(ContextChange::SetConfig),
    }
}

/// Judges a change of the setting `name`, given in lower case, to the value that begins at
/// `value`; none is the value the session began with.
fn change(name: &str, value: Option<&Token<'_>>, protected: &[&str]) -> Option<ContextChange> {
    match name {
        "role" => return Some(ContextChange::Role),
        "session_authorization" => return Some(ContextChange::SessionAuthorization),
        _ => {}
    }
    let same = |other: &&str| {
        name.eq_ignore_ascii_case(other) || name == cut_parts(&other.to_ascii_lowercase())
    };
    if protected.iter().any(same) {
        return Some(ContextChange::Setting { name: name.to_owned() });
    }
    lexing(name, value)
}

/// Settings that change how the server reads SQL may be set to what they are pinned to.
fn lexing(name: &str, value: Option<&Token<'_>>) -> Option<ContextChange> {
    let pinned: &[&str] = match name {
        "standard_conforming_strings" => &["on", "true", "yes", "1", "default"],
        "client_encoding" => &["utf8", "utf-8", "unicode", "default"],
        _ => return None,
    };
    let value = value?;
    let text = literal::value(value).unwrap_or(Cow::Borrowed(value.text));
    let accepted = pinned.iter().any(|pinned| text.trim_matches('"').eq_ignore_ascii_case(pinned));
    (!accepted).then(|| ContextChange::Lexing { name: name.to_owned() })
}

/// Drops SESSION or LOCAL, unless it is the beginning of a setting's own name.
fn without_scope<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let scoped = matches!(Word::of(tokens.first()).as_str(), "session" | "local");
    let authorization = tokens.first().is_some_and(|token| token.is_word("session"))
        && tokens.get(1).is_some_and(|token| token.is_word("authorization"));
    if scoped && !authorization && !is_assigned(tokens) && !is_point(tokens.get(1)) {
        tokens.get(1..).unwrap_or_default()
    } else {
        tokens
    }
}

fn is_assigned(tokens: &[Token<'_>]) -> bool {
    tokens.get(1).is_some_and(|token| token.text == "=" || token.is_word("to"))
}

fn is_point(token: Option<&Token<'_>>) -> bool {
    token.is_some_and(|token| token.is_punct("."))
}

/// A name in lower case and the tokens behind it, or why it cannot be read.
type Name<'t, 'a> = Result<(String, &'t [Token<'a>]), ContextChange>;

/// `app.tenant`, `"App"."Tenant"`, `"app.tenant"` are one name: settings are found whatever their
/// case, and the parts are put together with a point.
fn name<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<Name<'t, 'a>> {
    let mut name = String::new();
    let mut rest = tokens;
    loop {
        let (part, behind) = rest.split_first()?;
        match part.kind {
            TokenKind::Ident => name.push_str(cut(part.text)),
            TokenKind::QuotedIdent => {
                let inside = part.text.get(1..part.text.len().saturating_sub(1));
                name.push_str(cut(&inside.unwrap_or_default().replace("\"\"", "\"")));
            }
            TokenKind::UnicodeIdent => return Some(Err(ContextChange::EscapedName)),
            _ => return None,
        }
        if !is_point(behind.first()) {
            name.make_ascii_lowercase();
            return Some(Ok((name, behind)));
        }
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        name.push('.');
        rest = behind.get(1..)?;
    }
}

fn cut_parts(name: &str) -> String {
    name.split('.').map(cut).collect::<Vec<_>>().join(".")
}

/// PostgreSQL cuts long names without an error, so a longer one can mean the same.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_LEN_MAX)).unwrap_or(name)
}
