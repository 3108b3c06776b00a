//! The default file knows every key, and every key of it is known.

use super::*;
use crate::config::reader::Reader;

/// The default file with everything switched on that it shows switched off.
fn everything() -> String {
    let on = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    };
    DEFAULT_FILE.lines().map(on).collect::<Vec<_>>().join("\n")
}

const ENVIRONMENT: [(&str, &str); 5] = [
    ("ACME_PASSWORD", "x"),
    ("APP_USER_PASSWORD", "x"),
    ("OPERATOR_PASSWORD", "x"),
    ("APP_ACCESS_KEY_SECRET", "sixteen-or-more-characters"),
    ("METERING_TOKEN", "x"),
];

/// Keys that exclude one that the default file shows, or that it shows in another section; it
/// explains them there.
const ALTERNATIVES: [&str; 31] = [
    "access_key.secret",
    "access_key.secret_file",
    "issuer.jwks_file",
    "issuer.key.public_key",
    "issuer.key.public_key_file",
    "issuer.key.secret_env",
    "issuer.key.secret_file",
    "jwt.algorithms",
    "jwt.jwks_allow_private",
    "jwt.jwks_ca_file",
    "jwt.jwks_file",
    "jwt.jwks_refresh",
    "jwt.jwks_url",
    "jwt.key.public_key",
    "jwt.key.public_key_file",
    "jwt.key.secret_env",
    "jwt.key.secret_file",
    "secret.credentials_file",
    "secret.password",
    "secret.password_file",
    "sts.key.secret_env",
    "sts.key.secret_file",
    "token.secret_env",
    "token.secret_file",
    "usage.cloud_events_file",
    "usage.cloud_events_token",
    "usage.cloud_events_token_file",
    "user.certificate_cn",
    "user.certificate_san",
    "user.password",
    "user.password_file",
];

#[test]
fn the_default_file_shows_every_key() {
    let text = everything();
    let document = toml_edit::Document::parse(text.as_str()).unwrap();
    let mut shown = BTreeSet::new();
    collect(document.as_table(), "", &mut shown);

    let environment = environment(&ENVIRONMENT).into_iter().collect();
    let source = Source { text: &text, path: Path::new("rowhouse.toml"), environment };
    let (_, findings) = Reader::new(&source, DEFAULT_FILE).unwrap().read(read);
    let missing: Vec<_> = findings
        .keys
        .iter()
        .filter(|key| !shown.contains(*key) && !ALTERNATIVES.contains(&key.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in config.default.toml: {missing:?}");
    for key in ALTERNATIVES {
        let word = key.rsplit('.').next().unwrap();
        assert!(DEFAULT_FILE.contains(word), "not explained: {key}");
    }
}

#[cfg(feature = "aws")]
#[test]
fn the_default_file_with_everything_on_is_a_configuration() {
    let text = everything().replace("/etc/ssl/certs/ca-certificates.crt", "/dev/null");
    // There are no certificate and no sealing keys to go with it.
    let absent = |line: &str| line.contains("_file = \"tls/") || line.starts_with("keys_file");
    // And no secret for administrators, who look users up.
    let absent = |line: &str| absent(line) || line.starts_with("auth_");
    let text: Vec<&str> = text.lines().filter(|line| !absent(line)).collect();
    let text = text.join("\n");
    let config = loaded(&text, &ENVIRONMENT).config;
    assert_eq!(config.limits.request_bytes_max, 4 * 1024 * 1024);
    assert!(config.issuers.len() == 2 && config.token.is_some());
}

#[test]
fn every_key_of_the_default_file_is_explained_above_it() {
    let lines: Vec<&str> = DEFAULT_FILE.lines().collect();
    for pair in lines.windows(2) {
        let [above, line] = pair else { continue };
        let bare = line.strip_prefix('#').unwrap_or(line);
        if bare.starts_with(|c: char| c.is_ascii_lowercase()) {
            assert!(above.starts_with("# "), "no explanation above: {line}");
        }
    }
}

#[test]
fn the_limits_are_those_of_the_rds_data_api() {
    let limits = loaded(LEAST, &[]).config.limits;
    assert_eq!(limits.sql_chars_max, 65_536);
    assert_eq!(limits.result_bytes_max, 1024 * 1024);
    assert_eq!(limits.json_result_bytes_max, 10 * 1024 * 1024);
    assert_eq!(limits.statement_timeout.as_secs(), 45);
    assert_eq!(limits.transaction_idle_timeout.as_secs(), 180);
    assert_eq!(limits.transaction_age_max.as_secs(), 24 * 3600);
}

#[test]
fn the_example_of_the_documentation_lacks_its_key_file_only() {
    let text = include_str!("../../../../../../docs/configuration.md");
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let found = problems(example, &[("APP_USER_PASSWORD", "x")]);
    assert!(found.contains("jwt.key[0].public_key_file: cannot read issuer.pem"), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn the_issuers_of_the_documentation_are_configurations() {
    let text = include_str!("../../../../../../docs/configuration.md");
    let examples = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let issuers: Vec<&str> = examples.filter(|text| text.starts_with("[[issuer]]")).collect();
    for example in &issuers {
        assert_eq!(problems(&format!("{LEAST}{example}"), &[]), "none", "{example}");
    }
    assert_eq!(issuers.len(), 4);
}

fn collect(table: &dyn toml_edit::TableLike, path: &str, keys: &mut BTreeSet<String>) {
    for (key, item) in table.iter() {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        if let Some(table) = item.as_table_like() {
            collect(table, &path, keys);
        }
        for table in item.as_array_of_tables().into_iter().flatten() {
            collect(table, &path, keys);
        }
        keys.insert(path);
    }
}
