//! Values in PostgreSQL's text format: booleans, bytea, arrays.
//!
//! <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>,
//! <https://www.postgresql.org/docs/current/datatype-binary.html>

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// PostgreSQL's own limit of dimensions (`MAXDIM`); it also bounds the recursion here.
pub const DIMENSIONS_MAX: usize = 6;

/// Why a text is not a value of its type. `at` is the byte where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// Neither `t` nor `f`.
    NotBool,
    /// Neither hex nor escape format.
    NotBytea {
        /// Byte offset.
        at: usize,
    },
    /// Not an array, or not to its end.
    NotArray {
        /// Byte offset.
        at: usize,
    },
    /// Nested more deeply than PostgreSQL allows.
    TooDeep {
        /// Byte offset.
        at: usize,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBool => f.write_str("not a boolean; PostgreSQL writes t or f"),
            Self::NotBytea { at } => {
                write!(f, "not a bytea at byte {at}; write hex digits after \\x")
            }
            Self::NotArray { at } => {
                write!(f, "malformed array at byte {at}; write it as {{1,NULL,\"a b\"}}")
            }
            Self::TooDeep { at } => {
                write!(f, "array of more than {DIMENSIONS_MAX} dimensions at byte {at}")
            }
        }
    }
}

impl Error for TextError {}

/// What an array holds: a value, NULL, or the next dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// A value in its text form, `None` for NULL.
    Item(Option<Cow<'a, str>>),
    /// The elements of the next dimension.
    Array(Vec<Element<'a>>),
}

/// A boolean as the server writes it.
pub fn decode_bool(text: &[u8]) -> Result<bool, TextError> {
    match text {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(TextError::NotBool),
    }
}

/// A bytea in hex or, where `bytea_output` says so, in the older escape format.
pub fn decode_bytea(text: &[u8]) -> Result<Vec<u8>, TextError> {
    match text.strip_prefix(b"\\x") {
        Some(hex) => decode_hex(hex),
        None => decode_escaped(text),
    }
}

/// An array as the server writes it or a user may: `{1,NULL,"a\"b"}`, `{{1},{2}}`, `[0:1]={1,2}`.
/// Lower bounds are checked and forgotten. See [`crate::oid::delimiter_of`] for the delimiter.
pub fn parse_array(text: &str, delimiter: u8) -> Result<Vec<Element<'_>>, TextError> {
    let mut parser = ArrayParser { text, at: 0, delimiter };
    parser.skip_space();
    if parser.peek() == Some(b'[') {
        parser.bounds()?;
        parser.skip_space();
    }
    parser.take(b'{')?;
    let elements = parser.elements(1)?;
    parser.skip_space();
    if parser.at == text.len() { Ok(elements) } else { Err(parser.malformed()) }
}

fn decode_hex(hex: &[u8]) -> Result<Vec<u8>, TextError> {
    const PREFIX_LEN: usize = 2;
    let (pairs, odd) = hex.as_chunks::<2>();
    let mut bytes = Vec::with_capacity(pairs.len());
    for (index, [high, low]) in pairs.iter().enumerate() {
        let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else {
            return Err(TextError::NotBytea { at: PREFIX_LEN + 2 * index });
        };
        bytes.push(high << 4 | low);
    }
    if odd.is_empty() { Ok(bytes) } else { Err(TextError::NotBytea { at: PREFIX_LEN + hex.len() }) }
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A backslash is written twice, other bytes may be written as three octal digits.
fn decode_escaped(text: &[u8]) -> Result<Vec<u8>, TextError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => {
                return Err(TextError::NotBytea { at: text.len() - rest.len() });
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        }
    }
}

struct ArrayParser<'a> {
    text: &'a str,
    at: usize,
    delimiter: u8,
}

impl<'a> ArrayParser<'a> {
    /// Everything up to the brace that closes the one just taken.
    fn elements(&mut self, depth: usize) -> Result<Vec<Element<'a>>, TextError> {
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            self.skip_space();
            elements.push(match self.peek() {
                Some(b'{') if depth == DIMENSIONS_MAX => {
                    return Err(TextError::TooDeep { at: self.at });
                }
                Some(b'{') => {
                    self.at += 1;
                    Element::Array(self.elements(depth + 1)?)
                }
                Some(b'"') => {
                    self.at += 1;
                    Element::Item(Some(self.quoted()?))
                }
                _ => Element::Item(self.unquoted()?),
            });
            self.skip_space();
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(elements);
                }
                Some(byte) if byte == self.delimiter => self.at += 1,
                _ => return Err(self.malformed()),
            }
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, TextError> {
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek().ok_or(self.malformed())? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    self.peek().ok_or(self.malformed())?;
                }
                _ => {}
            }
            self.at += 1;
        }
        let inside = self.slice(start, self.at);
        self.at += 1;
        Ok(if escaped { Cow::Owned(unescape(inside)) } else { Cow::Borrowed(inside) })
    }

    /// Space around the value does not count, space inside and escaped space does.
    fn unquoted(&mut self) -> Result<Option<Cow<'a, str>>, TextError> {
        let start = self.at;
        let mut end = start;
        let mut escaped = false;
        loop {
            match self.peek().ok_or(self.malformed())? {
                b'}' => break,
                byte if byte == self.delimiter => break,
                b'{' | b'"' => return Err(self.malformed()),
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    self.peek().ok_or(self.malformed())?;
                    end = self.at + 1;
                }
                byte if is_space(byte) => {}
                _ => end = self.at + 1,
            }
            self.at += 1;
        }
        let inside = self.slice(start, end);
        match inside {
            "" => Err(self.malformed()),
            _ if escaped => Ok(Some(Cow::Owned(unescape(inside)))),
            _ if inside.eq_ignore_ascii_case("null") => Ok(None),
            _ => Ok(Some(Cow::Borrowed(inside))),
        }
    }

    /// `[2:4][0:1]=`
    fn bounds(&mut self) -> Result<(), TextError> {
        let mut dimensions = 0;
        while self.peek() == Some(b'[') {
            dimensions += 1;
            if dimensions > DIMENSIONS_MAX {
                return Err(TextError::TooDeep { at: self.at });
            }
            self.at += 1;
            self.bound()?;
            if self.peek() == Some(b':') {
                self.at += 1;
                self.bound()?;
            }
            self.take(b']')?;
            self.skip_space();
        }
        self.take(b'=')
    }

    fn bound(&mut self) -> Result<(), TextError> {
        if let Some(b'+' | b'-') = self.peek() {
            self.at += 1;
        }
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.malformed()) }
    }

    fn take(&mut self, byte: u8) -> Result<(), TextError> {
        if self.peek() != Some(byte) {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// The bounds stand at ASCII characters or at the ends, so the slice is always there.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn malformed(&self) -> TextError {
        TextError::NotArray { at: self.at }
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            plain.extend(characters.next());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// What `array_isspace` of the server takes for space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests;
