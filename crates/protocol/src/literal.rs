//! The value a string literal stands for.

use std::borrow::Cow;

use crate::scan::{Token, TokenKind};

/// What the token means as a text; none for `U&'…'`, whose escape character is named elsewhere,
/// and for tokens that are no text.
pub(crate) fn value<'a>(token: &Token<'a>) -> Option<Cow<'a, str>> {
    match token.kind {
        TokenKind::DollarString => Some(Cow::Borrowed(dollar_body(token.text))),
        TokenKind::String => Some(match plain(token.text) {
            Some(body) => Cow::Borrowed(body),
            None => Cow::Owned(quoted(token.text, false)),
        }),
        TokenKind::EscapeString => Some(Cow::Owned(quoted(token.text, true))),
        _ => None,
    }
}

/// What stands between the tags of `$tag$…$tag$`.
fn dollar_body(text: &str) -> &str {
    let tag_len = text.get(1..).and_then(|rest| rest.find('$')).map_or(0, |found| found + 2);
    text.len().checked_sub(tag_len).and_then(|end| text.get(tag_len..end)).unwrap_or_default()
}

/// The text of a literal that has one pair of quotes and nothing in need of translation.
pub(crate) fn plain(text: &str) -> Option<&str> {
    let body = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!body.contains('\'')).then_some(body)
}

/// Puts the pieces of a literal together; what stands between two pieces is left out.
fn quoted(text: &str, escapes: bool) -> String {
    let mut value = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    let mut inside = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' if inside && bytes.next_if_eq(&b'\'').is_some() => value.push(b'\''),
            b'\'' => inside = !inside,
            b'\\' if inside && escapes => escape(&mut bytes, &mut value),
            _ if inside => value.push(byte),
            // A quote in a comment between two pieces opens nothing.
            b'-' if bytes.peek() == Some(&b'-') => {
                while bytes.next_if(|byte| !matches!(byte, b'\n' | b'\r')).is_some() {}
            }
            _ => {}
        }
    }
    String::from_utf8_lossy(&value).into_owned()
}

/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-BACKSLASH-TABLE>
fn escape(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>, value: &mut Vec<u8>) {
    let Some(byte) = bytes.next() else {
        return;
    };
    let mut number = |radix: u32, digits_max: usize, first: u32| {
        let mut number = first;
        for _ in 0..digits_max {
            let digit = bytes.peek().and_then(|byte| char::from(*byte).to_digit(radix));
            let Some(digit) = digit else {
                break;
            };
            bytes.next();
            number = number.saturating_mul(radix).saturating_add(digit);
        }
        number
    };
    match byte {
        b'b' => value.push(0x08),
        b'f' => value.push(0x0c),
        b'n' => value.push(b'\n'),
        b'r' => value.push(b'\r'),
        b't' => value.push(b'\t'),
        b'v' => value.push(0x0b),
        // Three digits can say 511; the server keeps the low byte.
        b'0'..=b'7' => value.push(number(8, 2, u32::from(byte - b'0')).to_le_bytes()[0]),
        b'x' => value.push(number(16, 2, 0).to_le_bytes()[0]),
        b'u' | b'U' => {
            let digits = if byte == b'u' { 4 } else { 8 };
            let character = char::from_u32(number(16, digits, 0)).unwrap_or('\u{fffd}');
            value.extend(character.encode_utf8(&mut [0; 4]).bytes());
        }
        other => value.push(other),
    }
}

#[cfg(test)]
mod tests;
