//! Tokens of every kind, the corners of `scan.l`, and the promise that nothing gets lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// Tokens that are no space, each as its text and, where that does not tell, its kind.
fn show(sql: &str) -> String {
    let shown: Vec<String> = significant(sql)
        .map(|token| match token.kind {
            TokenKind::Ident | TokenKind::Punct | TokenKind::Param => token.text.to_owned(),
            kind => format!("{kind:?}<{}>", token.text),
        })
        .collect();
    shown.join(" ")
}

#[test]
fn tokens_of_every_kind() {
    let cases = [
        ("select a.b, \"A\"\"b\"", r#"select a . b , QuotedIdent<"A""b">"#),
        ("'it''s' N'n'", "String<'it''s'> String<N'n'>"),
        (r"'a\' c'", r"String<'a\'> c Unterminated<'>"),
        (r"E'a\'b' e'\\'", r"EscapeString<E'a\'b'> EscapeString<e'\\'>"),
        ("B'01' x'1F'", "BitString<B'01'> BitString<x'1F'>"),
        ("B'0''a'", "BitString<B'0'> String<'a'>"),
        ("1e5.5 0e0.", "Number<1e5> Number<.5> Number<0e0> ."),
        (r#"U&'\0061' u&"a\"b"#, r#"UnicodeString<U&'\0061'> UnicodeIdent<u&"a\"> b"#),
        ("U & 'a' u&b", "U Operator<&> String<'a'> u Operator<&> b"),
        ("$$a$b$$ $t$ $$ $t$", "DollarString<$$a$b$$> DollarString<$t$ $$ $t$>"),
        ("$1 $12abc $a", "$1 $12 abc Other<$> a"),
        ("a$b$c$b$", "a$b$c$b$"),
        ("$ä$x$ä$ $1$2$", "DollarString<$ä$x$ä$> $1 $2 Other<$>"),
        (
            "1 1.5 .5 5. 1e5 1e-5 1.5E+3",
            "Number<1> Number<1.5> Number<.5> Number<5.> \
          Number<1e5> Number<1e-5> Number<1.5E+3>",
        ),
        ("0x1F 1_000 0x1e-5", "Number<0x1F> Number<1_000> Number<0x1e> Operator<-> Number<5>"),
        (
            "1..10 a[1:2] 1-2",
            "Number<1> DotDot<..> Number<10> a [ Number<1> : Number<2> ] \
          Number<1> Operator<-> Number<2>",
        ),
        (
            "a::int f(x:=1, y=>2) a:b",
            "a Cast<::> int f ( x ColonEquals<:=> Number<1> , y \
          Arrow<=>> Number<2> ) a : b",
        ),
        ("größe été$1", "größe été$1"),
        ("a ->> 'b' <@ c", "a Operator<->>> String<'b'> Operator<<@> c"),
        (
            "a*-1 a@-1 2>=-3",
            "a Operator<*> Operator<-> Number<1> a Operator<@-> Number<1> \
          Number<2> Operator<>=> Operator<-> Number<3>",
        ),
        ("+--c\n-/*c*/* /", "Operator<+> Operator<-> Operator<*> Operator</>"),
        ("a{b\\", "a Other<{> b Other<\\>"),
    ];
    for (sql, expected) in cases {
        assert_eq!(show(sql), expected, "{sql}");
    }
}

#[test]
fn comments_nest_and_end_where_they_should() {
    let cases = [
        ("a -- 'b\nc", "a c"),
        ("a -- b\rc", "a c"),
        ("a --", "a"),
        ("/* ' \" $$ */ a", "a"),
        ("/* /* */ b */ a", "a"),
        ("/*/* */*/ a", "a"),
        ("/**/ a /***/ b", "a b"),
        ("/*/ */ a", "a"),
        ("a /* /* */ b", "a Unterminated</* /* */ b>"),
        ("a /*", "a Unterminated</*>"),
        ("-- /*\na", "a"),
    ];
    for (sql, expected) in cases {
        assert_eq!(show(sql), expected, "{sql}");
    }
}

/// Checked against PostgreSQL 15: the second piece follows the rules of the first.
#[test]
fn literals_go_on_after_a_line_end() {
    let cases = [
        ("'a'\n'b' c", "String<'a'\n'b'> c"),
        ("'a' 'b'", "String<'a'> String<'b'>"),
        ("'a' -- x\n 'b'", "String<'a' -- x\n 'b'>"),
        ("'a' -- x '\n\n -- '\n 'b'", "String<'a' -- x '\n\n -- '\n 'b'>"),
        ("'a' /* \n */ 'b'", "String<'a'> String<'b'>"),
        ("E'a'\n'\\'' b", "EscapeString<E'a'\n'\\''> b"),
        ("'a'\nE'b'", "String<'a'> EscapeString<E'b'>"),
        ("\"a\"\n\"b\"", "QuotedIdent<\"a\"> QuotedIdent<\"b\">"),
        ("'a'\n'b", "Unterminated<'a'\n'b>"),
        ("'a' -- x", "String<'a'>"),
    ];
    for (sql, expected) in cases {
        assert_eq!(show(sql), expected, "{sql}");
    }
}

#[test]
fn what_does_not_end_is_one_token_to_the_end() {
    let cases = [
        "' ; -- x",
        "E' \\' ;",
        "E'\\",
        "\"a; '",
        "$$ ; '",
        "$a$ $b$ ;",
        "/* ; '",
        "U&' ;",
        "B' ;",
        "U&\" ;",
        "'a'\n' ;",
    ];
    for sql in cases {
        let first = tokens(sql).next().unwrap();
        assert_eq!((first.kind, first.text), (TokenKind::Unterminated, sql));
    }
}

/// Read from each sign on, these would take minutes.
#[test]
fn long_rows_of_signs_are_read_once() {
    let sql = "+".repeat(200_000);
    assert_eq!(tokens(&sql).count(), 200_000);
    let longest = "@".repeat(63);
    assert_eq!(show(&format!("a{longest}--+\nb")), format!("a Operator<{longest}> b"));
    assert_eq!(show(&format!("a{longest}+--")).matches("Operator").count(), 1);
}

#[test]
fn seeking_goes_on_elsewhere() {
    let mut scan = tokens("a 'ä' b");
    scan.seek(7);
    assert_eq!(scan.next().map(|token| (token.text, token.start)), Some(("b", 7)));
    for nowhere in [4, 8, usize::MAX] {
        scan.seek(nowhere);
        assert_eq!(scan.next(), None, "{nowhere}");
    }
}

fn sql() -> impl Strategy<Value = String> {
    let pieces = [
        "'", "''", "\"", "$", "$$", "$a$", "$1", "E'", "U&'", "U&\"", "B'", "\\", "--", "/*", "*/",
        "\n", " ", "a", "ä", "é$", "1", ".", "e", ":", "=", ">", "+", "-", "(", ";", "\u{b}", "\0",
    ];
    let piece =
        prop_oneof![proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned), ".{0,3}"];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_gets_lost(sql in sql()) {
        let mut at = 0;
        for token in tokens(&sql) {
            prop_assert_eq!(token.start, at);
            prop_assert!(!token.text.is_empty());
            at = token.end();
        }
        prop_assert_eq!(at, sql.len());
    }

    #[test]
    fn literals_are_one_token(text in "[^']{0,20}", tag in "[a-z]{0,5}") {
        let sql = format!("select '{text}' || ${tag}${text}${tag}$");
        prop_assume!(!format!("{text}$").contains(&format!("${tag}$")));
        let kinds: Vec<TokenKind> = significant(&sql).map(|token| token.kind).collect();
        use TokenKind::{DollarString, Ident, Operator, String};
        prop_assert_eq!(kinds, [Ident, String, Operator, DollarString]);
    }
}
