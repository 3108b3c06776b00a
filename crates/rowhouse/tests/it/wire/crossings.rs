//! Two tenants at the same door, in both contexts: what one says when it connects to be another,
//! keys of the other's statements that are guessed, and names that both use on few connections.

use std::sync::Arc;

use rowhouse_protocol::frontend::{bind, cancel_request, execute, parse, query, sync};

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::sealed::DATABASE;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_crossings",
        &[
            ("what_is_said_when_connecting", what_is_said_when_connecting),
            ("keys_that_are_guessed", keys_that_are_guessed),
            ("the_same_names", the_same_names),
        ],
    )
}

/// Two connections for all.
const FEW: &[(&str, &str)] = &[("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "2")];
const OWN: &str = "select count(*), min(tenant), max(tenant) from note";

/// A gateway, a database, and the names by which tenants 1 and 2 come there.
struct Place {
    gateway: Arc<Gateway>,
    database: &'static str,
    users: [&'static str; 2],
}

fn places(stand: &Stand) -> [Place; 2] {
    let standard = stand.gateway("wire_two", FEW);
    let sealed = stand.gateway_of("wire_two_sealed", || stand.sealed().gateway(FEW));
    [
        Place { gateway: standard, database: "it", users: ["one", "two"] },
        Place { gateway: sealed, database: DATABASE, users: ["sealed_1", "sealed_2"] },
    ]
}

impl Place {
    fn client(&self, number: usize) -> Client {
        Client::login(&self.gateway, self.users[number], self.database)
    }
}

/// Parameters by which tenant 1 would be another, or more than a tenant: by `options` where there
/// is no name.
const SAID: &[(&str, &str)] = &[
    ("", "-c app.current_tenant=tenant_2"),
    ("", "-capp.current_tenant=tenant_2"),
    ("", "-c APP.Current_Tenant=tenant_2"),
    ("", "--app.current_tenant=tenant_2"),
    ("", "--app.current-tenant=tenant_2"),
    ("", "-c app.current-tenant=tenant_2"),
    ("", "-c app.current_tenant=tenant_1 -c app.current_tenant=tenant_2"),
    ("", "-c app.current_tenant=tenant_2 -c app.current_tenant=tenant_1"),
    ("", r"-c app.current_tenant=tenant_1\ -c\ app.current_tenant=tenant_2"),
    ("", "-c app.current_tenant=tenant_1\n-c\tapp.current_tenant=tenant_2"),
    ("", "-c app.other='tenant_2' -c app.current_tenant='tenant_2'"),
    ("", "-c app.x=1',true),set_config('app.current_tenant','tenant_2"),
    ("", r"-c app.x=1\'\ --\ "),
    ("", "-c rowhouse.context=tenant_2"),
    ("", "-c role=it_member"),
    ("", "-c session_authorization=postgres"),
    ("", "-c row_security=off"),
    ("", "-c search_path=pg_temp,nowhere"),
    ("", "-c search_path=\"'; set app.current_tenant = 'tenant_2\""),
    ("", "-c standard_conforming_strings=off"),
    ("", "-c client_encoding=SJIS"),
    ("", "-c session_preload_libraries=x"),
    ("", "-c timezone='; set app.current_tenant = 'tenant_2"),
    ("", "-f s -f m -B 1"),
    ("", "-C"),
    ("", "-c"),
    ("", "-c ="),
    ("", "--"),
    ("app.current_tenant", "tenant_2"),
    ("APP.CURRENT_TENANT", "tenant_2"),
    ("role", "it_member"),
    ("session_authorization", "postgres"),
    ("replication", "true"),
    ("replication", "database"),
    ("client_encoding", "SJIS"),
    ("TimeZone", "'; set app.current_tenant = 'tenant_2"),
    ("application_name", "'; set app.current_tenant = 'tenant_2"),
];

/// It is refused, or she is who she is.
fn what_is_said_when_connecting(stand: &Stand) {
    for place in places(stand) {
        let fixed = [("user", place.users[0]), ("database", place.database)];
        for (name, value) in SAID {
            let name = if name.is_empty() { "options" } else { name };
            let parameters = [&fixed[..], &[(name, value)]].concat();
            let Ok(mut client) = Client::begin(&place.gateway, &parameters, KEY_SECRET) else {
                continue;
            };
            for begin in ["", "begin"] {
                client.ask(begin);
                let seen = client.ask("select distinct tenant from public.note").shown();
                let fine = ["tenant_1", ""].contains(&seen.as_str());
                assert!(fine, "{name}={value} in {}: {seen}", place.database);
                let role = client.ask("select current_user = session_user").shown();
                assert_eq!(role, "t", "{name}={value} in {}", place.database);
            }
        }
        assert_eq!(place.client(0).ask(OWN).shown(), "3|tenant_1|tenant_1");
    }
}

/// A key is of one client, and as a whole.
fn keys_that_are_guessed(stand: &Stand) {
    for place in places(stand) {
        let (mut one, two) = (place.client(0), place.client(1));
        let (pid, secret) = one.key.clone();
        one.send(|buf| query(buf, "select 'done' from pg_sleep(0.3)").unwrap());
        let mut longer = secret.clone();
        longer.push(0);
        let other: Vec<u8> = secret.iter().map(|byte| !byte).collect();
        let guesses: [(i32, &[u8]); 8] = [
            (pid, &two.key.1),
            (pid, &other),
            (pid, &longer),
            (pid, secret.get(..3).unwrap()),
            (pid, &[0; 4]),
            (two.key.0, &secret),
            (0, &secret),
            (-pid, &secret),
        ];
        for (pid, secret) in guesses {
            let mut stranger = Client::knock(place.gateway.pg.unwrap());
            stranger.send(|buf| cancel_request(buf, pid, secret).unwrap());
            // It closes without a word, or says what is wrong with the request.
            while stranger.message().is_some() {}
        }
        assert_eq!(one.reply().shown(), "done");
    }
}

/// Statements, portals, cursors and savepoints of the same names, one beside the other.
fn the_same_names(stand: &Stand) {
    for place in places(stand) {
        let mut both = [place.client(0), place.client(1)];
        let texts = [OWN, "select 'of two', min(tenant), max(tenant) from note"];
        let answers = ["3|tenant_1|tenant_1", "of two|tenant_2|tenant_2"];
        for (client, text) in both.iter_mut().zip(texts) {
            client.send(|buf| {
                parse(buf, "p", text, &[]).unwrap();
                sync(buf);
            });
            assert_eq!(client.reply().order, "1Z");
        }
        for round in 0..12 {
            for (client, answer) in both.iter_mut().zip(answers) {
                // Every third round in transactions that are open side by side.
                if round % 3 == 0 {
                    client.ask("begin");
                    client.ask("savepoint s");
                    let declared = "declare c cursor for select distinct tenant from note";
                    assert_eq!(client.ask(declared).commands, ["DECLARE CURSOR"]);
                }
                client.send(|buf| {
                    bind(buf, "q", "p", &[]).unwrap();
                    execute(buf, "q", 0).unwrap();
                    sync(buf);
                });
                assert_eq!(client.reply().shown(), answer);
            }
            for (client, answer) in both.iter_mut().zip(answers) {
                if round % 3 == 0 {
                    let tenant = answer.rsplit('|').next().unwrap();
                    assert_eq!(client.ask("fetch all from c").shown(), tenant);
                    client.ask("rollback to s");
                    assert_eq!(client.ask(OWN).shown(), format!("3|{tenant}|{tenant}"));
                    client.ask("commit");
                }
            }
        }
        // What one has closed, the other has still.
        both[0].ask("deallocate p");
        let runs = |client: &mut Client| {
            client.send(|buf| {
                bind(buf, "", "p", &[]).unwrap();
                execute(buf, "", 0).unwrap();
                sync(buf);
            });
            client.reply().shown()
        };
        assert!(runs(&mut both[0]).starts_with("26000"));
        assert_eq!(runs(&mut both[1]), answers[1]);
    }
}
