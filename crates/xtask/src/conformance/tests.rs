//! What the command line asks for.

use super::{Choice, SUITES};

/// Suites, version and arguments, as one text.
fn choice(words: &str) -> Result<String, String> {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let choice = Choice::read(&words).map_err(|failure| failure.to_string())?;
    let names: Vec<&str> = choice.suites.iter().map(|suite| suite.name).collect();
    let major = choice.major.map_or("any".to_owned(), |major| major.to_string());
    Ok(format!("{} on {major}: {}", names.join(" "), choice.arguments.join(" ")))
}

#[test]
fn suites_and_arguments() {
    let all: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    let all = all.join(" ");
    for (words, expected) in [
        ("", format!("{all} on any: ")),
        ("--postgres 16", format!("{all} on 16: ")),
        ("node boto3", "node boto3 on any: ".to_owned()),
        ("-k tenant -x", "boto3 on any: -k tenant -x".to_owned()),
        ("node --postgres 18 kysely.test.js", "node on 18: kysely.test.js".to_owned()),
        ("boto3 -k node", "boto3 on any: -k node".to_owned()),
    ] {
        assert_eq!(choice(words), Ok(expected), "{words}");
    }
}

#[test]
fn what_cannot_be() {
    for (words, expected) in [
        ("--postgres", "--postgres takes one of 15, 16, 17, 18"),
        ("--postgres 14", "--postgres takes one of 15, 16, 17, 18"),
        ("node boto3 -x", "arguments for the runner go with one suite"),
    ] {
        let text = choice(words).unwrap_err();
        assert!(text.starts_with(expected), "{words}: {text}");
    }
}
