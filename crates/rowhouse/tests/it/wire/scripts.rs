//! Simple queries, as psql sends them: the seed document from start to end, and transactions of
//! every kind.

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::KEY_SECRET;
use crate::stand::Stand;
use crate::token;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire",
        &[
            ("seed_004", seed_004),
            ("what_a_session_is_told", what_a_session_is_told),
            ("transactions_keep_the_tenant", transactions_keep_the_tenant),
            ("an_application_picks_its_tenant", an_application_picks_its_tenant),
            ("a_token_is_a_password", a_token_is_a_password),
            ("settings_of_a_session", settings_of_a_session),
            ("positions_of_errors", positions_of_errors),
            ("copy_both_ways", copy_both_ways),
        ],
    )
}

/// The password that the document prints.
const SEED_PASSWORD: &str = "TestPW123!";
const VIOLATES: &str = "42501 new row violates row-level security policy for table \"t_user\"";

fn seed_004(stand: &Stand) {
    let dev = &stand.dev().gateway;
    let login = |user: &str, options: &str| {
        let parameters = [("user", user), ("database", "rls_vip"), ("options", options)];
        Client::begin(dev, &parameters, SEED_PASSWORD)
    };
    let steps: &[(&str, &str, &str)] = &[
        ("t1", "SELECT * FROM sh_vip.t_user;", "1|10|Zhang San"),
        ("t1", "INSERT INTO sh_vip.t_user VALUES(1, 11, 'Leo');", ""),
        ("t1", "INSERT INTO sh_vip.t_user VALUES(2, 21, 'Darren');", VIOLATES),
        ("t1", "UPDATE sh_vip.t_user SET tenant_name='Leo1' WHERE user_id = 11;", ""),
        ("t1", "SELECT tenant_name FROM sh_vip.t_user WHERE user_id = 11", "Leo1"),
        ("t1", "UPDATE sh_vip.t_user SET tenant_name='Leo1' WHERE user_id = 20;", ""),
        ("t2", "SELECT * FROM sh_vip.t_user;", "2|20|Li Si"),
        ("t1", "DELETE FROM sh_vip.t_user WHERE user_id = 11;", ""),
        ("t1", "DELETE FROM sh_vip.t_user WHERE user_id = 20;", ""),
        ("t2", "SELECT * FROM sh_vip.t_user;", "2|20|Li Si"),
        ("bypassrls_user", "SELECT user_id FROM sh_vip.t_user ORDER BY 1", "10;20"),
        ("t1", "SELECT current_user, session_user", "t1|t1"),
    ];
    let mut people = ["t1", "t2", "bypassrls_user"].map(|user| {
        let options = match user {
            "t1" => "-c app.tenant_id=1",
            "t2" => "-c app.tenant_id=2",
            _ => "",
        };
        (user, login(user, options).unwrap())
    });
    for (user, sql, expected) in steps {
        let (_, client) = people.iter_mut().find(|(name, _)| name == user).unwrap();
        assert_eq!(client.ask(sql).shown(), *expected, "{user}: {sql}");
    }
    for options in ["-c app.tenant_id=2", "--app.tenant-id=2", "-c app.tenant_id="] {
        let refused = login("t1", options).err().unwrap();
        assert_eq!(refused.code.as_str(), "42501", "{options}: {refused}");
    }
    let mut chosen = Client::begin(
        dev,
        &[("user", "app_user"), ("database", "rls_vip"), ("options", "-c app.tenant_id=2")],
        "app_user",
    )
    .unwrap();
    assert_eq!(chosen.ask("select user_id from sh_vip.t_user").shown(), "20");
}

fn what_a_session_is_told(stand: &Stand) {
    let gateway = stand.main();
    let asked = [("user", "one"), ("database", "it"), ("application_name", "trial")];
    let mut client = Client::begin(&gateway, &asked, KEY_SECRET).unwrap();
    let told = |name: &str| {
        let found = client.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let facts = [
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
        ("integer_datetimes", "on"),
        ("application_name", "trial"),
        ("session_authorization", "one"),
        ("is_superuser", "off"),
        ("TimeZone", "UTC"),
    ];
    for (name, value) in facts {
        assert_eq!(told(name), value, "{name}");
    }
    let version = told("server_version");
    assert_eq!(client.ask("show server_version").shown(), version);
}

fn transactions_keep_the_tenant(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "one", "it");
    // What is asked, the rows of its answer, the transaction afterwards.
    let own = "select distinct tenant from note";
    let steps: &[(&str, &str, u8)] = &[
        (own, "tenant_1", b'I'),
        (&format!("begin; {own}; commit; {own}"), "tenant_1;tenant_1", b'I'),
        ("begin isolation level serializable", "", b'T'),
        ("set transaction read only", "", b'T'),
        ("show transaction_isolation", "serializable", b'T'),
        (own, "tenant_1", b'T'),
        ("insert into written values ('tenant_1', 'x')", "25006 cannot execute INSERT", b'E'),
        (own, "25P02 current transaction is aborted", b'E'),
        (&format!("rollback; {own}"), "tenant_1", b'I'),
        ("begin", "", b'T'),
        ("savepoint a", "", b'T'),
        ("select 1 / 0", "22012 division by zero", b'E'),
        ("rollback to a", "", b'T'),
        (own, "tenant_1", b'T'),
        (&format!("commit and chain; {own}"), "tenant_1", b'T'),
        ("end", "", b'I'),
        (&format!("{own}; commit; {own}"), "tenant_1;tenant_1", b'I'),
        ("", "", b'I'),
        (own, "tenant_1", b'I'),
    ];
    for (sql, expected, status) in steps {
        let reply = client.ask(sql);
        let shown = reply.shown();
        let fits =
            if reply.error.is_some() { shown.starts_with(expected) } else { shown == *expected };
        assert!(fits, "{sql}\nexpected {expected:?}\n   found {shown:?}");
        assert_eq!(reply.status.as_byte(), *status, "{sql}");
    }
}

fn an_application_picks_its_tenant(stand: &Stand) {
    let gateway = stand.main();
    let mut client = Client::login(&gateway, "app", "it");
    let count = "select count(*), min(tenant) from note";
    let steps: &[(&str, &str)] = &[
        (count, "0|"),
        ("begin", ""),
        ("set local app.current_tenant = 'tenant_3'", ""),
        (count, "3|tenant_3"),
        ("commit", ""),
        (count, "0|"),
        (
            &format!(
                "begin; select set_config('app.current_tenant', 'tenant_4', true); {count}; commit"
            ),
            "tenant_4;3|tenant_4",
        ),
        (count, "0|"),
        ("begin", ""),
        ("set app.current_tenant = 'tenant_5'", ""),
        ("rollback", ""),
        (count, "0|"),
        ("set app.current_tenant = 'tenant_5'", ""),
        (count, "3|tenant_5"),
        ("begin", ""),
        (count, "3|tenant_5"),
        ("commit", ""),
        ("reset app.current_tenant", ""),
        (count, "0|"),
    ];
    for (sql, expected) in steps {
        assert_eq!(client.ask(sql).shown(), *expected, "{sql}");
    }
    // What was picked by SQL is that client's own.
    client.ask("set app.current_tenant = 'tenant_5'");
    let mut other = Client::login(&gateway, "app", "it");
    assert_eq!(other.ask(count).shown(), "0|");
}

fn a_token_is_a_password(stand: &Stand) {
    let gateway = stand.main();
    let login = |password: &str| {
        Client::begin(&gateway, &[("user", "anybody"), ("database", "it")], password)
    };
    let mut client = login(&token::token("tenant_9")).unwrap();
    assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_9");
    let mut old = token::claims("tenant_9");
    old["exp"] = (token::now() - 3600).into();
    for password in ["", "nonsense", "a.b.c", &token::signed(&old)] {
        let refused = login(password).err().unwrap();
        let expected = "password authentication failed for user \"anybody\"";
        assert_eq!((refused.code.as_str(), refused.message.as_str()), ("28P01", expected));
    }
}

fn settings_of_a_session(stand: &Stand) {
    let gateway = stand.main();
    let options = "-c timezone=Asia/Tokyo -c search_path=no_where,public --statement-timeout=9s";
    let asked = [("user", "one"), ("database", "it"), ("options", options)];
    let mut client = Client::begin(&gateway, &asked, KEY_SECRET).unwrap();
    let steps = [
        ("show timezone", "Asia/Tokyo"),
        ("show statement_timeout", "9s"),
        ("show search_path", "no_where,public"),
        ("select distinct tenant from note", "tenant_1"),
        ("begin; show timezone; rollback; show timezone", "Asia/Tokyo;Asia/Tokyo"),
        ("set timezone = 'Asia/Kolkata'", ""),
        ("show timezone", "Asia/Kolkata"),
        ("set extra_float_digits = 3", ""),
    ];
    for (sql, expected) in steps {
        assert_eq!(client.ask(sql).shown(), expected, "{sql}");
    }
    let mut other = Client::login(&gateway, "two", "it");
    assert_eq!(other.ask("show timezone").shown(), "UTC");
    for (options, code) in [
        ("-c timezone=Nowhere", "22023"),
        ("-c nonsense", "22023"),
        ("-c role=it_owner", "0A000"),
        ("-c row_security=off", "0A000"),
        ("-c no_such_setting=1", "0A000"),
    ] {
        let asked = [("user", "one"), ("database", "it"), ("options", options)];
        let refused = Client::begin(&gateway, &asked, KEY_SECRET).err().unwrap();
        assert_eq!(refused.code.as_str(), code, "{options}: {refused}");
    }
}

fn positions_of_errors(stand: &Stand) {
    let mut client = Client::login(&stand.main(), "one", "it");
    for sql in ["selec 1", "select 'ä'; selec 1", "begin; select 'ä'; commit; selec 1"] {
        let error = client.ask(sql).error.unwrap();
        let at = sql.find("selec 1").map(|bytes| sql[..bytes].chars().count() + 1);
        assert_eq!(error.position.map(|at| at as usize), at, "{sql}");
        client.ask("rollback");
    }
}

fn copy_both_ways(stand: &Stand) {
    use rowhouse_protocol::frontend::{copy_data, copy_done, copy_fail};
    let mut client = Client::login(&stand.main(), "admin", "it");
    let out = client.ask("copy (select generate_series(1, 100000)) to stdout");
    assert_eq!(out.commands, ["COPY 100000"]);
    let count = "select count(*) from written where mark = 'copied'";
    for (rows, fails, expected) in [(1000, false, "1000"), (10, true, "1000")] {
        assert!(client.ask("copy written from stdin").order.ends_with('G'));
        client.send(|buf| {
            for _ in 0..rows {
                copy_data(buf, b"tenant_1\tcopied\n").unwrap();
            }
            if fails { copy_fail(buf, "no").unwrap() } else { copy_done(buf) }
        });
        assert_eq!(client.reply().error.is_some(), fails);
        assert_eq!(client.ask(count).shown(), expected);
    }
    // A stream that goes on behind an error is left out.
    client.ask("copy written from stdin");
    client.send(|buf| {
        copy_data(buf, b"too\tmany\tcolumns\n").unwrap();
        for _ in 0..10_000 {
            copy_data(buf, b"tenant_1\tcopied\n").unwrap();
        }
        copy_done(buf);
    });
    assert_eq!(client.reply().error.unwrap().code.as_str(), "22P04");
    assert_eq!(client.ask(count).shown(), "1000");
    client.ask("delete from written where mark = 'copied'");
}
