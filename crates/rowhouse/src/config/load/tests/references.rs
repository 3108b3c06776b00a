//! `${file:…}` and `${env:…}`: where they work, what they say when they do not, what is printed.

use super::*;
use crate::config::SecretSource;

/// A key of [`LEAST`] with its value, in other words; and the problem, if there is one.
const CASES: &[(&str, &str, &str)] = &[
    ("'hunter2-role'", "'${env:PW}'", "none"),
    ("'hunter2-role'", "'a${env:PW}b$${c}'", "none"),
    ("'hunter2-role'", "'$${env:PW'", "none"),
    ("'a.t'", "['a.t', '${env:SETTING}']", "none"),
    ("host = 'localhost'", "host = 'localhost', port = '${env:PORT}'", "none"),
    (
        "'hunter2-role'",
        "'${env:NO}'",
        "3: secret[0].password: the environment has no variable NO: set it",
    ),
    (
        "'hunter2-role'",
        "'${env:PW'",
        "3: secret[0].password: has a reference without an end: close it with }, or write $${ \
         where the characters themselves are meant",
    ),
    (
        "'app_user'",
        "'${PW}'",
        "3: secret[0].role: ${PW} is no reference: write ${file:PATH} or ${env:NAME}, or write \
         $${ where the characters themselves are meant",
    ),
    (
        "'hunter2-role'",
        "'${file:/dev/null/x}'",
        "3: secret[0].password: cannot read /dev/null/x: Not a directory (os error 20)",
    ),
    (
        "server = 'main'",
        "server = '${env:PW}'",
        "2: resource[0].server: there is no [[server]] named \"${env:PW}\"",
    ),
    (
        "host = 'localhost'",
        "host = 'localhost', port = '${env:PW}'",
        "1: server[0].port: must be a whole number from 1 to 65535, not what \"${env:PW}\" stands \
         for",
    ),
    (
        "principals = 'tenant'",
        "principals = ['${env:PW}']",
        "3: secret[0].principals: \"${env:PW}\" must be one of \"tenant\", \"app\", \"admin\"",
    ),
];

const ENVIRONMENT: [(&str, &str); 3] =
    [("PW", "hunter2-\"quoted\""), ("SETTING", "b.t"), ("PORT", "5433")];

#[test]
fn references_and_their_problems() {
    for (from, to, expected) in CASES {
        assert!(LEAST.contains(from), "{from}");
        let found = problems(&LEAST.replacen(from, to, 1), &ENVIRONMENT);
        let expected = match *expected {
            "none" => "none".to_owned(),
            problem => format!("rowhouse.toml:{problem}"),
        };
        assert_eq!(found, expected, "{to}");
        assert!(!found.contains("hunter2"), "{found}");
    }
}

#[test]
fn what_they_stand_for_is_used_and_never_printed() {
    let text = LEAST
        .replace("'hunter2-role'", "'<${env:PW}>$${x}'")
        .replace("'app_user'", "'${env:PW}'")
        .replace("'a.t'", "['${env:SETTING}']");
    let Loaded { config, listing, .. } = loaded(&text, &ENVIRONMENT);
    let SecretSource::Fixed { role, password } = &config.secrets[0].source else { panic!() };
    assert_eq!(password.expose(), "<hunter2-\"quoted\">${x}");
    assert_eq!(role, "hunter2-\"quoted\"");
    assert!(!listing.contains("hunter2") && !listing.contains("b.t"), "{listing}");
    assert!(listing.contains("role = \"${env:PW}\" # rowhouse.toml:3"), "{listing}");
    assert!(listing.contains("tenant_settings = [\"${env:SETTING}\"] # rowhouse"), "{listing}");
}

#[test]
fn a_file_loses_one_line_end() {
    let folder = std::env::temp_dir().join(format!("rowhouse-references-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (content, expected) in
        [("x", "x"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), (" ${env:PW}\n", " ${env:PW}")]
    {
        std::fs::write(folder.join("pw"), content).unwrap();
        let text = LEAST.replace("'hunter2-role'", "'${file:pw}'");
        let loaded = load(&text, &folder.join("rowhouse.toml"), environment(&ENVIRONMENT)).unwrap();
        let SecretSource::Fixed { password, .. } = &loaded.config.secrets[0].source else {
            panic!()
        };
        assert_eq!(password.expose(), expected);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn overrides_may_hold_them_too() {
    let pairs = [("ROWHOUSE_AWS__REGION", "${env:WHERE}"), ("WHERE", "eu-west-1")];
    assert_eq!(loaded(LEAST, &pairs).config.region, "eu-west-1");
}
