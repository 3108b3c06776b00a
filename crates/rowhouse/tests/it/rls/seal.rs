//! The sealed context in the database: put on, taken back, asked by honest and hostile SQL.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rowhouse::config::SealKeys;
use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::seal::{NONCE_BYTES, Registration, SealKey, SessionKey};
use serde_json::Value;

use super::{RAW, database, flaws, found, printed, tool};
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::postgres::{Address, Direct, OwnServer, SUPERUSER};
use crate::process::{self, rowhouse};
use crate::stand::Stand;

/// Flaws of a sealed database.
const FLAWS: &str = include_str!("seal_flaws.sql");
/// The tenants of [`RAW`].
const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";
/// What a sealed database differs in, as text.
const STATE: &str = "
    select p.polname, p.polrelid::regclass::text, p.polpermissive, pg_get_expr(polqual, polrelid),
        pg_get_expr(polwithcheck, polrelid) from pg_policy p order by 2, 1;
    select d.adrelid::regclass::text, pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
        order by 1, 2;
    select p.proname, p.pronargs from pg_proc p where not has_function_privilege('public',
        p.oid, 'execute') order by 1, 2;
    select l.lanname from pg_language l where has_language_privilege('public', l.oid, 'usage')
        order by 1;
    select c.relname from pg_class c where has_table_privilege('public', c.oid, 'select')
        order by 1;
    select c.relname from pg_class c where relnamespace = 'rowhouse'::regnamespace order by 1;
    select proname from pg_proc where pronamespace = 'rowhouse'::regnamespace order by 1";

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "rls::seal",
        &[
            ("applied_asked_rotated_and_taken_back", applied_and_taken_back),
            ("every_flaw_is_named_and_mended", every_flaw),
        ],
    )
}

fn keys(command: &str, at: &[String], file: &Path, words: &[&str]) -> std::process::Output {
    let mut keys = rowhouse();
    keys.args(["keys", command, "--keys-file"]).arg(file).args(at).args(words);
    process::run(&mut keys)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn current(file: &Path) -> SealKey {
    SealKeys::read(file).unwrap().unwrap().current_key().unwrap().clone()
}

fn begin_session(registration: &Registration) -> String {
    let Registration { key_id, nonce, expiry, mac } = registration;
    format!("select rowhouse.begin_session({key_id}, '{nonce}', {expiry}, '{mac}')")
}

/// A connection of a role, as the gateway makes it.
fn register(direct: &mut Direct, role: &str, key: &SealKey) -> SessionKey {
    let pid = direct.value("select pg_backend_pid()").parse().unwrap();
    let (registration, session) = key.register(pid, role, [7; NONCE_BYTES], now());
    direct.query(&begin_session(&registration));
    session
}

fn token(session: &SessionKey, tenant: &str) -> String {
    session.token(&TenantId::parse(tenant).unwrap(), SessionKey::expiry(now()))
}

/// One transaction as the gateway makes it, and what its last statement says.
fn ask(direct: &mut Direct, token: &str, sql: &str) -> Result<String, String> {
    let answer = direct.try_query(&format!(
        "begin; select rowhouse.enter('{token}', array['app.tenant_id'], 'plain'); {sql}; commit"
    ));
    if answer.is_err() {
        direct.query("rollback");
    }
    answer.map(|rows| rows.last().and_then(|row| row[0].clone()).unwrap_or_default())
}

fn applied_and_taken_back(stand: &Stand) {
    let at = database(stand, "seal_raw");
    let address = &stand.cluster().address;
    address.query("postgres", "create role seal_app login password 'seal_app'");
    let mut direct = address.connect("seal_raw");
    direct.query(RAW);
    let words = ["--app-role", "seal_app", "--tenant-setting", "app.tenant_id", "--scope-keys"];
    printed(&tool("apply", &at, &words));
    let state = |direct: &mut Direct| {
        STATE.split(';').map(|one| format!("{:?}\n", direct.query(one))).collect::<String>()
    };
    let before = state(&mut direct);
    // What is taken back is the seal alone: the journal of the steps before is put away.
    direct.query("create table public.steps as select * from rowhouse.rls_change");
    direct.query("delete from rowhouse.rls_change");

    let sealed = ["--app-role", "seal_app", "--scope-keys", "--sealed"];
    printed(&tool("apply", &at, &sealed));
    assert_eq!(printed(&tool("apply", &at, &sealed)), "nothing is missing\n");
    // A sealed database is known by itself.
    assert_eq!(printed(&tool("apply", &at, &sealed[..2])), "nothing is missing\n");
    let open = found(&at, &["--app-role", "seal_app", "--level", "error"]);
    assert_eq!(Vec::from_iter(open), ["RH114 shop.notes"]);

    let folder = Folder::new("seal");
    let file = folder.file("seal.json");
    printed(&keys("rotate", &at, &file, &[]));
    asked(address, &file);
    hostile(address, &file);
    no_key_is_seen(stand, &file);
    rotated(address, &at, &file);

    printed(&tool("apply", &at, &["--revert"]));
    direct.query("drop table public.steps");
    assert!(before == state(&mut direct), "{before}\n{}", state(&mut direct));
    drop(direct);
    address.query("postgres", "drop database seal_raw with (force)");
    address.query("postgres", "drop role seal_app");
}

fn seal_app(address: &Address) -> Direct {
    address.connect_as("seal_app", "seal_app", "seal_raw")
}

/// PostgreSQL computes what the gateway computes.
fn asked(address: &Address, file: &Path) {
    let key = current(file);
    let mut app = seal_app(address);
    let session = register(&mut app, "seal_app", &key);
    for odd in [ONE, "a.b", "x", "ü' \\' 中", "0", &"ä".repeat(127)] {
        let answer =
            ask(&mut app, &token(&session, odd).replace('\'', "''"), "select rowhouse.tenant()");
        assert_eq!(answer.as_deref(), Ok(odd));
    }
    for (tenant, expected) in [(ONE, "3"), (TWO, "3"), (&ONE.replace('1', "9"), "0")] {
        for table in ["shop.items", "shop.notes"] {
            let count = format!("select count(*) from {table}");
            assert_eq!(ask(&mut app, &token(&session, tenant), &count).as_deref(), Ok(expected));
        }
    }
    let insert = "insert into shop.items (title) values ('mine') returning tenant_id";
    assert_eq!(ask(&mut app, &token(&session, ONE), insert).as_deref(), Ok(ONE));
    let plan = format!(
        "begin; select rowhouse.enter('{}', '{{}}', ''); set local enable_seqscan = off; \
         explain select * from shop.items",
        token(&session, ONE)
    );
    let plan = format!("{:?}", app.query(&plan));
    app.query("rollback");
    assert!(plan.contains("InitPlan") && plan.contains("Index Cond"), "{plan}");
    // Gone with the transaction; and a setting of the plain kind decides nothing.
    assert_eq!(app.value("select rowhouse.tenant()"), "");
    let plain = format!("set app.tenant_id = '{ONE}'; select count(*) from shop.items");
    assert_eq!(app.value(&plain), "0");
    app.query("set rowhouse.strict = on");
    for (token, told) in [
        (String::new(), "rowhouse.context is empty"),
        (token(&session, ONE).replace(".0", ".1"), "holds no token of this connection"),
        (session.token(&TenantId::parse(ONE).unwrap(), now() - 1), "has ended"),
    ] {
        let error = ask(&mut app, &token, "select count(*) from shop.items").unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

/// SQL of the role itself, which knows everything but a key.
fn hostile(address: &Address, file: &Path) {
    let key = current(file);
    let (mut app, mut other) = (seal_app(address), seal_app(address));
    let session = register(&mut app, "seal_app", &key);
    let mine = token(&session, ONE);

    // A token of another connection, before and after that one is registered.
    assert_eq!(ask(&mut other, &mine, "select rowhouse.tenant()").as_deref(), Ok(""));
    register(&mut other, "seal_app", &key);
    assert_eq!(ask(&mut other, &mine, "select rowhouse.tenant()").as_deref(), Ok(""));

    // Tokens that were never made.
    let (mac, claim) = mine.split_once('.').unwrap();
    for forged in [
        format!("{mac}.{}", claim.replace(ONE, TWO)),
        format!("{mac}.9999999999.{ONE}"),
        format!("{}.{claim}", "0".repeat(64)),
        format!("{}.{claim}", mac.to_uppercase()),
        format!(".{mac}.{claim}"),
        format!("{mac}{claim}"),
        mac.to_owned(),
        mine.repeat(2),
        ".".repeat(77),
        "\u{e4}".repeat(100),
        "\\x00".repeat(30),
        "x".repeat(1_000_000),
    ] {
        let answer = ask(&mut app, &forged, "select rowhouse.tenant()");
        assert_eq!(answer.as_deref(), Ok(""), "{}", &forged[..forged.len().min(90)]);
        let count = ask(&mut app, &forged, "select count(*) from shop.items");
        assert_eq!(count.as_deref(), Ok("0"));
    }
    registrations(&mut app, &mut other, &key);
    acts(&mut app, &mine);
    settings(address, &key);
}

fn registrations(app: &mut Direct, other: &mut Direct, key: &SealKey) {
    let pid = |direct: &mut Direct| direct.value("select pg_backend_pid()").parse().unwrap();
    let (own_pid, other_pid): (i32, i32) = (pid(app), pid(other));
    // Registrations that are somebody else's, too old, too young, or made up.
    let registered = |pid: i32, role: &str, at: u64| {
        begin_session(&key.register(pid, role, [7; NONCE_BYTES], at).0)
    };
    let good = registered(own_pid, "seal_app", now());
    for bad in [
        registered(other_pid, "seal_app", now()),
        registered(own_pid, SUPERUSER, now()),
        registered(own_pid, "seal_app", now() - 120),
        registered(own_pid, "seal_app", now() + 3600),
        good.replace("(1, ", "(2, "),
        good.replace("(1, ", "(null, "),
        good.replace("07", "08"),
        "select rowhouse.begin_session(1, null, null, null)".to_owned(),
        "select rowhouse.begin_session(1, '', 9223372036854775807, '')".to_owned(),
    ] {
        let error = app.try_query(&bad).unwrap_err();
        assert!(error.contains("42501") && error.contains("not valid"), "{bad}: {error}");
    }
    app.query(&good);
}

/// What is taken away from everybody.
fn acts(app: &mut Direct, mine: &str) {
    for (sql, code) in [
        ("select * from rowhouse.seal_key", "42501"),
        ("select inner_key from rowhouse.seal_session", "42501"),
        ("insert into rowhouse.seal_key values (9, '', '')", "42501"),
        ("delete from rowhouse.seal_session", "42501"),
        ("set role rowhouse_seal", "42501"),
        ("select set_config('app.x', 'y', true)", "42501"),
        ("select query_to_xml('select 1', true, true, '')", "42501"),
        ("select * from ts_stat('select ''a''::tsvector')", "42501"),
        ("do $$ begin end $$", "42501"),
        ("create function f() returns int language sql return 1", "42501"),
        ("create temporary table items (id int)", "42501"),
        ("create table shop.items_2 (id int)", "42501"),
        ("select lo_create(0)", "42501"),
        ("select pg_advisory_lock(1)", "42501"),
        ("select pg_notify('a', 'b')", "42501"),
        ("select pg_terminate_backend(1)", "42501"),
        ("select * from pg_stat_activity", "42501"),
        ("select * from pg_prepared_statements", "42501"),
        ("select * from pg_stats", "42501"),
        ("update pg_settings set setting = 'off' where name = 'row_security'", "42501"),
        ("select rowhouse.enter('', array['rowhouse.context'], 'x')", "22023"),
        ("select rowhouse.enter('', array['RowHouse.Context'], 'x')", "22023"),
        ("select rowhouse.enter('', array['search_path'], 'x')", "22023"),
        ("select rowhouse.enter('', array['.x'], 'x')", "22023"),
    ] {
        let error = ask(app, mine, sql).unwrap_err();
        assert!(error.contains(code), "{sql}: {error}");
    }
}

/// What may be set for the session does not make the functions say something else.
fn settings(address: &Address, key: &SealKey) {
    for setting in [
        "search_path = shop, pg_catalog",
        "standard_conforming_strings = off",
        "plan_cache_mode = force_custom_plan",
        "transform_null_equals = on",
        "bytea_output = escape",
        "row_security = on",
        "TimeZone = 'Asia/Tokyo'",
        "DateStyle = 'SQL, DMY'",
        "extra_float_digits = -15",
        "client_encoding = 'LATIN1'",
    ] {
        let mut fresh = seal_app(address);
        fresh.query(&format!("set {setting}"));
        let session = register(&mut fresh, "seal_app", key);
        let answer = ask(&mut fresh, &token(&session, TWO), "select rowhouse.tenant()");
        assert_eq!(answer.as_deref(), Ok(TWO), "{setting}");
    }
}

/// `debug_print_plan` shows constants, and a variable of a function becomes one in a plan
/// (PostgreSQL docs, "Error Reporting and Logging"). Shown of a function that has a key in one, and
/// not of those that are called here.
fn no_key_is_seen(stand: &Stand, file: &Path) {
    let address = &stand.cluster().address;
    let key = current(file);
    let log = stand.dev().directory.path().join("postgres.log");
    let start = std::fs::metadata(&log).unwrap().len();
    let printed = "set debug_print_plan = on; set debug_print_parse = on; \
                   set debug_print_rewritten = on; set plan_cache_mode = force_custom_plan";
    let mut app = seal_app(address);
    app.query(printed);
    let session = register(&mut app, "seal_app", &key);
    for _ in 0..2 {
        let answer = ask(&mut app, &token(&session, ONE), "select rowhouse.tenant()");
        assert_eq!(answer.as_deref(), Ok(ONE));
    }
    let mut direct = address.connect("seal_raw");
    let session_key = direct.value(
        "select inner_key from rowhouse.seal_session where pid > 0
        order by registered_at desc limit 1",
    );
    // As plans write constants: every byte a signed decimal number. Lines are broken anywhere.
    let bytes = |hex: &str| {
        let byte = |at: usize| i8::from_str_radix(&hex[at..at + 2], 16);
        let unsigned = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let signed = |at| byte(at).unwrap_or_else(|_| unsigned(at).cast_signed());
        (0..16).map(|at| signed(at * 2).to_string()).collect::<String>()
    };
    let secrets = [
        bytes(key.pads().inner.expose()),
        bytes(key.pads().outer.expose()),
        bytes(session_key.trim_start_matches("\\x")),
    ];
    let logged = || {
        let text = std::fs::read(&log).unwrap();
        let text = String::from_utf8_lossy(&text[usize::try_from(start).unwrap()..]).into_owned();
        text.split_whitespace().collect::<String>()
    };
    let text = logged();
    assert!(text.contains("rowhouse.tenant()") && text.contains(":constvalue"), "nothing printed");
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "a key is in the log");

    direct.query(&format!(
        "create function public.trap() returns bool language plpgsql as $$
         declare secret bytea := (select inner_key from rowhouse.seal_key limit 1); found bool;
         begin select convert_to(relname, 'UTF8') = secret into found from pg_class limit 1;
         return found; end $$; {printed}; select public.trap(); drop function public.trap()"
    ));
    assert!(
        logged().contains(&secrets[0]),
        "the trap shows no key, so that the rest proves nothing"
    );
}

fn rotated(address: &Address, at: &[String], file: &Path) {
    let mut app = seal_app(address);
    let session = register(&mut app, "seal_app", &current(file));
    let words = ["--format", "json"];
    let output = printed(&keys("rotate", at, file, &words));
    let told: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((told["current"].as_i64(), current(file).id().get()), (Some(2), 2));
    // Who came before stays, who comes now comes by the new key.
    let mut newer = seal_app(address);
    let of_newer = register(&mut newer, "seal_app", &current(file));
    let lives = |direct: &mut Direct, session: &SessionKey| {
        ask(direct, &token(session, ONE), "select rowhouse.tenant()").unwrap() == ONE
    };
    assert!(lives(&mut app, &session) && lives(&mut newer, &of_newer));
    let list = printed(&keys("list", at, file, &[]));
    assert!(list.contains("key 1: ") && list.contains("current\n"), "{list}");
    assert!(list.contains("database seal_raw") && list.contains("keys 1, 2"), "{list}");

    assert_eq!(printed(&keys("retire", at, file, &[])), "no key is old enough\n");
    let refused = keys("retire", at, file, &["--older-than", "0s"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("still use keys 1"), "{told}");
    assert!(lives(&mut app, &session) && SealKeys::read(file).unwrap().unwrap().keys().len() == 2);
    let text = printed(&keys("retire", at, file, &["--older-than", "0s", "--force"]));
    assert!(text.starts_with("keys 1 are in no database"), "{text}");
    assert!(!lives(&mut app, &session) && lives(&mut newer, &of_newer));
    assert_eq!(SealKeys::read(file).unwrap().unwrap().keys().len(), 1);

    // Half-way: the second database is none, so the first one is left alone.
    let socket = address.socket.display();
    let (port, password) = (address.port, &address.password);
    let url = format!("postgres://{SUPERUSER}:{password}@/it?host={socket}&port={port}");
    let output = keys("rotate", at, file, &["--database-url", &url]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("apply --sealed"), "{errors}");
    assert_eq!(current(file).id().get(), 2);
    // The file cannot be written: the key in the database is nobody's, and the next one is above.
    let output = keys("rotate", at, &file.join("nowhere"), &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("cannot be read"), "{errors}");
    let output = keys("rotate", at, &file.with_file_name("no/where.json"), &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("nothing has changed for any gateway"), "{errors}");
    printed(&keys("rotate", at, file, &[]));
    assert_eq!(current(file).id().get(), 4);
}

/// A server of its own: what is wrong with the role of the keys is so for every database.
fn every_flaw(stand: &Stand) {
    let server = OwnServer::start_like(stand.cluster());
    let address = &server.address;
    let socket = address.socket.display();
    let at = |login: &str| {
        let url = format!("postgres://{login}@/sealed?host={socket}&port={}", address.port);
        vec!["--database-url".to_owned(), url]
    };
    address.query(
        "postgres",
        "create role sealed_app login; create role sealed_op login createrole password 'op'",
    );
    address.query("postgres", "create database sealed owner sealed_op");
    let table = "create table public.item (tenant_id text, id uuid, primary key (tenant_id, id))";
    let mut op = address.connect_as("sealed_op", "op", "sealed");
    op.query(table);
    let words = ["--app-role", "sealed_app", "--sealed"];
    by_an_operator(address, &at("sealed_op:op"), &words);

    let root = at(&format!("{SUPERUSER}:of%20the%20trials"));
    printed(&tool("apply", &root, &words));
    let mut direct = address.connect("sealed");
    let app = ["--app-role", "sealed_app"];
    assert_eq!(found(&root, &app), BTreeSet::new());
    // The owner of a schema drops what stands in it, whoever owns that.
    direct.query("alter schema rowhouse owner to sealed_app");
    assert!(found(&root, &app).contains("RH701 schema rowhouse"));
    printed(&tool("apply", &root, &words));
    assert_eq!(found(&root, &app), BTreeSet::new());
    let flaws = flaws(FLAWS);
    assert!(flaws.len() >= 18, "{}", flaws.len());
    for flaw in &flaws {
        direct.query(&flaw.broken);
    }
    let expected: BTreeSet<String> = flaws.iter().flat_map(|flaw| flaw.found.clone()).collect();
    let told = found(&root, &app);
    let missed: Vec<_> = expected.difference(&told).collect();
    let invented: Vec<_> = told.difference(&expected).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
    for flaw in flaws.iter().filter(|flaw| !flaw.mended.is_empty()) {
        direct.query(&flaw.mended);
    }
    printed(&tool("apply", &root, &words));
    assert_eq!(found(&root, &app), BTreeSet::new());
    printed(&tool("apply", &root, &["--revert"]));
    let roles = "select count(*) from pg_roles where rolname = 'rowhouse_seal'";
    assert_eq!(direct.value(roles), "0");
}

/// Who is no superuser seals what can be sealed without one, and is told the rest.
fn by_an_operator(address: &Address, at: &[String], words: &[&str]) {
    let output = tool("apply", at, words);
    printed(&output);
    let errors = String::from_utf8_lossy(&output.stderr);
    for what in ["set_config(", "lo_create(", "pg_stat_activity", "language plpgsql"] {
        let line = errors.lines().find(|line| line.contains(what)).unwrap_or_default();
        assert!(line.contains("it takes a superuser to revoke"), "{what}: {errors}");
    }
    assert_eq!(printed(&tool("apply", at, words)), "nothing is missing\n");
    let folder = Folder::new("operator");
    let file = folder.file("seal.json");
    printed(&keys("rotate", at, &file, &[]));
    printed(&keys("rotate", at, &file, &[]));
    printed(&keys("retire", at, &file, &["--older-than", "0s"]));
    let mut op = address.connect_as("sealed_op", "op", "sealed");
    assert_eq!(op.value("select string_agg(id::text, ',') from rowhouse.seal_key"), "2");
    op.try_query("select inner_key from rowhouse.seal_key").unwrap_err();
    let session = register(&mut op, "sealed_op", &current(&file));
    let answer = ask(&mut op, &token(&session, "t"), "select rowhouse.tenant()");
    assert_eq!(answer.as_deref(), Ok("t"));
}
