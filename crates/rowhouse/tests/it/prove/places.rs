//! Proofs of whole places: the seeds from nothing, the demo, and places that cannot be proven.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{app, cells, prove, report, state};
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::postgres::{Address, SUPERUSER};
use crate::process::{self, rowhouse};
use crate::rls;
use crate::stand::Stand;
use crate::wait;

/// The seed documents' tables, without any walls.
pub const SEEDS: &str = include_str!("seeds.sql");

/// A gateway's configuration in front of one database.
pub fn configuration(address: &Address, database: &str) -> String {
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret";
    let key = "secret = 'the-trials-sign-their-tokens-with-this'";
    format!(
        "[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [pool]\nshards = 1\n[jwt]\naudience = ['prove']\n\
         [[jwt.key]]\nkid = 'it'\nalgorithm = 'HS256'\n{key}\n[token]\nkid = 'it'\n{key}\n\
         [[server]]\nname = 'main'\nhost = '{socket}'\nport = {port}\ntls = 'disable'\n\
         [[resource]]\narn = 'arn:aws:rds:us-east-1:000000000000:cluster:prove'\n\
         server = 'main'\n\
         [[resource.database]]\nname = '{database}'\ntenant_settings = ['app.tenant_id']\n\
         [[secret]]\narn = '{arn}:app_user'\nrole = 'app_user'\npassword = 'app_user'\n\
         principals = ['tenant', 'app']\n\
         [[secret]]\narn = '{arn}:admin'\nrole = '{SUPERUSER}'\npassword = '{password}'\n\
         principals = ['admin']\n"
    )
}

pub fn done(command: &str, at: &[String], words: &[&str]) {
    let output = process::run(rowhouse().args(["rls", command]).args(at).args(words));
    assert!(output.status.success(), "{command}: {output:?}");
}

pub fn seeds_from_nothing(stand: &Stand) {
    let name = "prove_seeds";
    rls::database(stand, name);
    let address = &stand.cluster().address;
    let mut direct = address.connect(name);
    direct.query(SEEDS);
    let text = configuration(address, name);
    let folder = Folder::new("prove");
    let file = folder.write("rowhouse.toml", &text);
    let mut gateway = Gateway::serve_text(&text, &[]);
    let http = format!("http://{}", gateway.http);
    let columns = ["--tenant-column", "tenant_id", "--tenant-column", "\"tenantRef\""];
    let config = ["--config", file.to_str().unwrap()];
    let at: Vec<String> = config.into_iter().chain(columns).map(str::to_owned).collect();
    let before = state(&mut direct);
    let words = ["--http", &http, "--tenants", "2"];

    let open = report(&at, &words);
    let tables = ["tenant", "users", "product", "tenants", "items"].map(|t| format!("public.{t}"));
    let tables: BTreeSet<String> = tables.into_iter().chain(["sh_vip.t_user".to_owned()]).collect();
    for way in ["direct", "gateway"] {
        let attempts = open["attempts"].as_array().unwrap().iter();
        let crossed = attempts.filter(|one| one["verdict"] == "crossed" && one["way"] == way);
        let read = crossed.filter(|one| one["command"] == "select");
        let objects: BTreeSet<_> =
            read.map(|one| one["object"].as_str().unwrap().to_owned()).collect();
        assert_eq!(objects, tables, "{way}");
    }
    assert_eq!(state(&mut direct), before, "something was left behind");
    done("apply", &at, &["--scope-keys"]);
    done("doctor", &at, &["--level", "error"]);
    let before = state(&mut direct);
    let proof = report(&at, &words);
    assert_eq!(cells(&proof, "crossed"), BTreeSet::new());
    assert_eq!(proof["ways"], json!(["direct", "gateway"]));
    assert_eq!(proof["gaps"], json!([]));
    assert_eq!(proof["tenants_hashed"], true);
    assert!(proof["remains"]["transactions"].as_u64() > Some(0), "{proof:#}");
    assert!(!proof.to_string().contains("tenant_1"), "{proof:#}");
    assert_eq!(state(&mut direct), before, "something was left behind");
    assert!(gateway.process.stop().success());
    drop(direct);
    address.query("postgres", "drop database prove_seeds with (force)");
}

pub fn the_demo_data(stand: &Stand) {
    let directory = stand.dev().directory.path().to_str().unwrap();
    let at = ["--data-dir".to_owned(), directory.to_owned()];
    let tables = [("postgres", "items"), ("onlineshop", "product"), ("rls_vip", "t_user")];
    for (database, table) in tables {
        let proof = report(&at, &["--database", database, "--tenants", "2"]);
        assert_eq!(cells(&proof, "crossed"), BTreeSet::new(), "{database}");
        let held = cells(&proof, "held");
        let selected =
            |(object, command): &(String, String)| object.ends_with(table) && command == "select";
        assert!(held.iter().any(selected), "{database}: {proof:#}");
        // A setting is no wall by itself; in front of it there is the gateway.
        for (way, open) in [("direct", true), ("gateway", false)] {
            let attempts = proof["attempts"].as_array().unwrap().iter();
            let of_way = attempts.filter(|one| one["command"] == "context" && one["way"] == way);
            let verdicts: Vec<&str> = of_way.map(|one| one["verdict"].as_str().unwrap()).collect();
            assert!(verdicts.len() > 10, "{database}: {verdicts:?}");
            assert_eq!(verdicts.contains(&"open"), open, "{database} {way}: {verdicts:?}");
        }
    }
    // By another setting nobody is a tenant, and it is not said that the walls hold.
    let wrong = ["--database", "rls_vip", "--tenant-setting", "app.other", "--format", "json"];
    let output = prove(&at, &wrong);
    let blind = cells(&serde_json::from_slice(&output.stdout).unwrap(), "not_proven");
    assert!(blind.contains(&("sh_vip.t_user".to_owned(), "select".to_owned())), "{blind:?}");
    let output = prove(&at, &["--database", "rls_vip"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("sh_vip.t_user") && text.contains("nothing remains"), "{text}");
}

pub fn read_only(stand: &Stand) {
    let name = "prove_read_only";
    let mut at = rls::database(stand, name);
    let address = &stand.cluster().address;
    at.extend(app(address, "app_user", name));
    let mut direct = address.connect(name);
    direct.query(
        "create table item (tenant_id int not null, id int);
         insert into item values (1, 1), (2, 2);
         grant select, insert, update, delete on item to app_user",
    );
    let proof = report(&at, &["--read-only"]);
    let cell = |command: &str| ("public.item".to_owned(), command.to_owned());
    let crossed = cells(&proof, "crossed");
    assert!(crossed.contains(&cell("select")), "{crossed:?}");
    let unproven = cells(&proof, "not_proven");
    for command in ["insert", "update", "move", "delete", "merge", "lock"] {
        assert!(unproven.contains(&cell(command)), "{command}");
    }
    assert_eq!(proof["remains"]["transactions"], 0);
    // What is rolled back counts there as well, but only when its session has ended.
    wait::until_true("the sessions of the proof end", Duration::from_secs(60), || {
        let others = "select count(*) from pg_stat_activity where datname = current_database() \
                      and application_name like 'rowhouse rls%'";
        direct.value(others) == "0"
    });
    let mut later = address.connect(name);
    let written = "select n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables";
    direct.query("select pg_stat_force_next_flush()");
    wait::until_true("what was written is counted", Duration::from_secs(60), || {
        later.value(written) == "2"
    });
    drop((direct, later));
    address.query("postgres", "drop database prove_read_only with (force)");
}

pub fn wrong_use_is_told(stand: &Stand) {
    let address = &stand.cluster().address;
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    let url = |who: &str| format!("postgres://{who}@/onlineshop?host={socket}&port={port}");
    let admin = url(&format!("{SUPERUSER}:{password}"));
    let (good, bad) = (url("app_user:app_user"), url("app_user:hunter2"));
    let app = ["--app-database-url", good.as_str()];
    for (words, status, told) in [
        (vec![], 2, "--app-database-url"),
        ([&app[..], &["--tenants", "1"]].concat(), 2, "2..=16"),
        ([&app[..], &["--lock-timeout", "0s"]].concat(), 2, "between 1ms"),
        (vec!["--app-database-url", &bad], 1, "as the application does"),
        ([&app[..], &["--http", "http://[::1]:1"]].concat(), 1, "needs the gateway's config"),
        (
            [&app[..], &["--tenant-column", "nope", "--schema", "nowhere"]].concat(),
            1,
            "has no table with a tenant column",
        ),
    ] {
        let words = [&["--database-url", admin.as_str()][..], &words].concat();
        let output = prove(&[], &words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
        assert!(errors.contains(told) && !errors.contains("hunter2"), "{words:?}: {errors}");
    }
}

pub fn held_by_policies(stand: &Stand) {
    let address = &stand.cluster().address;
    let mut at = app(address, "app_user", "onlineshop");
    at.extend(["--database-url".to_owned(), at[1].clone()]);
    let proof: Value = report(&at, &[]);
    let reason = proof["gaps"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("log in as a role that sees all of them"), "{reason}");
    assert_eq!(cells(&proof, "held"), BTreeSet::new());
}

/// Every kind of column, in tables without rows: one behind policies, one without.
const EMPTY: &str = "
    create type mood as enum ('sad', 'happy');
    create table tenants (id uuid primary key, name varchar(3) not null);
    create table item (
        tenant_id uuid not null references tenants, id bigint generated always as identity,
        mood mood not null, tags text[] not null, at timestamptz not null, extra jsonb not null,
        price numeric(6, 2) not null check (price >= 0), primary key (tenant_id, id)
    );
    create table line (tenant_id uuid not null, item bigint not null, body text,
        foreign key (tenant_id, item) references item (tenant_id, id));
    create table strange (tenant_id uuid not null, body text not null check (body = 'a secret'));
    alter table item enable row level security;
    create policy own on item
        using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
    grant select, insert, update, delete on all tables in schema public to app_user";

pub fn scratch(stand: &Stand) {
    let name = "prove_scratch";
    let mut at = rls::database(stand, name);
    let address = &stand.cluster().address;
    at.extend(app(address, "app_user", name));
    let mut direct = address.connect(name);
    direct.query(EMPTY);
    let before = state(&mut direct);
    let gaps = |proof: &Value| proof["gaps"].as_array().unwrap().len();
    assert_eq!(gaps(&report(&at, &[])), 4);
    let busy = prove(&at, &["--scratch"]);
    let told = String::from_utf8(busy.stderr).unwrap();
    assert!(told.contains("nobody is connected"), "{told}");

    drop(direct);
    wait::until_true("the sessions end", Duration::from_secs(60), || {
        let all = format!("select count(*) from pg_stat_activity where datname = '{name}'");
        address.query("postgres", &all)[0][0].as_deref() == Some("0")
    });
    let proof = report(&at, &["--scratch"]);
    let read = |table: &str| (format!("public.{table}"), "select".to_owned());
    let (crossed, held) = (cells(&proof, "crossed"), cells(&proof, "held"));
    assert!(held.contains(&read("item")) && crossed.contains(&read("line")), "{proof:#}");
    assert_eq!(
        proof["gaps"],
        json!([{
            "object": "public.strange", "reason": "it has no rows",
        }])
    );
    assert!(proof["remarks"].to_string().contains("made up in public.strange"), "{proof:#}");
    assert_eq!((&proof["database"], &proof["scratch"]), (&json!(name), &json!(true)));
    assert_eq!(state(&mut address.connect(name)), before, "something was left behind");
    let copies = "select count(*) from pg_database where datname like 'rowhouse_prove_%'";
    assert_eq!(address.query("postgres", copies)[0][0].as_deref(), Some("0"));
    address.query("postgres", &format!("drop database {name} with (force)"));
}
