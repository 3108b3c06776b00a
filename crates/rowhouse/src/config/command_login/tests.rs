//! Where commands connect, with and without a URL.

use super::*;

fn login(url: Option<&str>, variables: &[(&str, &str)]) -> Result<String, String> {
    let variable = |name: &str| {
        variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
    };
    command_login(url, variable).map(|login| {
        let Login { server, database, role, password } = login;
        let tls = &server.tls;
        format!("{:?} {tls:?} {database} {role} {}", server.address, password.expose())
    })
}

#[test]
fn url_and_environment() {
    let unix = "Unix { directory: \"/run/pg\", port: 5434 } Disable";
    for (url, variables, expected) in [
        (Some("postgres://u:p%40@/d?host=/run/pg&port=5434"), vec![], format!("{unix} d u p@")),
        (
            Some("postgres:///?host=/run/pg&user=u&password=x"),
            vec![("PGPORT", "5434"), ("PGPASSWORD", "y")],
            format!("{unix} u u x"),
        ),
        (
            None,
            vec![("PGHOST", "/run/pg"), ("PGPORT", "5434"), ("PGUSER", "a"), ("PGDATABASE", "b")],
            format!("{unix} b a "),
        ),
        (
            None,
            vec![("DATABASE_URL", "postgres://u@localhost/d")],
            "Tcp { host: \"localhost\", port: 5432 } Disable d u ".to_owned(),
        ),
    ] {
        assert_eq!(login(url, &variables), Ok(expected), "{url:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (url, hint) in [
        ("mysql://x", "postgresql://"),
        ("postgres://localhost/d", "PGUSER"),
        ("postgres://u@db.example/d", "sslrootcert"),
        ("postgres://u@h/%zz?sslmode=disable", "escape"),
    ] {
        let told = login(Some(url), &[]);
        assert!(told.as_ref().is_err_and(|text| text.contains(hint)), "{url}: {told:?}");
    }
}
