//! URLs as libpq documents them, and broken ones.

use super::*;

fn url(host: &str, port: Option<u16>) -> DatabaseUrl {
    let host = (!host.is_empty()).then(|| host.to_owned());
    DatabaseUrl { host, port, ..DatabaseUrl::default() }
}

#[test]
fn libpq_urls_name_the_server() {
    for (text, expected) in [
        ("postgresql://", url("", None)),
        ("postgresql://localhost", url("localhost", None)),
        ("postgres://user:p%40ss@db.example:5433/app", url("db.example", Some(5433))),
        ("postgresql://[::1]:5433/app", url("::1", Some(5433))),
        ("postgresql:///app?host=/run/postgresql&port=5434", url("/run/postgresql", Some(5434))),
        ("postgresql://%2Frun%2Fpostgresql/app", url("/run/postgresql", None)),
        ("postgresql://user:a@b@host/", url("host", None)),
        ("postgresql://host/app?application_name=x&options=-c%20a.b%3D1", url("host", None)),
    ] {
        assert_eq!(DatabaseUrl::parse(text), Ok(expected), "{text}");
    }
    let tls = DatabaseUrl::parse("postgres://h/d?sslmode=verify-full&sslrootcert=/ca.pem").unwrap();
    assert_eq!(tls.tls, Some(TlsMode::VerifyFull));
    assert_eq!(tls.ca_file, Some(PathBuf::from("/ca.pem")));
}

#[test]
fn broken_urls_are_refused_without_repeating_them() {
    for text in [
        "",
        "host=localhost",
        "mysql://h",
        "postgres://h:70000/",
        "postgres://h:0/",
        "postgres://h:x/",
        "postgres://a,b/hunter2",
        "postgres://%zz/",
        "postgres://%4/",
        "postgres://%ff/",
        "postgres://u:hunter2@h/?sslmode=require",
    ] {
        let message = DatabaseUrl::parse(text).unwrap_err();
        assert!(!message.contains("hunter2"), "{text}");
    }
}
