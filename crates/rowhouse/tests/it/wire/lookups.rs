//! `auth_query`: users that a database knows, and everything that it may say of them.

use rowhouse_protocol::backend::Authentication;
use rowhouse_protocol::frontend;

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET, configuration};
use crate::person;
use crate::reload::{RELOADED, reload};
use crate::stand::Stand;
use crate::token;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_lookups",
        &[
            ("tenants_of_a_table", tenants_of_a_table),
            ("roles_of_the_server", roles_of_the_server),
            ("a_database_that_is_away", a_database_that_is_away),
            ("beside_tokens", beside_tokens),
            ("nobody_looks_like_somebody", nobody_looks_like_somebody),
        ],
    )
}

/// The password of everybody here.
const PASSWORD: &str = "it_app";

/// Who may come in: by which name they are found, by which they go, password, tenant.
const PEOPLE: &str = "
    drop schema if exists people cascade;
    create schema people;
    create table people.person (key text, name text, verifier text, tenant text);
    insert into people.person
        select key, name, coalesce(given, rolpassword), tenant
        from pg_authid, (values
            ('ann', 'ann', null, 'tenant_3'), ('o''neil', 'o''neil', null, 'tenant_4'),
            ('late', 'late', null, 'tenant_1'), ('one', 'one', null, 'tenant_9'),
            ('twice', 'twice', null, 'tenant_1'), ('twice', 'twice', null, 'tenant_2'),
            ('alias', 'ann', null, 'tenant_1'), ('nameless', null, null, 'tenant_1'),
            ('homeless', 'homeless', null, null), ('odd', 'odd', null, ''),
            ('old', 'old', 'md5c2d8b8d5d3d6a0fd5d5a0e5a5b0e5a5b', 'tenant_1'),
            ('plain', 'plain', 'it_app', 'tenant_1'),
            ('broken', 'broken', 'SCRAM-SHA-256$4096:!$!:!', 'tenant_1'),
            ('costly', 'costly', 'SCRAM-SHA-256$99999999:AAAA$AAAA:AAAA', 'tenant_1'),
            ('long', 'long', repeat('x', 5000000), 'tenant_1')
        ) who (key, name, given, tenant)
        where rolname = 'it_app';
    insert into people.person values ('empty', 'empty', null, 'tenant_1');
    do $$ begin
        create role it_lookup login password 'it_lookup';
    exception when duplicate_object then null; end $$;
    create function people.find(text) returns table (name text, verifier text, tenant text)
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as $$ select p.name, p.verifier, p.tenant from people.person p where p.key = $1 $$;
    grant usage on schema people to it_lookup;
";

const FIND: &str = "auth_query = 'select name, verifier, tenant from people.find($1)'\n";

/// A gateway that looks users up, and takes no tokens unless it says so.
fn text(stand: &Stand, wire: &str, tokens: bool) -> String {
    let secret = person::secret("app_user");
    let mut text = configuration(&stand.cluster().address);
    if !tokens {
        text = text.replace(&format!("token_secret = '{secret}'\n"), "");
    }
    let lookup = person::secret("lookup");
    text = text.replace("[wire]\n", &format!("[wire]\nauth_users_secret = '{secret}'\n{wire}"));
    text + &format!(
        "[[secret]]\narn = '{lookup}'\nrole = 'it_lookup'\npassword = 'it_lookup'\n\
         principals = ['admin']\n"
    )
}

fn of_table(ttl: &str) -> String {
    let secret = person::secret("lookup");
    format!(
        "{FIND}auth_query_secret = '{secret}'\nauth_query_database = 'it_other'\n\
         auth_query_ttl = '{ttl}'\nauth_users_principal = 'tenant'\n"
    )
}

fn serve(text: &str) -> Gateway {
    Gateway::serve_text(text, &[("POOL__SHARDS", "1")])
}

/// The SQLSTATE of a refusal, or who somebody is: the role and whose notes it sees.
fn login(gateway: &Gateway, user: &str, password: &str, options: &str) -> String {
    let parameters = [("user", user), ("database", "it"), ("options", options)];
    match Client::begin(gateway, &parameters, password) {
        Ok(mut client) => {
            let sql = "select current_user || ' ' || coalesce(string_agg(distinct tenant, ','), '')
                from note";
            client.ask(sql).shown()
        }
        Err(error) => error.code.to_string(),
    }
}

/// One by one: they change what the others look at.
fn tenants_of_a_table(stand: &Stand) {
    let server = &stand.cluster().address;
    server.query("it_other", PEOPLE);
    let gateway = serve(&text(stand, &of_table("1h"), false));
    for (user, password, expected) in [
        ("ann", PASSWORD, "it_app tenant_3"),
        ("ann", "wrong", "28P01"),
        ("o'neil", PASSWORD, "it_app tenant_4"),
        // Who is written down in the configuration is not looked up.
        ("one", PASSWORD, "28P01"),
        ("one", KEY_SECRET, "it_app tenant_1"),
    ] {
        assert_eq!(login(&gateway, user, password, ""), expected, "{user}");
    }
    // Of whom the query says what cannot be, and what the log says of it.
    for (user, reason) in [
        ("nobody", "there is no such user"),
        ("' or true --", "there is no such user"),
        ("twice", "returns several rows"),
        ("alias", "another name"),
        ("nameless", "another name"),
        ("homeless", "third column is no tenant"),
        ("odd", "third column is no tenant"),
        ("empty", "it has no password"),
        ("old", "password_encryption"),
        ("plain", "no SCRAM-SHA-256 verifier"),
        ("broken", "no SCRAM-SHA-256 verifier"),
        ("costly", "no SCRAM-SHA-256 verifier"),
    ] {
        assert_eq!(login(&gateway, user, PASSWORD, ""), "28P01", "{user}");
        assert!(gateway.process.log().contains(reason), "{user}: {reason}");
    }
    assert_eq!(login(&gateway, &"x".repeat(64), PASSWORD, ""), "28P01");
    assert_eq!(login(&gateway, "long", PASSWORD, ""), "57P03");
    // Its tenant is the query's word and nobody else's.
    let options = |tenant: &str| format!("-c app.current_tenant={tenant}");
    assert_eq!(login(&gateway, "ann", PASSWORD, &options("tenant_3")), "it_app tenant_3");
    assert_eq!(login(&gateway, "ann", PASSWORD, &options("tenant_4")), "42501");
    let mut ann =
        Client::begin(&gateway, &[("user", "ann"), ("database", "it")], PASSWORD).unwrap();
    assert!(ann.ask("set app.current_tenant = 'tenant_4'").shown().starts_with("42501"));
    answers_count_for_a_while(stand, &gateway);
}

/// Whatever they were; a reload asks anew.
fn answers_count_for_a_while(stand: &Stand, gateway: &Gateway) {
    let server = &stand.cluster().address;
    server.query(
        "it_other",
        "update people.person set tenant = 'tenant_5' where key = 'ann';
         update people.person set key = 'nobody', name = 'nobody' where key = 'late'",
    );
    assert_eq!(login(gateway, "ann", PASSWORD, ""), "it_app tenant_3");
    assert_eq!(login(gateway, "nobody", PASSWORD, ""), "28P01");
    reload(gateway, RELOADED);
    wait::until_true("it is asked anew", super::SOON, || {
        login(gateway, "ann", PASSWORD, "") == "it_app tenant_5"
    });
    assert_eq!(login(gateway, "nobody", PASSWORD, ""), "it_app tenant_1");
    gateway.rewrite(&text(stand, &of_table("1ms"), false));
    reload(gateway, RELOADED);
    server.query("it_other", "delete from people.person where key = 'nobody'");
    wait::until_true("it is gone", super::SOON, || {
        login(gateway, "nobody", PASSWORD, "") == "28P01"
    });
    // A query that answers something else, and one that is none.
    for query in ["select $1::text, 'x'", "select 1", "select $1::text from", "select 'a;b', $1"] {
        let other = of_table("1ms").replace(FIND, &format!("auth_query = \"{query}\"\n"));
        gateway.rewrite(&text(stand, &other, false));
        reload(gateway, RELOADED);
        wait::until_true(query, super::SOON, || {
            let refused = login(gateway, "ann", PASSWORD, "");
            refused == "28P01" || refused == "57P03"
        });
    }
}

fn roles_of_the_server(stand: &Stand) {
    let secret = person::secret("admin");
    let wire = format!("auth_query_secret = '{secret}'\nauth_users_principal = 'app'\n");
    let gateway = serve(&text(stand, &wire, false));
    let options = "-c app.current_tenant=tenant_6";
    assert_eq!(login(&gateway, "it_app", "it_app", options), "it_app tenant_6");
    assert_eq!(login(&gateway, "it_app", "it_app", ""), "it_app ");
    // Another role, and even the server's own superuser: the secret's role all the same.
    assert_eq!(login(&gateway, "it_reader", "it_reader", options), "it_app tenant_6");
    let superuser = &stand.cluster().address.password;
    assert_eq!(login(&gateway, crate::postgres::SUPERUSER, superuser, options), "it_app tenant_6");
    for role in ["it_member", "pg_monitor", "it_nobody"] {
        assert_eq!(login(&gateway, role, "it_app", options), "28P01", "{role}");
    }
}

/// Nobody is held responsible for a database that does not answer.
fn a_database_that_is_away(stand: &Stand) {
    let text = text(stand, &of_table("1h"), false)
        .replace("password = 'it_lookup'", "password = 'another'")
        .replace("failed_logins_max = 0\n", "failed_logins_max = 3\n");
    let gateway = serve(&text);
    for _ in 0..5 {
        let refused = Client::begin(&gateway, &[("user", "ann"), ("database", "it")], PASSWORD);
        let refused = refused.err().unwrap();
        assert_eq!(refused.code.as_str(), "57P03", "{refused}");
        assert!(refused.message.contains("try again") && !refused.message.contains("it_lookup"));
        assert_eq!(login(&gateway, "one", KEY_SECRET, ""), "it_app tenant_1");
    }
    assert!(gateway.process.log().contains("auth_query"));
}

/// What a name is asked for, but for nonce and salt themselves; and the salt.
fn challenge(gateway: &Gateway, user: &str) -> (String, String) {
    let mut client = Client::knock(gateway.pg.unwrap());
    client.send(|buf| frontend::startup(buf, &[("user", user), ("database", "it")]).unwrap());
    client.message().unwrap();
    client.send(|buf| frontend::sasl_initial(buf, "SCRAM-SHA-256", b"n,,n=,r=abc").unwrap());
    let (_, body) = client.message().unwrap();
    let Ok(Authentication::SaslContinue(challenge)) = Authentication::decode(&body) else {
        panic!("{body:?}");
    };
    let text = String::from_utf8(challenge.to_vec()).unwrap();
    let [nonce, salt, iterations] = text.split(',').collect::<Vec<_>>().try_into().unwrap();
    (format!("{} {} {iterations}", nonce.len(), salt.len()), salt.to_owned())
}

fn nobody_looks_like_somebody(stand: &Stand) {
    let secret = person::secret("admin");
    let wire = format!("auth_query_secret = '{secret}'\nauth_users_principal = 'app'\n");
    let gateway = serve(&text(stand, &wire, false));
    let [somebody, nobody, another] =
        ["it_app", "it_nobody", "it_another"].map(|user| challenge(&gateway, user));
    assert!(somebody.0.ends_with("i=4096"), "{}", somebody.0);
    assert_eq!((&somebody.0, &nobody.0), (&nobody.0, &another.0));
    assert_ne!(nobody.1, another.1);
    assert_eq!(challenge(&gateway, "it_nobody"), nobody);
    gateway.rewrite(&text(stand, &format!("{wire}auth_query_iterations = 5000\n"), false));
    reload(&gateway, RELOADED);
    wait::until_true("the others have more", super::SOON, || {
        challenge(&gateway, "it_nobody").0.ends_with("i=5000")
    });
    assert_eq!(challenge(&gateway, "it_app"), somebody);
}

/// A name that nobody has is asked for a token; one that somebody has is not.
fn beside_tokens(stand: &Stand) {
    let secret = person::secret("admin");
    let wire = format!("auth_query_secret = '{secret}'\nauth_users_principal = 'app'\n");
    let gateway = serve(&text(stand, &wire, true));
    let token = token::token("tenant_7");
    assert_eq!(login(&gateway, "anybody", &token, ""), "it_app tenant_7");
    assert_eq!(login(&gateway, "it_app", "it_app", ""), "it_app ");
    assert_eq!(login(&gateway, "it_app", &token, ""), "28P01");
}
