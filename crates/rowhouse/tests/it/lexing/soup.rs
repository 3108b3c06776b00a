//! Texts made of what lexers stumble over.

use proptest::prelude::*;
use proptest::sample::select;

/// Values there are for parameters.
pub const SUPPLIED: [&str; 7] = ["id", "name", "1", "20", "größe", "ID", "E"];

/// The parameter of a name.
pub fn index_of(name: &str) -> Option<usize> {
    SUPPLIED.iter().position(|supplied| *supplied == name)
}

/// Any text whatever, of literals, names, comments and their halves.
pub fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => literal(),
        3 => name(),
        3 => space(),
        3 => select(PARAMETERS).prop_map(str::to_owned),
        3 => select(MARKS).prop_map(str::to_owned),
        2 => number(),
        2 => "[-+*/<>=~!@#%^&|`?:]{1,4}",
        2 => select(HALVES).prop_map(str::to_owned),
        // Zero bytes end the text on the wire; PostgreSQL 15 does not take the vertical tab for
        // space, later ones do.
        1 => "[^\0\u{b}]{1,2}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// A literal, quoted name or comment that is whole, with anything inside.
pub fn literal() -> impl Strategy<Value = String> {
    let inside = || {
        proptest::collection::vec(select(INSIDE).prop_map(str::to_owned), 0..5)
            .prop_map(|pieces| pieces.concat())
    };
    prop_oneof![
        (select(&["", "N", "n", "U&", "u&"][..]), inside())
            .prop_map(|(kind, text)| format!("{kind}'{}'", text.replace('\'', "''"))),
        (select(&["E", "e"][..]), inside()).prop_map(|(kind, text)| {
            format!("{kind}'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
        }),
        (select(&["", "U&"][..]), inside())
            .prop_map(|(kind, text)| format!("{kind}\"{}\"", text.replace('"', "\"\""))),
        "[bB]'[01:]{0,4}'",
        "[xX]'[0-9a-f:]{0,4}'",
        (select(&["", "a", "_", "ä1"][..]), inside()).prop_map(|(tag, text)| {
            let text = text.replace(&format!("${tag}$"), "");
            format!("${tag}${}${tag}$", text.trim_end_matches('$'))
        }),
        inside().prop_map(|text| format!("/*{}*/", text.replace("/*", "").replace("*/", ""))),
        inside().prop_map(|text| format!("/* /*{}*/ */", text.replace("/*", "").replace("*/", ""))),
        inside().prop_map(|text| format!("--{}\n", text.replace(['\n', '\r'], ""))),
        (inside(), select(&["\n", " \n ", "\r", "--x'\n", " -- '\n--\n\t"][..]), inside())
            .prop_map(|(one, gap, two)| {
                format!("'{}'{gap}'{}'", one.replace('\'', "''"), two.replace('\'', "''"))
            }),
    ]
}

/// A name or a keyword.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_äß\u{a0}][a-z0-9_$é\u{3000}]{0,5}",
        select(
            &["e", "E", "b", "x", "n", "N", "u", "U", "array", "not", "with", "limit", "select"][..]
        )
        .prop_map(str::to_owned),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,3}",
        "[0-9]{0,2}\\.[0-9]{0,2}",
        "[0-9]{1,2}e[-+]?[0-9]?",
        select(NUMBERS).prop_map(str::to_owned),
    ]
}

/// Space and comments, at least one character.
pub fn space() -> impl Strategy<Value = String> {
    select(
        &[" ", " ", " ", "\n", "\r", "\t", "\u{c}", "\r\n", "/**/", "/*'*/", "--\n", "-- :id '\n"]
            [..],
    )
    .prop_map(str::to_owned)
}

const PARAMETERS: &[&str] = &[
    ":id", ":name", ":1", ":20", ":größe", ":ID", ":E", ":id$", ":1.5", ":absent", ":7", "::id",
    "::text", ":=:id", ": id", ":'id'", ":\"id\"", ":E'x'", ":U&'x'", ":id::int", "a:id", "1:id",
    "$:id", ":id:id", ":id$$", ":1e5", ":$1", "=>:id",
];

const MARKS: &[&str] = &[
    "(", ")", "[", "]", ",", ";", ".", "..", ":", "::", ":=", "=>", "{", "}", "\\", "[1:2]",
    "array[",
];

const HALVES: &[&str] = &[
    "'",
    "\"",
    "$$",
    "$a$",
    "$",
    "E'",
    "U&'",
    "U&\"",
    "B'",
    "X'",
    "N'",
    "/*",
    "*/",
    "--",
    "\n'",
    "\\'",
    "uescape '!'",
    " UESCAPE '+'",
    "U&'!0061' uescape '!'",
    "U&\"d\\0061t\"",
    "U&",
    "\u{2028}",
];

const NUMBERS: &[&str] =
    &["0x1f", "1_000", "1..2", "0b1", "0o7", "1e", "1.e-5", "123abc", "$1", "$20", "$1a"];

const INSIDE: &[&str] = &[
    ":id", ":1", "'", "''", "\"", "\"\"", "\\", "\\\\", "\\n", "\\0061", "--", "/*", "*/", "$$",
    "$a$", "$1", "$", ";", "\n", " ", "a", "ä", "\r", "::", "E'", "[", "]", "(", "\u{2028}",
];
