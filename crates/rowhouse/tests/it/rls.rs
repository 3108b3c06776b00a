//! `rowhouse rls`: on a database with every flaw once, and on its mended twin.

mod seal;

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::postgres::SUPERUSER;
use crate::process::{self, rowhouse};
use crate::stand::Stand;

/// What makes the database of the flaws.
pub const PREPARE: &str = include_str!("rls/prepare.sql");
/// The flaws, each with what mends it.
pub const FLAWS: &str = include_str!("rls/flaws.sql");
/// A database that nobody has thought of tenants in.
const RAW: &str = include_str!("rls/raw.sql");
/// All that `apply` may change, as text.
const STATE: &str = "
    select c.relname, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, array(
            select a::text from unnest(coalesce(c.relacl, acldefault('r', c.relowner))) a
            where c.relkind <> 'S' order by 1
        )
        from pg_class c where c.relnamespace = 'shop'::regnamespace
            and c.relname not like '%_idx' order by 1;
    select conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'shop'::regnamespace order by 1;
    select polname from pg_policy order by 1;
    select attrelid::regclass::text, attname, attnotnull, atthasdef from pg_attribute
        where attrelid::regclass::text like 'shop.%' and attnum > 0 order by 1, 2;
    select rolname from pg_roles where rolname like 'plan%' order by 1";

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = seal::cases();
    cases.extend(suite(
        "rls",
        &[
            ("every_flaw_is_named_and_its_mended_twin_is_well", every_flaw),
            ("the_demo_data_are_well", the_demo_data_are_well),
            ("two_thousand_tables", two_thousand_tables),
            ("what_is_accepted", what_is_accepted),
            ("wrong_use_is_told", wrong_use_is_told),
            ("applied_from_nothing_and_taken_back", applied_and_taken_back),
            ("seeds_from_nothing", seeds_from_nothing),
            ("an_apply_that_must_wait_changes_nothing", a_locked_table),
            ("other_engines_get_what_they_accept", other_engines),
            ("a_configuration_names_place_and_role", a_configuration),
        ],
    ));
    cases
}

/// One case of the file.
#[derive(Default)]
pub struct Flaw {
    /// Found at warning or above.
    found: Vec<String>,
    /// Found as information.
    noted: Vec<String>,
    /// What makes it.
    pub broken: String,
    /// What mends it.
    pub mended: String,
}

/// The cases of a file.
pub fn flaws(file: &str) -> Vec<Flaw> {
    let mut flaws: Vec<Flaw> = Vec::new();
    let (mut in_head, mut in_mended) = (false, false);
    for line in file.lines() {
        let named = line.strip_prefix("-- flaw ").or(line.strip_prefix("-- info "));
        if let Some(named) = named {
            if !in_head {
                flaws.push(Flaw::default());
            }
            (in_head, in_mended) = (true, false);
            let flaw = flaws.last_mut().unwrap();
            let list = if line.contains("flaw") { &mut flaw.found } else { &mut flaw.noted };
            list.push(named.to_owned());
            continue;
        }
        in_head = false;
        if line == "-- mended" {
            in_mended = true;
        } else if let Some(flaw) = flaws.last_mut() {
            let text = if in_mended { &mut flaw.mended } else { &mut flaw.broken };
            text.push_str(line);
            text.push('\n');
        }
    }
    flaws
}

/// A new database, and the words that point `rowhouse rls` at it.
pub fn database(stand: &Stand, name: &str) -> Vec<String> {
    let address = &stand.cluster().address;
    address.query("postgres", &format!("create database {name}"));
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    let url = format!("postgres://{SUPERUSER}:{password}@/{name}?host={socket}&port={port}");
    vec!["--database-url".to_owned(), url]
}

fn doctor(at: &[String], words: &[&str]) -> Output {
    process::run(rowhouse().args(["rls", "doctor"]).args(at).args(words))
}

/// Codes and objects; the exit status must go with them.
fn found(at: &[String], words: &[&str]) -> BTreeSet<String> {
    let output = doctor(at, &[words, &["--format", "json"]].concat());
    let list: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let list = list.as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!list.is_empty())), "{output:?}");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    list.iter()
        .map(|one| {
            assert!(!text(one, "message").is_empty() && !text(one, "fix").is_empty(), "{one}");
            format!("{} {}", text(one, "code"), text(one, "object"))
        })
        .collect()
}

fn every_flaw(stand: &Stand) {
    let at = database(stand, "doctor");
    let address = &stand.cluster().address;
    address.query("postgres", "create role doctor_app login; create role doctor_other");
    let mut direct = address.connect("doctor");
    direct.query(PREPARE);
    let flaws = flaws(FLAWS);
    assert!(flaws.len() >= 45, "{}", flaws.len());
    for flaw in &flaws {
        direct.query(&flaw.broken);
    }
    let app = ["--app-role", "doctor_app"];
    let expected: BTreeSet<String> = flaws.iter().flat_map(|flaw| flaw.found.clone()).collect();
    let told = found(&at, &app);
    let missed: Vec<_> = expected.difference(&told).collect();
    let invented: Vec<_> = told.difference(&expected).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
    let notes = found(&at, &[&app[..], &["--level", "info"]].concat());
    for note in flaws.iter().flat_map(|flaw| &flaw.noted) {
        assert!(notes.contains(note), "{note} is not among the notes");
    }

    for flaw in &flaws {
        direct.query(&flaw.mended);
    }
    assert_eq!(found(&at, &app), BTreeSet::new());
    direct.query("drop owned by doctor_app; drop role doctor_app");
}

fn the_demo_data_are_well(stand: &Stand) {
    let address = &stand.cluster().address;
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    for name in ["postgres", "onlineshop", "rls_vip"] {
        let url = format!("postgres://{SUPERUSER}:{password}@/{name}?host={socket}&port={port}");
        let at = ["--database-url".to_owned(), url];
        // What PostgreSQL gives everybody in every database is not the demo's affair.
        let found = found(&at, &["--app-role", "app_user", "--level", "error"]);
        assert_eq!(found, BTreeSet::new(), "{name}");
    }
}

fn two_thousand_tables(stand: &Stand) {
    let at = database(stand, "doctor_many");
    let address = &stand.cluster().address;
    address.query(
        "doctor_many",
        "
        do $$ begin for i in 1..2000 loop
            execute format('create table t%s (tenant_id int not null, id int, body text)', i);
            execute format('create policy own on t%s using (tenant_id = 1)', i);
        end loop; end $$",
    );
    let words = ["--app-role", "pg_database_owner", "--format", "json"];
    let output = doctor(&at, &words);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_code = |code: &str| {
        list.as_array().unwrap().iter().filter(|finding| finding["code"] == code).count()
    };
    assert_eq!((of_code("RH102"), of_code("RH401")), (2000, 2000));
    address.query("postgres", "drop database doctor_many");
}

fn what_is_accepted(stand: &Stand) {
    let at = database(stand, "doctor_accept");
    let address = &stand.cluster().address;
    address.query("doctor_accept", "create table item (tenant_id int not null primary key)");
    let folder = Folder::new("accept");
    let file = folder.write(
        "accept.toml",
        "
        [[accept]]
        code = 'RH101'
        object = 'public.item'
        reason = 'nobody uses it yet'
        [[accept]]
        code = 'RH101'
        object = 'public.gone'
        reason = 'was dropped'
        [[accept]]
        code = 'RH601'
        reason = 'until the migration'
        until = '2020-01-01'
    ",
    );
    let app = ["--app-role", "app_user", "--level", "warning"];
    let all = found(&at, &app);
    assert!(all.contains("RH101 public.item") && all.contains("RH601 doctor_accept"), "{all:?}");
    let accept = [&app[..], &["--accept", file.to_str().unwrap()]].concat();
    let open = found(&at, &accept);
    let gone: Vec<_> = all.difference(&open).collect();
    assert_eq!(gone, ["RH101 public.item"]);
    let told = String::from_utf8(doctor(&at, &accept).stderr).unwrap();
    assert!(told.contains("not found: RH101 public.gone (was dropped)"), "{told}");
    assert!(told.contains("no longer accepted: RH601"), "{told}");

    let fixed = folder.path().join("fix.sql");
    let output = doctor(&at, &[&app[..], &["--fix", fixed.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let script = std::fs::read_to_string(fixed).unwrap();
    assert!(script.contains("\nalter table public.item force row level security;\n"), "{script}");
    address.query("doctor_accept", &script);
    let after = found(&at, &app);
    assert!(!after.contains("RH101 public.item"), "{after:?}");
    address.query("postgres", "drop database doctor_accept");
}

fn wrong_use_is_told(stand: &Stand) {
    let address = &stand.cluster().address;
    let socket = address.socket.display();
    let url = |rest: &str| vec!["--database-url".to_owned(), format!("postgres://{rest}")];
    let right =
        format!("{SUPERUSER}:{}@/postgres?host={socket}&port={}", address.password, address.port);
    let folder = Folder::new("wrong");
    let file = folder.write("accept.toml", "[[accept]]\ncode = 'RH999'\nreason = 'x'\n[other]\n");
    let file = file.to_str().unwrap();
    for (at, words, status, told) in [
        (url(&right), vec!["--app-role", "nobody_at_all"], 1, "there is no role nobody_at_all"),
        (url("u:hunter2@127.0.0.1:1/d"), vec![], 1, "cannot connect to database d"),
        (url("127.0.0.1/d"), vec![], 1, "no user is named"),
        (url(&right), vec!["--format", "pdf"], 2, "possible values"),
        (url(&right), vec!["--accept", file], 1, "there is no code \"RH999\""),
        (url(&right), vec!["--accept", "/nowhere/at/all"], 1, "cannot read /nowhere/at/all"),
    ] {
        let output = doctor(&at, &words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
        assert!(errors.contains(told) && !errors.contains("hunter2"), "{words:?}: {errors}");
    }
}

fn tool(command: &str, at: &[String], words: &[&str]) -> Output {
    process::run(rowhouse().args(["rls", command]).args(at).args(words))
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a role sees as a tenant, directly.
fn count_as(stand: &Stand, role: &str, database: &str, tenant: &str, table: &str) -> String {
    let mut direct = stand.cluster().address.connect(database);
    let rows = direct.query(&format!(
        "set role \"{role}\"; set app.tenant_id = '{tenant}'; select count(*) from {table}"
    ));
    rows[0][0].clone().unwrap()
}

fn applied_and_taken_back(stand: &Stand) {
    let at = database(stand, "plan_raw");
    let address = &stand.cluster().address;
    let mut direct = address.connect("plan_raw");
    direct.query(RAW);
    let state = |direct: &mut crate::postgres::Direct| {
        STATE.split(';').map(|one| format!("{:?}\n", direct.query(one))).collect::<String>()
    };
    let before = state(&mut direct);
    let words = [
        "--app-role",
        "plan App",
        "--tenant-setting",
        "app.tenant_id",
        "--scope-keys",
        "--tenant-role",
        "plan_one=00000000-0000-0000-0000-000000000001",
        "--bypass-role",
        "plan_jobs",
    ];
    let script = printed(&tool("plan", &at, &words));
    assert!(script.contains("create role \"plan App\" login"), "{script}");
    assert_eq!(before, state(&mut direct), "a plan changes nothing");

    let done = printed(&tool("apply", &at, &words));
    assert!(done.contains("steps done"), "{done}");
    let left = printed(&tool("plan", &at, &words));
    assert!(left.contains("Nothing is missing"), "{left}");
    assert_eq!(printed(&tool("apply", &at, &words)), "nothing is missing\n");
    let open =
        found(&at, &["--app-role", "plan App", "--level", "error", "--tenant-column", "tenant_id"]);
    // The one thing that a plan leaves to people: a table without a tenant column.
    assert_eq!(Vec::from_iter(open), ["RH114 shop.notes"]);
    for (tenant, expected) in [
        ("00000000-0000-0000-0000-000000000001", "3"),
        ("00000000-0000-0000-0000-000000000009", "0"),
        ("", "0"),
    ] {
        for table in ["shop.items", "shop.notes"] {
            assert_eq!(count_as(stand, "plan App", "plan_raw", tenant, table), expected, "{table}");
        }
    }
    assert_eq!(count_as(stand, "plan_jobs", "plan_raw", "", "shop.items"), "6");

    let back = printed(&tool("apply", &at, &["--revert"]));
    assert!(back.contains("steps taken back"), "{back}");
    assert!(before == state(&mut direct), "{before}\n{}", state(&mut direct));
    assert_eq!(printed(&tool("apply", &at, &["--revert"])), "0 steps taken back\n");
    address.query("postgres", "drop database plan_raw with (force)");
}

fn seeds_from_nothing(stand: &Stand) {
    let at = database(stand, "plan_seeds");
    let address = &stand.cluster().address;
    address.query(
        "plan_seeds",
        "
        create table tenant (tenant_id integer primary key, tenant_name text);
        create table users (tenant_id text, user_id bigint, primary key (tenant_id, user_id));
        create table product (tenant_id varchar not null, product_id int, name varchar);
        create schema sh_vip;
        create table sh_vip.t_user (tenant_id bigint, user_id bigint, tenant_name varchar(64));
        create table tenants (id uuid primary key default gen_random_uuid(), name text not null);
        create table items (
            id uuid primary key default gen_random_uuid(), title text not null,
            \"tenantRef\" uuid not null references tenants (id)
        )",
    );
    for shape in ["plain", "floor"] {
        let words = [
            "--app-role",
            "app_user",
            "--tenant-setting",
            "app.tenant_id",
            "--shape",
            shape,
            "--tenant-column",
            "tenant_id",
            "--tenant-column",
            "\"tenantRef\"",
        ];
        printed(&tool("apply", &at, &words));
        assert_eq!(printed(&tool("apply", &at, &words)), "nothing is missing\n", "{shape}");
        let words = [
            "--app-role",
            "app_user",
            "--level",
            "error",
            "--tenant-column",
            "tenant_id",
            "--tenant-column",
            "\"tenantRef\"",
        ];
        assert_eq!(found(&at, &words), BTreeSet::new(), "{shape}");
    }
    address.query("postgres", "drop database plan_seeds with (force)");
}

fn a_locked_table(stand: &Stand) {
    let at = database(stand, "plan_locked");
    let address = &stand.cluster().address;
    let mut other = address.connect("plan_locked");
    other.query("create table a (tenant_id int); create table b (tenant_id int)");
    other.query("begin; select * from b");
    let output = tool("apply", &at, &["--app-role", "app_user", "--lock-timeout", "200ms"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("lock timeout") && errors.contains("nothing was changed"), "{errors}");
    other.query("commit");
    let rows = other.query("select count(*) from pg_policy");
    assert_eq!(rows[0][0].as_deref(), Some("0"));
    printed(&tool("apply", &at, &["--app-role", "app_user"]));
    drop(other);
    address.query("postgres", "drop database plan_locked with (force)");
}

fn other_engines(stand: &Stand) {
    let at = database(stand, "plan_engines");
    let address = &stand.cluster().address;
    address.query("plan_engines", "create table a (tenant_id int)");
    let script =
        |engine: &str| printed(&tool("plan", &at, &["--app-role", "app_user", "--engine", engine]));
    for engine in ["postgres", "yugabyte"] {
        assert!(script(engine).contains("tenant_id = (select nullif("), "{engine}");
    }
    for engine in ["citus", "cockroach"] {
        let script = script(engine);
        assert!(script.contains("tenant_id = nullif(current_setting("), "{script}");
        assert!(!script.contains("(select"), "{script}");
        assert_eq!(script.contains("concurrently"), engine == "citus", "{script}");
    }
    let json = tool("plan", &at, &["--app-role", "app_user", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&json.stdout).unwrap();
    for step in plan["steps"].as_array().unwrap() {
        for key in ["object", "reason", "sql", "revert"] {
            assert!(step[key].as_str().is_some_and(|text| !text.is_empty()), "{step}");
        }
    }
    address.query("postgres", "drop database plan_engines with (force)");
}

fn a_configuration(stand: &Stand) {
    let file = stand.dev().directory.file("rowhouse.toml");
    let at = vec!["--config".to_owned(), file.to_str().unwrap().to_owned()];
    for name in ["postgres", "onlineshop", "rls_vip"] {
        let words = ["--database", name, "--level", "error"];
        assert_eq!(found(&at, &words), BTreeSet::new(), "{name}");
    }
    let plan = printed(&tool("plan", &at, &["--database", "rls_vip"]));
    assert!(plan.contains("database rls_vip"), "{plan}");
    let owner = "arn:aws:secretsmanager:us-east-1:000000000000:secret:owner";
    for (words, status, told) in [
        (vec![], 1, "name one with --database"),
        (vec!["--database", "nowhere"], 1, "has no database nowhere"),
        (vec!["--database", "rls_vip", "--secret", "arn:none"], 1, "has no secret arn:none"),
        (vec!["--secret", "arn:none", "--database-url", "postgres://u@/d"], 2, "cannot be used"),
        // Whoever owns the tables sees the same catalog.
        (vec!["--database", "rls_vip", "--secret", owner, "--level", "error"], 0, ""),
    ] {
        let output = doctor(&at, &words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
        assert!(errors.contains(told), "{words:?}: {errors}");
    }
}
