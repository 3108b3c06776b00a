//! Where values come from: file, environment, files of their own, the variables of libpq.

use rowhouse_tenancy::seal::{SealKey, SealKeyId};
use rowhouse_tenancy::sts::RoleArn;

use super::*;
use crate::config::{Context, Grant, SealKeys, SecretSource, ServerAddress, ServerTls, StoredKey};

#[test]
fn the_environment_wins_over_the_file() {
    let text = with("[pool]\nshards = 3\nwait_timeout = \"1s\"");
    let pairs = [
        ("ROWHOUSE_POOL__SHARDS", "7"),
        ("ROWHOUSE_LOG__FORMAT", "json"),
        ("ROWHOUSE_GATE__ACCEPT", "RH001, RH002"),
        ("ROWHOUSE_LIMITS__REQUEST_BYTES_MAX", "1MiB"),
        ("ROWHOUSE_HOME", "not ours"),
    ];
    let config = loaded(&text, &pairs).config;
    assert_eq!(config.pool.shards, 7);
    assert_eq!(config.pool.wait_timeout.as_secs(), 1);
    assert!(config.log.json);
    let accepted: Vec<&str> = config.gate_accept.iter().map(|code| code.as_str()).collect();
    assert_eq!(accepted, ["RH001", "RH002"]);
    assert_eq!(config.limits.request_bytes_max, 1024 * 1024);
}

#[test]
fn roles_and_durations_of_sessions() {
    let role = "arn:aws:iam::123456789012:role/one";
    let other = RoleArn::parse("arn:aws:iam::123456789012:role/other").unwrap();
    let sts = loaded(LEAST, &[]).config.sts;
    assert!(sts.keys.is_none() && sts.allows(&other));
    for (asked_s, expected) in [(None, Some(3600)), (Some(3600), Some(3600)), (Some(3601), None)] {
        assert_eq!(sts.duration_s(asked_s), expected);
    }
    let key = "[[sts.key]]\nsecret = 'hunter2-hunter2-hunter2-hunter2-'";
    let pairs = [("ROWHOUSE_STS__ROLES", role), ("ROWHOUSE_STS__DURATION_MAX", "15min")];
    let Loaded { config, listing, .. } = loaded(&with(key), &pairs);
    assert!(config.sts.allows(&RoleArn::parse(role).unwrap()) && !config.sts.allows(&other));
    assert_eq!((config.sts.duration_s(None), config.sts.duration_s(Some(901))), (Some(900), None));
    assert!(config.sts.keys.is_some() && !listing.contains("hunter2-hunter2"), "{listing}");
    let twice = problems(&with(&format!("{key}\n{key}")), &[]);
    assert_eq!(
        twice,
        "rowhouse.toml:8: sts.key[1].secret: is there already: each must be different"
    );
}

#[test]
fn a_sealed_database() {
    let folder = std::env::temp_dir().join(format!("rowhouse-seal-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keys.json");
    let key = StoredKey {
        key: SealKey::new(SealKeyId::FIRST, [7; 32]),
        created: jiff::Timestamp::UNIX_EPOCH,
    };
    SealKeys::first(key).write(&file).unwrap();
    let database = "{ name = 'd', context = 'sealed', search_path = ['app', 'x y'] }";
    let text = LEAST.replace("{ name = 'd', tenant_settings = 'a.t' }", database);
    let text = format!("{text}[seal]\nkeys_file = '{}'", file.display());
    let Loaded { config, listing, .. } = loaded(&text, &[]);
    assert_eq!(config.seal.unwrap().key.id(), SealKeyId::FIRST);
    assert!(!listing.contains("BwcHBw"), "{listing}");
    let database = &config.resources[0].databases[0];
    assert_eq!((database.context, database.tenant_settings.len()), (Context::Sealed, 0));
    assert_eq!(database.search_path.as_deref(), Some("\"app\", \"x y\""));
    let plain = loaded(&text.replace(", search_path = ['app', 'x y']", ""), &[]).config;
    let path = plain.resources[0].databases[0].search_path.clone();
    assert_eq!(path.as_deref(), Some("\"$user\", public"));
    let standard = loaded(LEAST, &[]).config;
    assert_eq!(standard.resources[0].databases[0].search_path, None);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrong_override_names_its_variable() {
    for (name, value, expected) in [
        (
            "ROWHOUSE_POOL__SHARDS",
            "many",
            "pool.shards: must be a whole number from 0 to 1024, not \"many\"",
        ),
        ("ROWHOUSE_POOL__SHARD", "1", "no such setting; did you mean ROWHOUSE_POOL__SHARDS?"),
        (
            "ROWHOUSE_SECRET__PASSWORD",
            "hunter2",
            "no such setting; unset it (blocks in [[ ]] cannot be set from the environment, but \
             their secrets can: use the `_env` keys)",
        ),
    ] {
        assert_eq!(problems(LEAST, &[(name, value)]), format!("{name}: {expected}"));
    }
}

#[test]
fn secrets_come_from_variables_and_files() {
    let folder = std::env::temp_dir().join(format!("rowhouse-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("role.password"), "from a file\r\n").unwrap();
    let text = LEAST
        .replace("password = 'hunter2-role'", "password_file = 'role.password'")
        .replace("secret = 'hunter2-access-key'", "secret_env = 'KEY_SECRET'");
    let pairs = environment(&[("KEY_SECRET", "sixteen characters")]);
    let loaded = load(&text, &folder.join("rowhouse.toml"), pairs).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();

    let secret = loaded.config.secrets.first().unwrap();
    let SecretSource::Fixed { password, .. } = &secret.source else { panic!("{secret:?}") };
    assert_eq!(password.expose(), "from a file");
    let key = loaded.config.access_keys.first().unwrap();
    assert_eq!(key.secret.expose(), "sixteen characters");
    assert!(matches!(key.grants, Grant::App));

    let found = problems(&text, &[("KEY_SECRET", "sixteen characters")]);
    assert!(found.starts_with("rowhouse.toml:3: secret[0].password_file: cannot read"), "{found}");
}

#[test]
fn a_server_without_a_host_is_where_psql_would_look() {
    let tcp = |host: &str, port| ServerAddress::Tcp { host: host.to_owned(), port };
    let unix = |directory: &str, port| ServerAddress::Unix { directory: directory.into(), port };
    let url = ("DATABASE_URL", "postgres://me@localhost:6000/db");
    let cases: &[(&[(&str, &str)], ServerAddress)] = &[
        (&[], tcp("127.0.0.1", 5432)),
        (&[("PGHOST", "localhost"), ("PGPORT", "6001")], tcp("localhost", 6001)),
        (&[("PGHOST", "/run/postgresql")], unix("/run/postgresql", 5432)),
        (&[url, ("PGHOST", "other"), ("PGPORT", "6001")], tcp("localhost", 6000)),
        (&[("DATABASE_URL", "postgres:///db"), ("PGHOST", "/run")], unix("/run", 5432)),
    ];
    let text = LEAST.replace(", host = 'localhost'", "");
    for (pairs, expected) in cases {
        let config = loaded(&text, pairs).config;
        assert_eq!(config.servers.first().unwrap().address, *expected, "{pairs:?}");
    }
    let named = loaded(LEAST, &[url, ("PGPORT", "6001"), ("PGSSLMODE", "require")]).config;
    assert_eq!(named.servers.first().unwrap().address, tcp("localhost", 5432));

    let found = problems(&text, &[("PGSSLMODE", "require")]);
    assert!(found.starts_with("PGSSLMODE: server[0].tls: must be disable, verify-ca"), "{found}");
    let found = problems(&text, &[("DATABASE_URL", "postgres://u:hunter2@h:x/")]);
    assert_eq!(found, "DATABASE_URL: server[0].host: has a port that is none");
}

#[test]
fn tls_is_on_unless_nobody_can_listen_in() {
    let full = ServerTls::VerifyFull { ca_file: "/dev/null".into() };
    for (host, expected) in [
        ("localhost", &ServerTls::Disable),
        ("127.0.0.9", &ServerTls::Disable),
        ("::1", &ServerTls::Disable),
        ("/run/postgresql", &ServerTls::Disable),
        ("10.0.0.1", &full),
        ("db.internal", &full),
    ] {
        let to = format!("host = '{host}', ca_file = '/dev/null'");
        let config = loaded(&LEAST.replace("host = 'localhost'", &to), &[]).config;
        assert_eq!(config.servers.first().unwrap().tls, *expected, "{host}");
    }
}

#[test]
fn a_database_is_lenient_unless_it_says_otherwise() {
    for (more, strict) in [("", false), (", strict = false", false), (", strict = true", true)] {
        let config = loaded(&LEAST.replace("'a.t'", &format!("'a.t'{more}")), &[]).config;
        let database = config.resources.first().unwrap().databases.first().unwrap().clone();
        assert_eq!(database.strict, strict, "{more}");
    }
}

#[test]
fn the_listing_is_a_configuration_without_secrets() {
    let pairs = [("ROWHOUSE_POOL__SHARDS", "7")];
    let text = with("[token]\nsecret = 'hunter2-hunter2-hunter2-hunter2-hunter2'\naudience = 'a'");
    let listing = loaded(&text, &pairs).listing;
    assert!(!listing.contains("hunter2"), "{listing}");
    for line in [
        "shards = 7 # ROWHOUSE_POOL__SHARDS",
        "listen = \"127.0.0.1:8080\" # default",
        "name = \"main\" # rowhouse.toml:1",
        "tenant_settings = [\"a.t\"] # rowhouse.toml:2",
        "[[resource.database]]",
    ] {
        assert!(listing.lines().any(|found| found == line), "{line} is not in\n{listing}");
    }
    let unmasked = listing.replace("***", "a-secret-that-is-long-enough-for-every-key");
    assert_eq!(loaded(&unmasked, &[]).config.pool.shards, 7);
}

#[test]
fn debug_shows_no_secret() {
    let text = with("[token]\nsecret = 'hunter2-hunter2-hunter2-hunter2-hunter2'\naudience = 'a'");
    let shown = format!("{:?}", loaded(&text, &[]));
    assert!(!shown.contains("hunter2"), "{shown}");
}
