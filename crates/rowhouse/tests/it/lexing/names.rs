//! `:name` becomes `$1` where PostgreSQL sees a colon and a name, and nowhere else.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use rowhouse_protocol::named::{Rewritten, rewrite};

use super::budget;
use super::parser::{Lexed, Parser, ServerToken};
use super::soup::{index_of, soup};
use crate::stand::Stand;

/// All of the server's tokens but the parameters are the same before and after, and no parameter
/// is forgotten.
pub fn alone_are_touched(stand: &Stand) {
    let mut parser = Parser::new(&stand.cluster().address);
    let mut rewritten_ones = 0;
    let tried = budget::spend(&soup(), |sql| {
        let before = parser.tokens(&sql);
        if before.refused.is_some() {
            return Ok(());
        }
        match rewrite(&sql, &index_of) {
            Ok(rewritten) => {
                let after = parser.tokens(&rewritten.sql);
                prop_assert!(after.refused.is_none(), "{} became {:?}", rewritten.sql, after);
                rewritten_ones += u32::from(!rewritten.order.is_empty());
                same_but_for_names(&sql, &before, &rewritten, &after)
            }
            Err(missing) => {
                let is_missing = |(_, name): (&ServerToken, &str)| {
                    name == missing.name && index_of(name).is_none()
                };
                let found = candidates(&sql, &before).any(is_missing);
                prop_assert!(found, "{} is no parameter", missing.name);
                Ok(())
            }
        }
    });
    assert!(rewritten_ones > tried / 20, "{rewritten_ones} of {tried} texts had parameters");
}

/// Colons with the name that follows at once.
fn candidates<'a>(
    sql: &'a str,
    lexed: &'a Lexed,
) -> impl Iterator<Item = (&'a ServerToken, &'a str)> {
    let pairs = lexed.tokens.windows(2);
    pairs.filter_map(move |pair| Some((&pair[0], name_behind(sql, &pair[0], pair.get(1))?)))
}

/// The next token if it is nothing but letters, digits and underscores, and is not followed by a
/// `$`, which would be part of `$1` or of a quote then.
fn name_behind<'a>(
    sql: &str,
    colon: &ServerToken,
    next: Option<&'a ServerToken>,
) -> Option<&'a str> {
    let next = next.filter(|next| colon.text == ":" && next.start == colon.end())?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let is_name = next.text.chars().all(is_part) && !sql[next.end()..].starts_with('$');
    // The server's own token of a literal `N'x'`.
    let is_letter = matches!(next.text.as_str(), "n" | "N") && sql[next.end()..].starts_with('\'');
    (is_name && !is_letter).then_some(next.text.as_str())
}

fn same_but_for_names(
    sql: &str,
    before: &Lexed,
    rewritten: &Rewritten<'_>,
    after: &Lexed,
) -> Result<(), TestCaseError> {
    let mut new = after.tokens.iter();
    let mut old = before.tokens.iter();
    let mut open = 0_usize;
    while let Some(token) = old.next() {
        let Some(other) = new.next() else {
            return Err(TestCaseError::fail(format!("{token:?} got lost in {}", rewritten.sql)));
        };
        match token.text.as_str() {
            "[" => open += 1,
            "]" => open = open.saturating_sub(1),
            _ => {}
        }
        let position = position_of(&rewritten.sql, other.start);
        prop_assert_eq!(rewritten.original_position(position), position_of(sql, token.start));
        let name = name_behind(sql, token, old.as_slice().first());
        if token.text != ":" || other.text == ":" {
            prop_assert_eq!(&token.text, &other.text, "{}", &rewritten.sql);
            let is_forgotten = name.is_some_and(|name| index_of(name).is_some());
            prop_assert!(!is_forgotten || open > 0, "{:?} is left in {}", name, &rewritten.sql);
            continue;
        }
        let number = other.text.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        let index = number.and_then(|number| rewritten.order.get(number - 1)).copied();
        prop_assert!(index.is_some(), "{:?} became {:?}", name, other);
        prop_assert_eq!(index, name.and_then(index_of), "{:?} became {:?}", name, other);
        old.next();
    }
    prop_assert_eq!(new.next(), None);
    Ok(())
}

fn position_of(sql: &str, at: usize) -> u32 {
    u32::try_from(sql[..at].chars().count() + 1).unwrap()
}

/// Where the grammar takes a text in some reading of its colons, it takes the one that was chosen.
pub fn slices_stay_slices(stand: &Stand) {
    let mut parser = Parser::new(&stand.cluster().address);
    let mut readable = 0;
    let tried = budget::spend(&statement(), |sql| {
        let mut readings = readings(&sql);
        let Some(valid) = readings.find(|reading| parser.accepts(reading)) else {
            return Ok(());
        };
        readable += 1;
        let chosen = rewrite(&sql, &index_of);
        let chosen = chosen.map_err(|missing| TestCaseError::fail(missing.to_string()))?;
        prop_assert!(parser.accepts(&chosen.sql), "{:?}, but {:?} is SQL", chosen.sql, valid);
        Ok(())
    });
    assert!(readable > tried / 2, "{readable} of {tried} texts are SQL at all");
}

const NAME: &str = ":id";
/// Readings double with each name.
const NAMES_MAX: usize = 6;

/// Every `:id` as a parameter or left alone.
fn readings(sql: &str) -> impl Iterator<Item = String> {
    let mut parts: Vec<String> = Vec::new();
    for part in sql.split(NAME) {
        match parts.last_mut() {
            // The colon belongs to a cast.
            Some(last) if last.ends_with(':') => {
                last.push_str(NAME);
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    let names = (parts.len() - 1).min(NAMES_MAX);
    (0_u32..1 << names).map(move |choice| {
        let mut text = parts[0].clone();
        for (number, part) in parts[1..].iter().enumerate() {
            text.push_str(if choice >> number & 1 == 0 { " $1" } else { NAME });
            text.push_str(part);
        }
        text
    })
}

fn statement() -> impl Strategy<Value = String> {
    let value = select(VALUES).prop_map(str::to_owned).prop_recursive(4, 24, 3, |value| {
        prop_oneof![
            3 => (value.clone(), subscript(value.clone())).prop_map(|(v, s)| format!("({v})[{s}]")),
            3 => subscript(value.clone()).prop_map(|s| format!("a[{s}]")),
            1 => (value.clone(), value.clone()).prop_map(|(a, b)| format!("array[{a},{b}]")),
            1 => (value.clone(), value.clone()).prop_map(|(a, b)| format!("array[[{a}],[{b}]]")),
            1 => (value.clone(), select(BETWEEN), value.clone())
                .prop_map(|(a, mark, b)| format!("{a}{mark}{b}")),
            1 => (value.clone(), select(BEHIND)).prop_map(|(v, behind)| format!("{v}{behind}")),
            1 => (value.clone(), value.clone())
                .prop_map(|(a, b)| format!("case when {a} then {b} end")),
            1 => (value.clone(), value.clone())
                .prop_map(|(a, b)| format!("case {a} when 1 then{b} else {b} end")),
            1 => value.clone().prop_map(|v| format!("not {v}")),
            1 => value.prop_map(|v| format!("f({v}, :id)")),
        ]
    });
    (value.clone(), value).prop_map(|(a, b)| format!("select {a}, {b}"))
}

fn subscript(
    value: impl Strategy<Value = String> + Clone + 'static,
) -> impl Strategy<Value = String> {
    prop_oneof![
        value.clone(),
        (value.clone(), value.clone()).prop_map(|(a, b)| format!("{a}:{b}")),
        (value.clone(), value.clone()).prop_map(|(a, b)| format!("{a} : {b}")),
        value.clone().prop_map(|v| format!("{v}:id")),
        value.clone().prop_map(|v| format!("{v} :id")),
        value.clone().prop_map(|v| format!(":{v}")),
        value.prop_map(|v| format!("{v}:")),
        Just(":".to_owned()),
        Just(":id".to_owned()),
        Just(":id:id".to_owned()),
        Just(":id::id".to_owned()),
    ]
}

const VALUES: &[&str] = &[
    "a",
    "a.b",
    "1",
    "1.5",
    "'x'",
    "E'x'",
    "N'x'",
    "B'1'",
    "X'1F'",
    "U&'x'",
    "U&\"d\"",
    "\"q\"",
    "$$x$$",
    "$1",
    "null",
    "true",
    "current_date",
    "current_user",
    "user",
    "localtime",
    ":id",
    "interval '1' day",
    "interval '1' second",
    "int '1'",
    "(1)",
    "f()",
    "count(*)",
    "array[1]",
    "row(1)",
    "exists(select 1)",
    "current_timestamp(3)",
    "default_",
];

const BETWEEN: &[&str] =
    &["+", " and ", " = ", " is distinct from ", " at time zone ", " like ", "||"];

const BEHIND: &[&str] = &[
    "::int",
    "::text[]",
    "::double precision",
    "::timestamp with time zone",
    "::char(3)",
    "::character varying",
    "::interval day to second",
    " is null",
    " isnull",
    " is true",
    " is not false",
    " is unknown",
    " collate \"C\"",
    " in (1, :id)",
    "::time",
    "::bit varying(2)",
    " is document",
    " is nfc normalized",
];
