//! Every problem, with its place and what to do.

use super::*;

/// What stands below [`LEAST`] (so from line 5 on), and all that is wrong with it.
const CASES: &[(&str, &str)] = &[
    ("", "none"),
    (
        "[pool]\nshards = -1\nfast_dept = 2",
        "rowhouse.toml:6: pool.shards: must be a whole number from 0 to 1024, not -1\n\
         rowhouse.toml:7: pool.fast_dept: unknown key; did you mean fast_depth?",
    ),
    (
        "[http]\nlisten = \"localhost\"\nidle_timeout = 75\nhead_timeout = \"1m\"",
        "rowhouse.toml:6: http.listen: must be an address with port such as \"127.0.0.1:8080\" or \
         \"[::1]:8080\", not \"localhost\"\n\
         rowhouse.toml:7: http.idle_timeout: must be a duration such as \"45s\" (units ms, s, min, \
         h), from 1ms to 24h, not 75\n\
         rowhouse.toml:8: http.head_timeout: must be a duration such as \"45s\" (units ms, s, min, \
         h), from 1ms to 24h, not \"1m\"",
    ),
    (
        "[log]\nlevel = \"trace\"\nformat = [1]",
        "rowhouse.toml:6: log.level: must be one of \"error\", \"warn\", \"info\", \"debug\", not \
         \"trace\"\n\
         rowhouse.toml:7: log.format: must be one of \"text\", \"json\", not an array",
    ),
    (
        "[limits]\nrequest_bytes_max = \"4MB\"",
        "rowhouse.toml:6: limits.request_bytes_max: must be a size such as \"4MiB\" or 4194304, \
         from 1024 to 1073741824 bytes, not \"4MB\"",
    ),
    ("[servers]\nx = 1", "rowhouse.toml:5: servers: unknown section; did you mean server?"),
    ("[[http]]", "rowhouse.toml:5: http: must be a section: write [http]"),
    ("aws = 1", "rowhouse.toml:5: aws: must be a section: write [aws]"),
    ("[aws]\nregion = ''", "rowhouse.toml:6: aws.region: must not be empty"),
    (
        "[seal]\nkeys_file = 'none.json'",
        "rowhouse.toml:6: seal.keys_file: there is no none.json: make it with `rowhouse keys \
         rotate`",
    ),
    ("[seal]\nkeys_file = ''", "rowhouse.toml:6: seal.keys_file: must name a file"),
    (
        "[jwt]\naudience = 'a'\n[[jwt.key]]\nalgorithm = 'none'\n[[jwt.key]]\nalgorithm = 'RS256'",
        "rowhouse.toml:8: jwt.key[0].algorithm: must be one of \"HS256\", \"RS256\", \"RS384\", \
         \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"EdDSA\", not \
         \"none\"\n\
         rowhouse.toml:10: jwt.key[1].algorithm: RS256 needs public_key or public_key_file, and no \
         secret",
    ),
    (
        "[sts]\nroles = ['tenant']\nduration_max = '14min'\n[[sts.key]]\nsecret = 'hunter2'\n\
         [[sts.key]]\nsecret_file = 'nosuch'\n[[sts.key]]",
        "rowhouse.toml:6: sts.roles: \"tenant\" cannot be used: it is not the ARN of a role; write \
         arn:aws:iam::123456789012:role/NAME, at most 2048 characters\n\
         rowhouse.toml:7: sts.duration_max: must be a duration such as \"45s\" (units ms, s, min, \
         h), from 15min to 12h, not \"14min\"\n\
         rowhouse.toml:9: sts.key[0].secret: the sealing secret has under 32 bytes; make one with \
         `openssl rand -hex 32`\n\
         rowhouse.toml:11: sts.key[1].secret_file: cannot read nosuch: No such file or directory \
         (os error 2)\n\
         rowhouse.toml:12: sts.key[2].secret: is needed: add secret, secret_file or secret_env",
    ),
    (
        "[token]\nsecret = 'hunter2'\nsecret_env = 'X'",
        "rowhouse.toml:5: token.audience: is needed, here or in [jwt]: what tokens are made for\n\
         rowhouse.toml:6: token.secret: give one of secret, secret_file and secret_env only",
    ),
];

/// Replacements in [`LEAST`] and the one problem each makes.
const REPLACED: &[(&str, &str, &str)] = &[
    (
        "server = 'main'",
        "server = 'maim'",
        "2: resource[0].server: there is no [[server]] named \"maim\"; did you mean \"main\"?",
    ),
    (
        "server = 'main',",
        "server = 'main', default_database = 'e',",
        "2: resource[0].default_database: \"e\" is not among the databases of this resource",
    ),
    (
        "'a.t'",
        "['a.t', 'plain', 'A.T']",
        "2: resource[0].database[0].tenant_settings: \"plain\": it is not a custom parameter name; \
         write two or more identifiers with dots between them, as app.current_tenant\n\
         rowhouse.toml:2: resource[0].database[0].tenant_settings: \"A.T\" is there twice",
    ),
    (
        "'a.t'",
        "'a.t', strict = 'yes'",
        "2: resource[0].database[0].strict: must be true or false, not \"yes\"",
    ),
    ("role = 'app_user',", "", "3: secret[0].role: is needed: add it"),
    (
        "'app_user'",
        "'none'",
        "3: secret[0].role: no role can have this reserved name; name an existing database role",
    ),
    (
        "password = 'hunter2-role',",
        "",
        "3: secret[0].password: is needed: add password, password_file or password_env; or \
         credentials_file or aws_secret_id instead of role and password",
    ),
    (
        "password = 'hunter2-role'",
        "password = 42",
        "3: secret[0].password: must be a text in quotes",
    ),
    (
        "password = 'hunter2-role'",
        "password = ''",
        "3: secret[0].password: is empty: an empty secret protects nothing",
    ),
    (
        "password = 'hunter2-role'",
        "password_env = 'NOT_SET'",
        "3: secret[0].password_env: the environment has no variable NOT_SET: set it",
    ),
    (
        "principals = 'tenant'",
        "principals = ['tenants']",
        "3: secret[0].principals: \"tenants\" must be one of \"tenant\", \"app\", \"admin\"",
    ),
    (
        "'hunter2-access-key'",
        "'hunter2'",
        "4: access_key[0].secret: must have at least 16 characters: it can be guessed",
    ),
    (
        "principal = 'app'",
        "principal = 'tenant'",
        "4: access_key[0].tenant: is needed: the tenant that this key is for",
    ),
    (
        "principal = 'app'",
        "principal = 'app', tenant = '1'",
        "4: access_key[0].tenant: is for principal = \"tenant\" only: take it out",
    ),
    (
        "id = 'KEY'",
        "id = 'K/Y'",
        "4: access_key[0].id: must be 3 to 128 letters, digits or underscores",
    ),
    (
        "host = 'localhost'",
        "host = 'db.internal'",
        "1: server[0].ca_file: is needed with tls = \"verify-full\": name a PEM file with the \
         roots of the server's certificate",
    ),
    (
        "host = 'localhost'",
        "host = '/run', tls = 'verify-ca', ca_file = '/dev/null'",
        "1: server[0].tls: a unix socket has no TLS: take this out",
    ),
    (
        "host = 'localhost'",
        "host = 'a,b', tls = 'disable'",
        "1: server[0].host: must be one host name, one address or one directory",
    ),
    (
        "host = 'localhost'",
        "host = 'localhost', port = 0",
        "1: server[0].port: must be a whole number from 1 to 65535, not 0",
    ),
];

#[test]
fn problems_below_the_least() {
    for (more, expected) in CASES {
        assert_eq!(problems(&with(more), &[]), *expected, "{more}");
    }
}

#[test]
fn problems_within_the_least() {
    for (from, to, expected) in REPLACED {
        assert!(LEAST.contains(from), "{from}");
        let expected = format!("rowhouse.toml:{expected}");
        assert_eq!(problems(&LEAST.replace(from, to), &[]), expected, "{to}");
    }
}

#[test]
fn what_keys_and_tokens_refuse_has_a_line() {
    for (more, expected) in [
        (
            "[jwt]\nkey = [{ algorithm = 'HS256', secret = 'short' }]",
            "5: jwt.audience: no audience",
        ),
        (
            "[jwt]\nkey = [{ algorithm = 'HS256', secret = 'short' }]",
            "6: jwt.key[0].secret: the HS",
        ),
        ("[jwt]\nissuer = ''\naudience = 'a'", "6: jwt.issuer: the issuer is empty"),
        ("[jwt]\nleeway = '6min'", "6: jwt.leeway: must be a duration"),
        ("[token]\naudience = 'a'\nsecret = 'short'", "7: token.secret: the HS256 secret has"),
    ] {
        let found = problems(&with(more), &[]);
        let start = format!("rowhouse.toml:{expected}");
        assert!(found.lines().any(|line| line.starts_with(&start)), "{expected}: {found}");
    }
}

#[test]
fn an_empty_file_says_what_is_needed() {
    let expected = "\
rowhouse.toml: resource: none is there: add a [[resource]], which callers ask for
rowhouse.toml: secret: none is there: add a [[secret]], the role that statements run as
rowhouse.toml: access_key: nobody could prove who they are: add an [[access_key]] or an [[issuer]]";
    assert_eq!(problems("", &[]), expected);
}

#[test]
fn what_is_there_twice_is_named() {
    for key in ["server.name", "resource.arn", "secret.arn", "access_key.id"] {
        let (section, key) = key.split_once('.').unwrap();
        let doubled: String = LEAST
            .lines()
            .map(|line| match line.strip_prefix(section).and_then(|l| l.strip_prefix(" = [")) {
                Some(rest) => {
                    let block = rest.strip_suffix(']').unwrap();
                    format!("{section} = [{block}, {block}]\n")
                }
                None => format!("{line}\n"),
            })
            .collect();
        let found = problems(&doubled, &[]);
        let expected = format!("{section}[1].{key}: is there already: each must be different");
        assert!(found.ends_with(&expected), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn the_keys_of_dev_are_for_loopback_only() {
    let dev = [
        LEAST.replace("'KEY'", "'ROWHOUSEDEV'"),
        LEAST.replace("'KEY'", "'ROWHOUSEADMIN'"),
        LEAST.replace("hunter2-access-key", "rowhouse-dev-secret"),
    ];
    for text in dev {
        for (listen, refused) in
            [("127.0.0.1:0", false), ("[::1]:0", false), ("0.0.0.0:0", true), ("10.0.0.1:1", true)]
        {
            let found = problems(&text, &[("ROWHOUSE_HTTP__LISTEN", listen)]);
            assert_eq!(found.contains("everybody knows"), refused, "{listen}: {found}");
            assert_eq!(found == "none", !refused, "{listen}: {found}");
        }
    }
}

#[test]
fn broken_toml_has_a_line_too() {
    for (more, line) in [("[http", 5), ("a = \"", 5), ("\n\nb = = 1", 7), ("[http]\n[http]", 6)] {
        let found = problems(&with(more), &[]);
        assert!(found.starts_with(&format!("rowhouse.toml:{line}: not valid TOML: ")), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn no_problem_repeats_a_secret() {
    for (more, _) in CASES {
        assert!(!problems(&with(more), &[]).contains("hunter2"), "{more}");
    }
    for (from, to, _) in REPLACED {
        assert!(!problems(&LEAST.replace(from, to), &[]).contains("hunter2"), "{to}");
    }
    let more = "[token]\nsecret = 4200042";
    assert!(!problems(&with(more), &[]).contains("4200042"));
}

#[test]
fn every_truncation_is_a_problem_or_a_configuration() {
    for (end, _) in LEAST.char_indices() {
        let _ = problems(&LEAST[..end], &[]);
    }
    for (end, _) in DEFAULT_FILE.char_indices().step_by(29) {
        let _ = problems(&DEFAULT_FILE[..end], &[]);
    }
}

/// What is wrong with a database, which stands in line 2 of [`LEAST`].
#[test]
fn problems_of_a_database() {
    for (database, expected) in [
        (
            "context = 'locked', tenant_settings = 'a.t'",
            "resource[0].database[0].context: must be one of \"standard\", \"sealed\", not \
             \"locked\"",
        ),
        (
            "tenant_settings = 'rowhouse.context'",
            "resource[0].database[0].tenant_settings: \"rowhouse.context\": settings of rowhouse. \
             are the gateway's",
        ),
        (
            "tenant_settings = 'a.t', search_path = 'pg_temp'",
            "resource[0].database[0].search_path: \"pg_temp\": schemas that begin with pg_ are \
             PostgreSQL's own; name another, or write the schema before each name in the SQL",
        ),
        (
            "context = 'sealed'",
            "seal: is needed, with keys_file: the database \"d\" is sealed; `rowhouse keys rotate` \
             makes the file",
        ),
    ] {
        let text = LEAST.replace("tenant_settings = 'a.t'", database);
        let found = problems(&text, &[]);
        let (_place, problem) = found.split_once(": ").unwrap();
        assert_eq!(problem, expected, "{database}");
    }
}
