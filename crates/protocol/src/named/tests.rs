//! Which colons are parameters, which are not, and where errors point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::scan::significant;

const SUPPLIED: [&str; 8] = ["id", "name", "1", "2", "0", "größe", "ID", "E"];

fn index_of(name: &str) -> Option<usize> {
    SUPPLIED.iter().position(|supplied| *supplied == name)
}

/// The rewritten text and the names bound to `$1`, `$2` …
fn show(sql: &str) -> Result<String, String> {
    let rewritten = rewrite(sql, &index_of).map_err(|missing| missing.name)?;
    let names: Vec<&str> = rewritten.order.iter().map(|index| SUPPLIED[*index]).collect();
    Ok(format!("{} [{}]", rewritten.sql, names.join(" ")))
}

#[test]
fn parameters() {
    let cases = [
        ("select 1", "select 1 []"),
        ("select :id", "select $1 [id]"),
        ("values (:id,:name,:id)", "values ($1,$2,$1) [id name]"),
        ("values (:1, :2, :0, :1)", "values ($1, $2, $3, $1) [1 2 0]"),
        ("select :id::int, cast(:name as text)", "select $1::int, cast($2 as text) [id name]"),
        ("select :id, :ID", "select $1, $2 [id ID]"),
        ("select :größe+1", "select $1+1 [größe]"),
        ("select a=:id", "select a=$1 [id]"),
        ("select f(a := :id, b:=:name)", "select f(a := $1, b:=$2) [id name]"),
        ("select 1 limit:id", "select 1 limit $1 [id]"),
        ("select 1:id", "select 1 $1 [id]"),
        ("select $:id$$ '$$", "select $:id$$ '$$ []"),
        ("select $:id", "select $ $1 [id]"),
        ("select array[:id,:name]", "select array[$1,$2] [id name]"),
        ("select a[:id:2]", "select a[$1:2] [id]"),
        ("select a[:1]", "select a[$1] [1]"),
        ("select a[1:2], :2", "select a[1:2], $1 [2]"),
        ("select a[b:id], a[f(x):1]", "select a[b:id], a[f(x):1] []"),
        ("select a[1: :id]", "select a[1: $1] [id]"),
        ("select a[case when b then:id end]", "select a[case when b then $1 end] [id]"),
        ("select a[f(1, :id)]", "select a[f(1, $1)] [id]"),
        ("select a[(b or:id):1]", "select a[(b or $1):1] [id]"),
        ("select a[b like:id]", "select a[b like $1] [id]"),
        ("select a[b at time zone:id]", "select a[b at time zone $1] [id]"),
        ("select a[(select 1 order by:id)]", "select a[(select 1 order by $1)] [id]"),
        ("select :1.5", "select :1.5 []"),
        ("select '{\"a\":1}'::jsonb -> :name", "select '{\"a\":1}'::jsonb -> $1 [name]"),
        ("select $1, :id", "select $1, $1 [id]"),
    ];
    for (sql, expected) in cases {
        assert_eq!(show(sql).as_deref(), Ok(expected), "{sql}");
    }
}

#[test]
fn not_parameters() {
    let cases = [
        "select ':id'",
        "select E'\\':id'",
        "select \":id\"",
        "select $$:id$$",
        "select $a$ :id $a$",
        "-- :id",
        "/* /* */ :id */ select 1",
        "select 'a'\n':id'",
        "select x::id",
        "select a[1:3]",
        "select a[:n]",
        "select a[:n:m], b[m:n]",
        "select a[:9]",
        "select :9",
        "select a[f(1):99]",
        "select :E'x'",
        "select :\"id\"",
        "select : id",
        "select :",
        "select a := 1",
        "select ':id",
        "select U&':id'",
        "select :$1",
        "select a[array[1,2][1]:n]",
        "select a[:1.5]",
        "select a[B'1':id], a[U&'x':id], a[U&\"x\":id]",
        "select a[null:id], a[true:id], a[current_date:id], a[case when b then c end:id]",
        "select a[b::int:id], a[b::double precision:id], a[b::timestamp with time zone:id]",
        "select a[t.select:id]",
    ];
    for sql in cases {
        assert_eq!(show(sql), Ok(format!("{sql} []")), "{sql}");
    }
}

#[test]
fn missing_parameters() {
    let cases = [
        ("select :nope", "nope"),
        ("select :id, :Name", "Name"),
        ("select :id2", "id2"),
        ("select array[:n]", "n"),
        ("select array[1, :n]", "n"),
        ("select array[[1],[:n]]", "n"),
        ("select array[a[:x], :n]", "n"),
        ("select a[1], :n", "n"),
        ("select :1a", "1a"),
    ];
    for (sql, name) in cases {
        assert_eq!(show(sql), Err(name.to_owned()), "{sql}");
    }
    let message = rewrite("select :x", &|_| None).unwrap_err().to_string();
    assert!(message.starts_with("Cannot find parameter: x"), "{message}");
}

#[test]
fn text_without_parameters_is_borrowed() {
    for sql in ["select 1", "select a::int"] {
        assert!(matches!(rewrite(sql, &index_of).unwrap().sql, Cow::Borrowed(_)), "{sql}");
    }
}

#[test]
fn positions_lead_back() {
    let sql = "select 'ä', :größe + :id, :id where x";
    let rewritten = rewrite(sql, &index_of).unwrap();
    assert_eq!(rewritten.sql, "select 'ä', $1 + $2, $2 where x");
    let place = |text: &str, part: &str| {
        let at = text.find(part).unwrap();
        u32::try_from(text[..at].chars().count() + 1).unwrap()
    };
    for (new, old) in [
        ("select", "select"),
        ("'ä'", "'ä'"),
        ("$1", ":größe"),
        ("+", "+"),
        ("$2,", ":id,"),
        ("$2 w", ":id w"),
        ("x", "x"),
    ] {
        assert_eq!(
            rewritten.original_position(place(&rewritten.sql, new)),
            place(sql, old),
            "{new}"
        );
    }
    let inside = place(&rewritten.sql, "$2,") + 1;
    assert_eq!(rewritten.original_position(inside), place(sql, ":id,"));
    assert_eq!(rewritten.original_position(0), 0);
    assert_eq!(rewritten.original_position(1000), 1006);
    let _ = rewritten.original_position(u32::MAX);
    assert_eq!(rewrite("select 1", &index_of).unwrap().original_position(8), 8);
    let spaced = rewrite("limit:id x", &index_of).unwrap();
    assert_eq!((spaced.original_position(7), spaced.original_position(10)), (6, 10));
    assert_eq!(spaced.clone().into_owned(), spaced);
}

fn sql() -> impl Strategy<Value = String> {
    let pieces = [
        "'", "\"", "$$", "$a$", "E'", "U&'", "\\", "--", "/*", "*/", "\n", " ", "a", "ä", "$", "1",
        ":", ":id", ":1", ":größe", "[", "]", "array[", ",", "(", ";",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..30)
        .prop_map(|pieces| pieces.concat())
}

/// Everything that is no parameter and cannot be a part of one.
fn rest(sql: &str) -> Vec<(TokenKind, &str)> {
    use TokenKind::{Ident, Number, Other, Param, Punct};
    significant(sql)
        .map(|token| (token.kind, token.text))
        .filter(|(kind, _)| !matches!(kind, Ident | Number | Param | Punct | Other))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Literals, quoted names, operators: the same ones in the same order before and after.
    #[test]
    fn nothing_but_parameters_is_touched(sql in sql()) {
        if let Ok(rewritten) = rewrite(&sql, &index_of) {
            prop_assert_eq!(rest(&sql), rest(&rewritten.sql));
            let comments = |sql: &str| -> Vec<String> {
                tokens(sql)
                    .filter(|token| token.is_space() && token.kind != TokenKind::Whitespace)
                    .map(|token| token.text.to_owned())
                    .collect()
            };
            prop_assert_eq!(comments(&sql), comments(&rewritten.sql));
            for position in 0..40 {
                let old = rewritten.original_position(position);
                prop_assert!(old as usize <= sql.chars().count() + 40);
            }
        }
    }
}
