//! Booleans, bytea and arrays, as the server writes them and as nobody should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// Elements in a form that is short to write down: NULL is `~`, a dimension is in brackets.
fn show(elements: &[Element<'_>]) -> String {
    let shown: Vec<String> = elements
        .iter()
        .map(|element| match element {
            Element::Item(None) => "~".to_owned(),
            Element::Item(Some(text)) => text.to_string(),
            Element::Array(elements) => show(elements),
        })
        .collect();
    format!("[{}]", shown.join("|"))
}

#[test]
fn arrays() {
    let cases = [
        ("{}", "[]"),
        ("{1,NULL,3}", "[1|~|3]"),
        (r#"{"a\"b","c\\d","",  "x,y"}"#, r#"[a"b|c\d||x,y]"#),
        (r#"{null,"NULL",nULL,nul}"#, "[~|NULL|~|nul]"),
        ("{{1,2},{3,4}}", "[[1|2]|[3|4]]"),
        ("{{},{}}", "[[]|[]]"),
        ("[0:2]={1,2,3}", "[1|2|3]"),
        ("[-2:-1][+5:6]={{1,2},{3,4}}", "[[1|2]|[3|4]]"),
        ("[3]={1,2,3}", "[1|2|3]"),
        (" { a b , c\\ d } ", "[a b|c d]"),
        ("{a\\ ,b}", "[a |b]"),
        ("{\\N\\ULL}", "[NULL]"),
        ("{ä,\\ü,\"ö\"}", "[ä|ü|ö]"),
        ("{(1,2)}", "[(1|2)]"),
        ("{{{{{{1}}}}}}", "[[[[[[1]]]]]]"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(&parse_array(text, b',').expect(text)), expected, "{text}");
    }
    assert_eq!(
        show(&parse_array("{(1,2),(0,0);(3,4),(5,5)}", b';').unwrap()),
        "[(1,2),(0,0)|(3,4),(5,5)]"
    );
}

#[test]
fn plain_elements_are_borrowed() {
    let elements = parse_array("{abc,\"d e\"}", b',').unwrap();
    assert!(elements.iter().all(|e| matches!(e, Element::Item(Some(Cow::Borrowed(_))))));
}

#[test]
fn malformed_arrays() {
    let cases = [
        "",
        "{",
        "}",
        "1",
        "{1",
        "{1,",
        "{1,}",
        "{,1}",
        "{,}",
        "{1}x",
        "{1}}",
        "{1}{2}",
        "{\"a}",
        "{\"a\"b}",
        "{a\"b\"}",
        "{a{1}}",
        "{{1}2}",
        "{\\",
        "{\"\\",
        "[1={1}",
        "[]={1}",
        "[1:]={1}",
        "[a:b]={1}",
        "[1:2]{1}",
        "[1:2]=",
        "[1:2]=1",
        "{ }x",
        "{\"\"\"\"}",
    ];
    for text in cases {
        let error = parse_array(text, b',').expect_err(text);
        assert!(matches!(error, TextError::NotArray { .. }), "{text}: {error}");
    }
}

#[test]
fn depth_is_limited() {
    let deep = "{".repeat(100_000);
    assert_eq!(parse_array(&deep, b','), Err(TextError::TooDeep { at: 6 }));
    let bounds = "[1:1]".repeat(100_000);
    assert!(matches!(parse_array(&bounds, b','), Err(TextError::TooDeep { at: 30 })));
}

#[test]
fn booleans() {
    assert_eq!((decode_bool(b"t"), decode_bool(b"f")), (Ok(true), Ok(false)));
    for bad in [&b""[..], b"T", b"true", b"1", b"t "] {
        assert_eq!(decode_bool(bad), Err(TextError::NotBool));
    }
}

#[test]
fn bytea() {
    let cases: [(&[u8], Option<&[u8]>); 13] = [
        (b"\\x", Some(b"")),
        (b"\\x00fF7f", Some(b"\x00\xff\x7f")),
        (b"\\x0", None),
        (b"\\x0g", None),
        (b"\\x00 11", None),
        (b"", Some(b"")),
        (b"abc\xff", Some(b"abc\xff")),
        (b"a\\\\b\\000\\377", Some(b"a\\b\x00\xff")),
        (b"\\400", None),
        (b"\\08", None),
        (b"\\", None),
        (b"\\12", None),
        (b"a\\y", None),
    ];
    for (text, expected) in cases {
        assert_eq!(decode_bytea(text).ok().as_deref(), expected, "{}", text.escape_ascii());
    }
}

proptest! {
    #[test]
    fn noise_never_panics(text in r#"[\[\]{},;"\\ :=0-9a-zäNUL+-]{0,60}"#, bytes: Vec<u8>) {
        let _ = parse_array(&text, b',');
        let _ = parse_array(&text, b';');
        let _ = parse_array(&text, bytes.first().copied().unwrap_or_default());
        let _ = decode_bytea(&bytes);
    }

    #[test]
    fn what_is_quoted_comes_back(
        values in proptest::collection::vec(any::<Option<String>>(), 1..6),
    ) {
        let written: Vec<String> = values
            .iter()
            .map(|value| match value {
                None => "NULL".to_owned(),
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            })
            .collect();
        let text = format!("{{{}}}", written.join(","));
        let expected: Vec<Element<'_>> =
            values.iter().map(|value| Element::Item(value.as_deref().map(Cow::Borrowed))).collect();
        prop_assert_eq!(parse_array(&text, b',').unwrap(), expected);
    }

    #[test]
    fn bytea_in_hex_comes_back(bytes: Vec<u8>) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(decode_bytea(format!("\\x{hex}").as_bytes()), Ok(bytes));
    }
}
