//! JSON text written straight into a buffer: strings, compact documents, number checks.
//!
//! Rows are written without an intermediate tree; this is the hot path of every answer.

use std::borrow::Cow;

/// Writes a JSON string. PostgreSQL sends UTF-8; a database in SQL_ASCII may hold anything, and
/// what is not UTF-8 there becomes U+FFFD rather than broken JSON.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escape(out, lossy(text).as_bytes());
    out.push(b'"');
}

/// Writes an integer.
pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The text as UTF-8.
pub(crate) fn lossy(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(text),
    }
}

/// Writes UTF-8 text as the inside of a JSON string: `"`, `\` and control characters are escaped,
/// nothing else has to be (RFC 8259, section 7).
pub(crate) fn escape(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len());
    let mut rest = text;
    loop {
        let (plain, from) = rest.split_at(first_special(rest));
        out.extend_from_slice(plain);
        let Some((&special, after)) = from.split_first() else { return };
        escape_byte(out, special);
        rest = after;
    }
}

/// Writes a JSON document as the inside of a JSON string, without its insignificant whitespace.
/// Strings and numbers are not touched, so neither precision nor spelling is lost.
pub(crate) fn escape_compact(out: &mut Vec<u8>, document: &[u8]) {
    let mut rest = document;
    while !rest.is_empty() {
        let outside = rest.iter().position(|&byte| byte == b'"').unwrap_or(rest.len());
        let (structure, from) = rest.split_at(outside);
        for &byte in structure {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b'\\' | 0..=0x1f => escape_byte(out, byte),
                _ => out.push(byte),
            }
        }
        let (literal, after) = from.split_at(string_len(from));
        escape(out, literal);
        rest = after;
    }
}

/// Whether the text is a JSON number (RFC 8259, section 6).
pub(crate) fn is_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits(unsigned);
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => match digits(fraction) {
            (&[], _) => return false,
            (_, rest) => rest,
        },
    };
    let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) else {
        return rest.is_empty();
    };
    let exponent = match exponent.split_first() {
        Some((b'+' | b'-', exponent)) => exponent,
        _ => exponent,
    };
    matches!(digits(exponent), (some, &[]) if !some.is_empty())
}

/// Whether the text is an integer that fits in 64 bits, in the one spelling PostgreSQL uses for it.
pub(crate) fn is_long(text: &[u8]) -> bool {
    /// Any integer of so many digits fits.
    const SURE_DIGITS: usize = 18;
    match text.strip_prefix(b"-").unwrap_or(text) {
        [] | [b'0', _, ..] => false,
        number if !number.iter().all(u8::is_ascii_digit) => false,
        number => number.len() <= SURE_DIGITS || lossy(text).parse::<i64>().is_ok(),
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let len = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(len)
}

/// Length of the JSON string at the start of the text with both quotes; the whole text if it never
/// ends.
fn string_len(text: &[u8]) -> usize {
    let mut escaped = true; // The opening quote does not close.
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Index of the first byte that cannot stand in a JSON string as it is; the length if there is
/// none.
fn first_special(text: &[u8]) -> usize {
    const LANE: usize = size_of::<u64>();
    let (lanes, _) = text.as_chunks::<LANE>();
    let clean = lanes.iter().take_while(|lane| !any_special(u64::from_ne_bytes(**lane))).count();
    let tail = text.get(clean * LANE..).unwrap_or_default();
    let within = tail.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    within.map_or(text.len(), |at| clean * LANE + at)
}

/// Eight bytes at once: a lane's high bit is set where the byte is below 0x20, a quote or a
/// backslash. A borrow can only mark a lane above one that is rightly marked, so "any" is exact.
fn any_special(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let control = below(word, 0x20);
    let quote = below(word ^ (ONES * 0x22), 1);
    let backslash = below(word ^ (ONES * 0x5c), 1);
    (control | quote | backslash) & HIGH != 0
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let high = if byte & 0x10 == 0 { b'0' } else { b'1' };
            let low = HEX[usize::from(byte & 0x0f)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests;
