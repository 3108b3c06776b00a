//! Named parameters, `:name`, rewritten to PostgreSQL's `$1`, `$2`.
//!
//! What is a parameter: a colon outside literals, quoted names and comments, followed at once by
//! letters, digits or underscores. `::` is a cast and `:=` a named argument. Names may be all
//! digits (`:1`), as some drivers write them, and are matched with their case.
//!
//! The brackets of a subscript may hold slices. In them, but not in parentheses in them, a colon
//! behind a value parts two bounds, as in `a[1:2]`, whatever names there are, and a name without a
//! value is a bound, as in `a[:n]`. Elsewhere a name without a value is left alone if it is all
//! digits, and is otherwise an oversight and an error. In brackets that follow ARRAY there are no
//! slices.
//!
//! A `$1` that is in the text already is left alone too, and then means the first parameter in
//! `order`: callers should write one kind or the other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use crate::builtin::KEYWORDS;
use crate::scan::{Token, TokenKind, is_ident, tokens};
use crate::word::Word;

/// SQL with numbered parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten<'a> {
    /// The text for PostgreSQL, the caller's own when there was nothing to rewrite.
    pub sql: Cow<'a, str>,
    /// For `$1`, `$2` …: which of the caller's parameters it is, as `index_of` numbered them.
    pub order: Vec<usize>,
    edits: Vec<Edit>,
}

/// A name without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingParameter {
    /// The name as the text has it, without the colon.
    pub name: String,
}

impl fmt::Display for MissingParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(f, "Cannot find parameter: {name}; pass a value for it or write the colon otherwise")
    }
}

impl Error for MissingParameter {}

/// One replaced name. All numbers count characters from 0, as the server's positions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    old_start: usize,
    old_len: usize,
    new_start: usize,
    new_len: usize,
}

/// Rewrites `sql`. `index_of` says which of the caller's parameters a name is, if any; a name
/// that comes twice becomes the same `$n` twice.
pub fn rewrite<'a>(
    sql: &'a str,
    index_of: &dyn Fn(&str) -> Option<usize>,
) -> Result<Rewritten<'a>, MissingParameter> {
    if memchr::memchr(b':', sql.as_bytes()).is_none() {
        return Ok(Rewritten { sql: Cow::Borrowed(sql), order: Vec::new(), edits: Vec::new() });
    }
    let mut output = Output::new(sql);
    let mut brackets = Brackets::default();
    let mut scan = tokens(sql);
    while let Some(token) = scan.next() {
        if token.is_punct(":")
            && !brackets.is_slice()
            && let Some(name) = name_at(sql, token.end())
        {
            if let Some(index) = index_of(name) {
                scan.seek(output.replace(token.start, name, index));
                brackets.pass_parameter();
                continue;
            } else if !is_digits(name) && !brackets.may_hold_slice() {
                return Err(MissingParameter { name: name.to_owned() });
            }
        }
        brackets.pass(token);
    }
    Ok(output.finish())
}

impl Rewritten<'_> {
    /// Where a character of the rewritten text, counted from 1, stands in the caller's text.
    /// A position inside a replaced name is that of its colon.
    #[must_use]
    pub fn original_position(&self, char_pos: u32) -> u32 {
        let Some(new) = usize::try_from(char_pos).ok().and_then(|position| position.checked_sub(1))
        else {
            return char_pos;
        };
        let behind = self.edits.partition_point(|edit| edit.new_start <= new);
        let old = match behind.checked_sub(1).and_then(|last| self.edits.get(last)) {
            None => new,
            Some(edit) => match new.checked_sub(edit.new_start + edit.new_len) {
                None => edit.old_start,
                Some(further) => (edit.old_start + edit.old_len).saturating_add(further),
            },
        };
        u32::try_from(old.saturating_add(1)).unwrap_or(u32::MAX)
    }

    /// The same with a text of its own.
    #[must_use]
    pub fn into_owned(self) -> Rewritten<'static> {
        Rewritten { sql: Cow::Owned(self.sql.into_owned()), order: self.order, edits: self.edits }
    }
}

/// The name at this offset: letters, digits, underscores. None where a literal begins, as in
/// `:E'x'`, and none before a `$`, which would be part of a name before and could begin a literal
/// after: apart from the names, the text before and after must be the same tokens.
fn name_at(sql: &str, at: usize) -> Option<&str> {
    let rest = sql.get(at..)?;
    let first = tokens(rest).next()?;
    if !matches!(first.kind, TokenKind::Ident | TokenKind::Number) {
        return None;
    }
    // All of the token, so that `[:1.5]` keeps its bound.
    let is_name = first.text.bytes().all(|byte| is_ident(byte) && byte != b'$');
    let before_dollar = rest.as_bytes().get(first.text.len()) == Some(&b'$');
    (is_name && !before_dollar).then_some(first.text)
}

fn is_digits(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which parentheses and brackets are open, and what stood last.
#[derive(Default)]
struct Brackets<'a> {
    open: Vec<Bracket>,
    /// Whether a bracket that opened now would hold the elements of an ARRAY.
    array: bool,
    /// What stands before, the nearest first: a value can be parted from the next by a colon.
    last: [Option<Token<'a>>; 3],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// A parenthesis. Slices are not part of an expression, so there is none in it.
    Parenthesis,
    Subscript,
    /// Of `ARRAY[…]`, or inside one.
    Elements,
}

impl<'a> Brackets<'a> {
    fn is_slice(&self) -> bool {
        self.may_hold_slice() && self.is_behind_value()
    }

    fn is_behind_value(&self) -> bool {
        let Some(last) = self.last[0] else {
            return false;
        };
        if last.kind != TokenKind::Ident {
            return last.is_punct(")") || last.is_punct("]") || is_value(last.kind);
        }
        let behind = |steps: usize, word: &str| {
            self.last.get(steps).copied().flatten().is_some_and(|token| token.is_word(word))
        };
        let word = Word::of(Some(&last));
        // `t.select` is a column.
        let is_field = self.last[1].is_some_and(|before| before.is_punct("."));
        let zone = last.is_word("zone") && behind(1, "time") && behind(2, "at");
        let operand_follows = zone || word.is_in(KEYWORDS) || word.is_in(OPERATOR_WORDS);
        is_field || !operand_follows || word.is_in(ENDS_VALUE)
    }

    fn pass_parameter(&mut self) {
        self.array = false;
        self.remember(Token { kind: TokenKind::Param, text: "$", start: 0 });
    }

    fn may_hold_slice(&self) -> bool {
        self.open.last() == Some(&Bracket::Subscript)
    }

    fn pass(&mut self, token: Token<'a>) {
        if token.is_space() {
            return;
        }
        self.remember(token);
        match (token.kind, token.text) {
            // In ARRAY[[1, 2], [3, 4]] the inner brackets hold elements as well, so `array` stays.
            (TokenKind::Punct, "[") => {
                let kind = if self.array { Bracket::Elements } else { Bracket::Subscript };
                self.open.push(kind);
                return;
            }
            (TokenKind::Punct, "(") => self.open.push(Bracket::Parenthesis),
            (TokenKind::Punct, "]" | ")") => {
                self.open.pop();
            }
            _ => {}
        }
        let inside_array = self.open.last() == Some(&Bracket::Elements);
        self.array = token.is_word("array") || inside_array && token.is_punct(",");
    }

    fn remember(&mut self, token: Token<'a>) {
        self.last = [Some(token), self.last[0], self.last[1]];
    }
}

fn is_value(kind: TokenKind) -> bool {
    use TokenKind::{BitString, DollarString, EscapeString, String, UnicodeString};
    use TokenKind::{Number, Param, QuotedIdent, UnicodeIdent};
    let text = matches!(kind, String | EscapeString | UnicodeString | BitString | DollarString);
    text || matches!(kind, QuotedIdent | UnicodeIdent | Number | Param)
}

/// Of [`KEYWORDS`] those by which a value can end: constants, CASE, types behind `::`, and names
/// of functions that may be columns as well. Sorted.
#[rustfmt::skip]
const ENDS_VALUE: &[&str] = &[
    "bigint", "bit", "boolean", "char", "character", "coalesce", "current_catalog", "current_date",
    "current_role", "current_time", "current_timestamp", "current_user", "dec", "decimal", "end",
    "exists", "extract", "false", "float", "greatest", "grouping", "inout", "int", "integer",
    "interval", "least", "localtime", "localtimestamp", "national", "nchar", "none", "normalize",
    "null", "nullif", "numeric", "out", "overlay", "position", "precision", "real", "row",
    "session_user", "setof", "smallint", "substring", "time", "timestamp", "trim", "true", "user",
    "values", "varchar", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists", "xmlforest",
    "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];

/// Operators that are words and yet could name a function, so that they are none of [`KEYWORDS`].
const OPERATOR_WORDS: &[&str] = &["ilike", "like", "overlaps"];

/// The text as it grows, and where it differs from the caller's.
struct Output<'a> {
    sql: &'a str,
    text: String,
    /// Up to here the caller's text is in `text`.
    copied: usize,
    old_chars: usize,
    new_chars: usize,
    order: Vec<usize>,
    /// The number `n` of the `$n` that each index became.
    places: BTreeMap<usize, usize>,
    edits: Vec<Edit>,
}

impl<'a> Output<'a> {
    fn new(sql: &'a str) -> Self {
        Self {
            sql,
            text: String::new(),
            copied: 0,
            old_chars: 0,
            new_chars: 0,
            order: Vec::new(),
            places: BTreeMap::new(),
            edits: Vec::new(),
        }
    }

    /// Puts `$n` in the place of the colon at `at` and the name; gives the offset behind them.
    fn replace(&mut self, at: usize, name: &str, index: usize) -> usize {
        let between = self.sql.get(self.copied..at).unwrap_or_default();
        let number = self.number(index);
        self.text.push_str(between);
        let written = self.text.len();
        // `limit:n` must not become the name `limit$1`, nor `$:n` the quote `$$`.
        if self.text.bytes().next_back().is_some_and(is_ident) {
            self.text.push(' ');
        }
        self.text.push('$');
        self.text.push_str(&number.to_string());
        let chars = between.chars().count();
        let edit = Edit {
            old_start: self.old_chars + chars,
            old_len: name.chars().count() + 1,
            new_start: self.new_chars + chars,
            new_len: self.text.len() - written,
        };
        self.old_chars = edit.old_start + edit.old_len;
        self.new_chars = edit.new_start + edit.new_len;
        self.edits.push(edit);
        self.copied = at + 1 + name.len();
        self.copied
    }

    fn number(&mut self, index: usize) -> usize {
        *self.places.entry(index).or_insert_with(|| {
            self.order.push(index);
            self.order.len()
        })
    }

    fn finish(mut self) -> Rewritten<'a> {
        if self.edits.is_empty() {
            return Rewritten {
                sql: Cow::Borrowed(self.sql),
                order: self.order,
                edits: self.edits,
            };
        }
        self.text.push_str(self.sql.get(self.copied..).unwrap_or_default());
        Rewritten { sql: Cow::Owned(self.text), order: self.order, edits: self.edits }
    }
}

#[cfg(test)]
mod tests;
