//! A policy's expression, as far as its shape can be judged.
//!
//! PostgreSQL writes expressions in one way (`pg_get_expr`): every operator in parentheses,
//! keywords in capitals, columns of the policy's own table without qualification. That makes them
//! easy to take apart; what is not understood counts as not restricting.

use std::iter::Peekable;
use std::str::Chars;

/// Built-in functions that give the same for different values, as `pg_get_expr` writes them.
/// Sorted, for the binary search.
const FOLDS: &[&str] = &[
    "TRIM",
    "abs",
    "btrim",
    "ceil",
    "date_trunc",
    "floor",
    "hashtext",
    "initcap",
    "left",
    "length",
    "lower",
    "ltrim",
    "regexp_replace",
    "replace",
    "right",
    "round",
    "rtrim",
    "split_part",
    "substr",
    "substring",
    "translate",
    "unaccent",
    "upper",
];

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A keyword or a name, quoted where SQL needs it.
    Word(String),
    /// A string constant, without its quotes.
    Literal(String),
    /// A number.
    Number(String),
    /// An operator or a mark.
    Symbol(String),
}

/// An expression in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    tokens: Vec<Token>,
}

/// What an expression is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The column that holds the tenant; `None` when the table has none and its rows belong to a
    /// tenant through what they refer to.
    pub tenant_column: Option<&'a str>,
    /// Functions of users' that the expression calls, schema-qualified and without arguments: they
    /// may give the context.
    pub context_functions: &'a [&'a str],
    /// The expression reads other tables.
    pub reads_others: bool,
}

impl Expression {
    /// Takes an expression apart.
    pub fn parse(text: &str) -> Expression {
        let mut chars = text.chars().peekable();
        let mut tokens = Vec::new();
        while let Some(&next) = chars.peek() {
            match next {
                _ if next.is_whitespace() => {
                    chars.next();
                }
                '\'' => tokens.push(Token::Literal(quoted(&mut chars, '\''))),
                '"' => tokens.push(Token::Word(format!("\"{}\"", quoted(&mut chars, '"')))),
                _ if next.is_ascii_digit() => {
                    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
                    tokens.push(Token::Number(run(&mut chars, is_digit)));
                }
                _ if is_word(next) => tokens.push(Token::Word(run(&mut chars, is_word))),
                '(' | ')' | ',' | '[' | ']' | '.' => {
                    chars.next();
                    tokens.push(Token::Symbol(next.to_string()));
                }
                _ => tokens.push(Token::Symbol(run(&mut chars, is_operator))),
            }
            // A character of no kind is a symbol of its own, or the loop would stand still.
            if tokens.last().is_some_and(|token| *token == Token::Symbol(String::new())) {
                tokens.pop();
                chars.next();
            }
        }
        Expression { tokens }
    }

    /// It lets through rows of one tenant at most, whatever else it says.
    pub fn restricts(&self, around: &Surroundings<'_>) -> bool {
        restricts(strip(&self.tokens), around)
    }

    /// It opens when there is no tenant: an alternative that is true for an empty setting.
    pub fn fails_open(&self, around: &Surroundings<'_>) -> bool {
        fails_open(strip(&self.tokens), around)
    }

    /// It compares with `current_user` or its kin.
    pub fn uses_role(&self) -> bool {
        const ROLES: [&str; 4] = ["CURRENT_USER", "SESSION_USER", "CURRENT_ROLE", "USER"];
        self.tokens.iter().any(|token| word(token).is_some_and(|one| ROLES.contains(&one)))
    }

    /// It names the column.
    pub fn mentions(&self, column: &str) -> bool {
        mentions(&self.tokens, column)
    }

    /// It has a context of any kind: a setting, a function, the role.
    pub fn has_context(&self, around: &Surroundings<'_>) -> bool {
        has_context(&self.tokens, around) || self.uses_role()
    }

    /// It matches by pattern, which a tenant's name with `%` in it opens.
    pub fn matches_pattern(&self) -> bool {
        let pattern = |token: &Token| matches!(symbol(token), Some("~~" | "~~*" | "~" | "~*"));
        self.tokens.iter().any(pattern)
    }

    /// It compares the column through a function that makes different values equal.
    pub fn folds(&self, column: &str) -> bool {
        self.tokens.iter().enumerate().any(|(at, token)| {
            let arguments = self.tokens.get(at + 1..).unwrap_or_default();
            let name = word(token).map(|name| name.trim_matches('"'));
            name.is_some_and(|name| FOLDS.binary_search(&name).is_ok())
                && closing(arguments)
                    .and_then(|end| arguments.get(..end))
                    .is_some_and(|arguments| mentions(arguments, column))
        })
    }

    /// The settings it reads.
    pub fn settings(&self) -> Vec<&str> {
        let calls = self.setting_calls();
        calls
            .iter()
            .filter_map(|call| match call.arguments {
                [Token::Literal(name), ..] => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// It reads a setting without saying that it may be missing: an error where it never was set.
    pub fn demands_setting(&self) -> bool {
        let single = |call: &SettingCall<'_>| split(call.arguments, ",").len() < 2;
        self.setting_calls().iter().any(single)
    }

    /// It casts a setting that may be `''`, which is an error for every type but text.
    pub fn casts_empty(&self) -> bool {
        self.setting_calls().iter().any(|call| {
            let mut rest = call.after;
            loop {
                rest = match rest {
                    [Token::Symbol(close), rest @ ..] if close == ")" => rest,
                    [Token::Word(keyword), Token::Word(_), rest @ ..] if keyword == "AS" => rest,
                    [Token::Symbol(cast), Token::Word(name), rest @ ..] if cast == "::" => {
                        if !matches!(name.as_str(), "text" | "character") {
                            return true;
                        }
                        skip_modifier(rest)
                    }
                    _ => return false,
                };
            }
        })
    }

    /// It asks for the context outside a scalar sub-select: once for each row, not once for each
    /// statement.
    pub fn asks_for_each_row(&self, around: &Surroundings<'_>) -> bool {
        let mut selects = Vec::new();
        let mut tokens = self.tokens.as_slice();
        while let [token, rest @ ..] = tokens {
            match symbol(token) {
                Some("(") => selects.push(rest.first().and_then(word) == Some("SELECT")),
                Some(")") => {
                    selects.pop();
                }
                _ if is_context_call(tokens, around) && !selects.contains(&true) => return true,
                _ => {}
            }
            tokens = rest;
        }
        false
    }

    fn setting_calls(&self) -> Vec<SettingCall<'_>> {
        let mut calls = Vec::new();
        let mut tokens = self.tokens.as_slice();
        while let [token, rest @ ..] = tokens {
            if word(token) == Some("current_setting")
                && rest.first().and_then(symbol) == Some("(")
                && let Some(end) = closing(rest)
            {
                let arguments = rest.get(1..end).unwrap_or_default();
                let after = rest.get(end + 1..).unwrap_or_default();
                calls.push(SettingCall { arguments, after });
            }
            tokens = rest;
        }
        calls
    }
}

/// A call of `current_setting`.
struct SettingCall<'a> {
    arguments: &'a [Token],
    after: &'a [Token],
}

fn restricts(tokens: &[Token], around: &Surroundings<'_>) -> bool {
    let alternatives = split(tokens, "OR");
    if alternatives.len() > 1 {
        return alternatives.iter().all(|one| restricts(strip(one), around));
    }
    let conditions = split(tokens, "AND");
    if conditions.len() > 1 {
        return conditions.iter().any(|one| restricts(strip(one), around));
    }
    if matches!(tokens, [Token::Word(word)] if word == "false") {
        return true;
    }
    let negated = tokens.first().and_then(word) == Some("NOT");
    let equal = tokens.iter().any(|token| symbol(token) == Some("=") || word(token) == Some("IN"));
    let subject = match around.tenant_column {
        Some(column) => mentions(tokens, column),
        None => false,
    };
    let through_others = around.reads_others
        && around.tenant_column.is_none()
        && tokens.iter().any(|token| word(token) == Some("SELECT"));
    let context = has_context(tokens, around) || through_others;
    let defaulted = is_defaulted(tokens, around);
    !negated && equal && context && !defaulted && (subject || through_others)
}

/// `COALESCE(context, tenant column) = tenant column`: no context means every row.
fn is_defaulted(tokens: &[Token], around: &Surroundings<'_>) -> bool {
    let Some(column) = around.tenant_column else { return false };
    let mut rest = tokens;
    while let [token, tail @ ..] = rest {
        if word(token) == Some("COALESCE")
            && let Some(end) = closing(tail)
            && mentions(tail.get(..end).unwrap_or_default(), column)
        {
            return true;
        }
        rest = tail;
    }
    false
}

fn fails_open(tokens: &[Token], around: &Surroundings<'_>) -> bool {
    let alternatives = split(tokens, "OR");
    if alternatives.len() > 1 {
        return alternatives.iter().any(|one| {
            let one = strip(one);
            is_absence(one, around)
                || matches!(one, [Token::Word(word)] if word == "true")
                || fails_open(one, around)
        });
    }
    let conditions = split(tokens, "AND");
    if conditions.len() > 1 {
        return conditions.iter().any(|one| fails_open(strip(one), around));
    }
    is_defaulted(tokens, around)
}

/// `context IS NULL`, `context = ''` or NOT of its contrary.
fn is_absence(tokens: &[Token], around: &Surroundings<'_>) -> bool {
    let ends_null = matches!(
        tokens,
        [.., Token::Word(is), Token::Word(null)] if is == "IS" && null == "NULL"
    );
    let subject = around.tenant_column.is_some_and(|column| mentions(tokens, column));
    let equals_empty = tokens.windows(2).any(|pair| {
        matches!(pair, [Token::Symbol(equal), Token::Literal(text)]
            if equal == "=" && text.is_empty())
    });
    has_context(tokens, around) && !subject && (ends_null || equals_empty)
}

fn has_context(tokens: &[Token], around: &Surroundings<'_>) -> bool {
    (0..tokens.len()).any(|at| is_context_call(tokens.get(at..).unwrap_or_default(), around))
}

/// A call of `current_setting` or of a user's function begins here.
fn is_context_call(tokens: &[Token], around: &Surroundings<'_>) -> bool {
    match tokens {
        [Token::Word(name), Token::Symbol(open), ..] if open == "(" => {
            let bare = |one: &str| one.rsplit('.').next() == Some(name.as_str());
            name == "current_setting" || around.context_functions.iter().any(|one| bare(one))
        }
        _ => false,
    }
}

fn mentions(tokens: &[Token], column: &str) -> bool {
    tokens.iter().any(|token| word(token) == Some(column))
}

/// Cuts at a word or mark that stands outside all parentheses.
fn split<'a>(tokens: &'a [Token], at: &str) -> Vec<&'a [Token]> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (index, token) in tokens.iter().enumerate() {
        match symbol(token) {
            Some("(" | "[") => depth += 1,
            Some(")" | "]") => depth = depth.saturating_sub(1),
            found if depth == 0 && (found == Some(at) || word(token) == Some(at)) => {
                parts.push(tokens.get(start..index).unwrap_or_default());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(tokens.get(start..).unwrap_or_default());
    parts
}

/// Takes off parentheses around the whole.
fn strip(mut tokens: &[Token]) -> &[Token] {
    while tokens.first().and_then(symbol) == Some("(") && closing(tokens) == Some(tokens.len() - 1)
    {
        tokens = tokens.get(1..tokens.len() - 1).unwrap_or_default();
    }
    tokens
}

/// The index of the parenthesis that closes the one at index 0.
fn closing(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match symbol(token) {
            Some("(") => depth += 1,
            Some(")") => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// The `varying` and `(10)` behind a type.
fn skip_modifier(mut tokens: &[Token]) -> &[Token] {
    if tokens.first().and_then(word) == Some("varying") {
        tokens = tokens.get(1..).unwrap_or_default();
    }
    match (tokens.first().and_then(symbol), closing(tokens)) {
        (Some("("), Some(end)) => tokens.get(end + 1..).unwrap_or_default(),
        _ => tokens,
    }
}

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

fn symbol(token: &Token) -> Option<&str> {
    match token {
        Token::Symbol(symbol) => Some(symbol),
        _ => None,
    }
}

/// What stands between two quotes; a doubled one is one of the text.
fn quoted(chars: &mut Peekable<Chars<'_>>, quote: char) -> String {
    let mut text = String::new();
    chars.next();
    while let Some(next) = chars.next() {
        if next == quote && chars.next_if_eq(&quote).is_none() {
            break;
        }
        text.push(next);
    }
    text
}

fn run(chars: &mut Peekable<Chars<'_>>, belongs: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    while let Some(next) = chars.next_if(|next| belongs(*next)) {
        text.push(next);
    }
    text
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|`?:".contains(c)
}

#[cfg(test)]
mod tests;
