//! SQL text cut into tokens by the rules of PostgreSQL's own lexer, `scan.l`.
//!
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>. The tokens, put together
//! again, are the input. `standard_conforming_strings = on` is taken for granted; whoever relies on
//! the tokens pins it on the connection. Nothing is judged here: text that PostgreSQL would refuse
//! is cut somehow and refused there.

use std::iter::FusedIterator;

use memchr::{memchr, memchr2};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Space, tabs, line ends.
    Whitespace,
    /// `-- to the end of the line`
    LineComment,
    /// `/* nested /* like */ this */`
    BlockComment,
    /// A name or keyword without quotes; may hold `$` and letters beyond ASCII.
    Ident,
    /// `"a name"`
    QuotedIdent,
    /// `U&"a n\0061me"`, without its UESCAPE clause.
    UnicodeIdent,
    /// `'text'` or `N'text'`, with its continuations on later lines.
    String,
    /// `E'text with \n'`
    EscapeString,
    /// `U&'t\0065xt'`, without its UESCAPE clause.
    UnicodeString,
    /// `B'01'` or `X'1f'`
    BitString,
    /// `$tag$text$tag$`
    DollarString,
    /// `$1`
    Param,
    /// `1`, `1.5`, `1e-5`, `0x1f`, `1_000`
    Number,
    /// `+`, `<=`, `->>`; ends where a comment begins.
    Operator,
    /// `::`
    Cast,
    /// `:=`
    ColonEquals,
    /// `=>`
    Arrow,
    /// `..`
    DotDot,
    /// One of `,()[].;:`
    Punct,
    /// A literal, name or comment without its end: everything from its beginning.
    Unterminated,
    /// A character that means nothing to PostgreSQL.
    Other,
}

/// A piece of SQL text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// How it is written.
    pub text: &'a str,
    /// Byte offset of its first character.
    pub start: usize,
}

impl Token<'_> {
    /// Byte offset behind its last character.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start.saturating_add(self.text.len())
    }

    /// Whether it is space or a comment, which part tokens and mean nothing else.
    #[must_use]
    pub fn is_space(&self) -> bool {
        use TokenKind::{BlockComment, LineComment, Whitespace};
        matches!(self.kind, Whitespace | LineComment | BlockComment)
    }

    /// Whether it is this keyword, in whatever case. Quoted names are no keywords.
    #[must_use]
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Ident && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this punctuation mark.
    #[must_use]
    pub fn is_punct(&self, mark: &str) -> bool {
        self.kind == TokenKind::Punct && self.text == mark
    }
}

/// Cuts `sql` into tokens.
#[must_use]
pub fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { sql, at: 0 }
}

/// The tokens of a text that are neither space nor comment.
pub fn significant(sql: &str) -> impl Iterator<Item = Token<'_>> + Clone {
    let mut scan = tokens(sql);
    std::iter::from_fn(move || {
        loop {
            scan.skip_whitespace();
            let token = scan.next()?;
            if !token.is_space() {
                return Some(token);
            }
        }
    })
}

/// The significant tokens in one piece, for whoever looks back and forth.
pub(crate) fn collect(sql: &str) -> Vec<Token<'_>> {
    // Seldom more than one token to three bytes; the bound keeps a long literal from costing much.
    const TOKENS_GUESS_MAX: usize = 256;
    let mut tokens = Vec::with_capacity((sql.len() / 3).min(TOKENS_GUESS_MAX));
    tokens.extend(significant(sql));
    tokens
}

/// The tokens of a text, one after the other.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Goes on at this byte offset instead. One inside a character ends the tokens.
    pub fn seek(&mut self, at: usize) {
        self.at = at;
    }

    fn skip_whitespace(&mut self) {
        let rest = self.sql.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| is_space(**byte)).count();
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.sql.get(self.at..)?;
        let (kind, len) = cut(rest.as_bytes())?;
        let start = self.at;
        self.at = start.saturating_add(len);
        // Tokens end at ASCII characters or at the end, so the slice is always there.
        Some(Token { kind, text: rest.get(..len).unwrap_or(rest), start })
    }
}

impl FusedIterator for Tokens<'_> {}

/// Kind and length of the first token of `s`; none when there is nothing left.
fn cut(s: &[u8]) -> Option<(TokenKind, usize)> {
    let first = *s.first()?;
    let second = s.get(1).copied().unwrap_or_default();
    Some(match (first, second) {
        (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => {
            (TokenKind::Whitespace, run(s, 1, is_space))
        }
        (b'-', b'-') => (TokenKind::LineComment, line_comment(s)),
        (b'/', b'*') => block_comment(s),
        (b'\'', _) => quoted_string(s, 1, TokenKind::String),
        (b'n' | b'N', b'\'') => quoted_string(s, 2, TokenKind::String),
        (b'e' | b'E', b'\'') => quoted_string(s, 2, TokenKind::EscapeString),
        (b'b' | b'B' | b'x' | b'X', b'\'') => quoted_string(s, 2, TokenKind::BitString),
        (b'u' | b'U', b'&') => unicode(s),
        (b'"', _) => quoted_ident(s, 1, TokenKind::QuotedIdent),
        (b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.., _) => ident(s),
        (b'$', _) => dollar(s),
        (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => (TokenKind::Number, number(s)),
        (b':', b':') => (TokenKind::Cast, 2),
        (b':', b'=') => (TokenKind::ColonEquals, 2),
        (b'.', b'.') => (TokenKind::DotDot, 2),
        (b',' | b'(' | b')' | b'[' | b']' | b'.' | b';' | b':', _) => (TokenKind::Punct, 1),
        (byte, _) if is_operator(byte) => operator(s),
        _ => (TokenKind::Other, 1),
    })
}

/// How many bytes from the beginning on belong to a run; the first `from` do in any case.
#[inline]
fn run(s: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let tail = s.get(from..).unwrap_or_default();
    from.saturating_add(tail.iter().take_while(|byte| belongs(**byte)).count()).min(s.len())
}

fn ident(s: &[u8]) -> (TokenKind, usize) {
    (TokenKind::Ident, run(s, 1, is_ident))
}

/// The line end is no part of the comment.
fn line_comment(s: &[u8]) -> usize {
    memchr2(b'\n', b'\r', s).unwrap_or(s.len())
}

fn block_comment(s: &[u8]) -> (TokenKind, usize) {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(pair) = s.get(at..).and_then(<[u8]>::first_chunk) {
        at += match pair {
            b"/*" => {
                depth += 1;
                2
            }
            b"*/" => {
                depth -= 1;
                if depth == 0 {
                    return (TokenKind::BlockComment, at + 2);
                }
                2
            }
            _ => 1,
        };
    }
    (TokenKind::Unterminated, s.len())
}

/// A literal whose text begins at `from`. Two literals with a line end between them are one, and
/// the second follows the rules of the first: `E'a'⏎'\''` is one literal, `'a'⏎'\'` as well.
fn quoted_string(s: &[u8], from: usize, kind: TokenKind) -> (TokenKind, usize) {
    let mut at = from;
    loop {
        let closed = match kind {
            // Here two quotes are an end and a beginning.
            TokenKind::BitString => s.get(at..).and_then(|tail| {
                memchr(b'\'', tail).map(|found| at.saturating_add(found).saturating_add(1))
            }),
            _ => close_quote(s, at, b'\'', kind == TokenKind::EscapeString),
        };
        let Some(closed) = closed else {
            return (TokenKind::Unterminated, s.len());
        };
        match continuation(s, closed) {
            Some(next) => at = next,
            None => return (kind, closed),
        }
    }
}

fn quoted_ident(s: &[u8], from: usize, kind: TokenKind) -> (TokenKind, usize) {
    match close_quote(s, from, b'"', false) {
        Some(end) => (kind, end),
        None => (TokenKind::Unterminated, s.len()),
    }
}

/// Where a quoted text that begins at `at` is over. A doubled quote is part of the text.
fn close_quote(s: &[u8], mut at: usize, quote: u8, escapes: bool) -> Option<usize> {
    loop {
        let tail = s.get(at..)?;
        let found = if escapes { memchr2(quote, b'\\', tail) } else { memchr(quote, tail) }?;
        at += found + 1;
        let doubled = s.get(at) == Some(&quote);
        if s.get(at - 1) == Some(&b'\\') && escapes || doubled {
            at += 1;
        } else {
            return Some(at);
        }
    }
}

/// Where the text of a continued literal begins: behind white space that has a line end in it,
/// where comments count as white space, and one more quote.
fn continuation(s: &[u8], mut at: usize) -> Option<usize> {
    let mut line_ended = false;
    loop {
        match s.get(at)? {
            b'\n' | b'\r' => {
                line_ended = true;
                at += 1;
            }
            byte if is_space(*byte) => at += 1,
            b'-' if s.get(at + 1) == Some(&b'-') => {
                at += line_comment(s.get(at..)?);
            }
            b'\'' if line_ended => return Some(at + 1),
            _ => return None,
        }
    }
}

/// `U&'…'` and `U&"…"`; a backslash before a quote does not protect it. Anything else is a name.
fn unicode(s: &[u8]) -> (TokenKind, usize) {
    match s.get(2) {
        Some(b'\'') => quoted_string(s, 3, TokenKind::UnicodeString),
        Some(b'"') => quoted_ident(s, 3, TokenKind::UnicodeIdent),
        _ => ident(s),
    }
}

/// `$1`, `$$…$$`, `$tag$…$tag$`, or a dollar sign that means nothing.
fn dollar(s: &[u8]) -> (TokenKind, usize) {
    let digits = run(s, 1, |byte| byte.is_ascii_digit());
    if digits > 1 {
        return (TokenKind::Param, digits);
    }
    let tag_end = run(s, 1, |byte| is_ident(byte) && byte != b'$');
    let Some(delimiter) = s.get(..=tag_end).filter(|tag| tag.ends_with(b"$")) else {
        return (TokenKind::Other, 1);
    };
    let body = s.get(delimiter.len()..).unwrap_or_default();
    match memchr::memmem::find(body, delimiter) {
        Some(found) => (TokenKind::DollarString, found + 2 * delimiter.len()),
        None => (TokenKind::Unterminated, s.len()),
    }
}

/// Digits, letters and underscores, one point, a sign after an exponent's `e`. Letters that make
/// no number are taken along: PostgreSQL refuses a name that follows a number at once.
fn number(s: &[u8]) -> usize {
    let mut end = run(s, 0, is_number);
    let hex = matches!(s.get(..2), Some([b'0', b'x' | b'X']));
    let plain = s
        .get(..end)
        .is_some_and(|digits| !hex && !digits.contains(&b'e') && !digits.contains(&b'E'));
    let point = s.get(end) == Some(&b'.') && s.get(end + 1) != Some(&b'.');
    if plain && point {
        end = run(s, end + 1, is_number);
    }
    let exponent = !hex && matches!(s.get(end.wrapping_sub(1)), Some(b'e' | b'E'));
    let signed =
        matches!(s.get(end), Some(b'+' | b'-')) && s.get(end + 1).is_some_and(u8::is_ascii_digit);
    if exponent && signed {
        end = run(s, end + 1, is_number);
    }
    end
}

/// PostgreSQL refuses operators of more than 63 bytes, so what lies behind this many decides
/// nothing. Without the bound a long row of signs, each a token, would be read from each sign on.
const OPERATOR_LOOKAHEAD: usize = 66;

/// An operator ends before a comment, and loses trailing signs unless one of the characters that
/// standard SQL does not use is in it: `a*-1` is a product, `@-` is one operator.
fn operator(s: &[u8]) -> (TokenKind, usize) {
    let near = s.get(..OPERATOR_LOOKAHEAD).unwrap_or(s);
    let all = near.get(..run(near, 1, is_operator)).unwrap_or(near);
    let comment = all.windows(2).position(|pair| pair == b"--" || pair == b"/*");
    let mut text = comment.and_then(|end| all.get(..end)).unwrap_or(all);
    let unusual = text.iter().any(|byte| b"~!@#^&|`?%".contains(byte));
    while let [head @ .., b'+' | b'-'] = text
        && !head.is_empty()
        && !unusual
    {
        text = head;
    }
    let kind = if text == b"=>" { TokenKind::Arrow } else { TokenKind::Operator };
    (kind, text.len())
}

/// What a byte may be part of, one bit each.
const SPACE: u8 = 1;
const NUMBER: u8 = 2;
const IDENT: u8 = 4;
const OPERATOR: u8 = 8;

/// One look instead of a row of comparisons: most of the time here goes into asking this.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            // The vertical tab counts since PostgreSQL 16; before, it is a syntax error anyway.
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => IDENT | NUMBER,
            b'$' | 0x80.. => IDENT,
            b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'+' | b'-' | b'*'
            | b'/' | b'%' | b'<' | b'>' | b'=' => OPERATOR,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

fn is_class(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

fn is_space(byte: u8) -> bool {
    is_class(byte, SPACE)
}

/// Whether the byte may stand inside a name.
pub(crate) fn is_ident(byte: u8) -> bool {
    is_class(byte, IDENT)
}

fn is_number(byte: u8) -> bool {
    is_class(byte, NUMBER)
}

fn is_operator(byte: u8) -> bool {
    is_class(byte, OPERATOR)
}

#[cfg(test)]
mod tests;
