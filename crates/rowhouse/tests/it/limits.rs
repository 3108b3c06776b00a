//! What tenants may use: beyond it they are told so, and nobody else notices.

mod shares;

use std::thread;
use std::time::Duration;

use rowhouse_protocol::frontend;

use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, configuration};
use crate::person::Person;
use crate::registry::ground::Roll;
use crate::reload::{RELOADED, reload};
use crate::stand::Stand;
use crate::token;
use crate::wait;
use crate::wire::client::Client;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "limits",
        &[
            ("requests_per_second", requests_per_second),
            ("requests_per_day_over_all_shards", requests_per_day_over_all_shards),
            ("requests_at_once", requests_at_once),
            ("open_transactions", open_transactions),
            ("database_time", database_time),
            ("a_shorter_timeout_and_a_smaller_result", a_shorter_timeout_and_a_smaller_result),
            ("the_registry_changes_them", the_registry_changes_them),
            ("a_reload_changes_them", a_reload_changes_them),
            ("tried_out_in_the_shadow", tried_out_in_the_shadow),
            ("at_the_postgresql_door", at_the_postgresql_door),
            ("where_the_time_went", where_the_time_went),
        ],
    );
    cases.extend(shares::cases());
    cases
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// More calls than any limit here lets through.
const MANY: usize = 500;

/// A configuration with one tier of these limits.
pub fn text(stand: &Stand, tier: &str) -> String {
    format!("{}[[tier]]\nname = 'standard'\n{tier}\n", configuration(&stand.cluster().address))
}

/// A gateway where every tenant has these limits, with two shards.
fn gateway(stand: &Stand, tier: &str) -> Gateway {
    Gateway::serve_text(&text(stand, tier), &[("POOL__SHARDS", "2")])
}

/// Calls until one is refused.
fn until_refused(person: &Person) -> (usize, Answer) {
    let calls = (0..MANY).map(|number| (number, person.execute("select 1")));
    let refused = calls.into_iter().find(|(_, answer)| answer.status != 200);
    refused.expect("no limit")
}

/// Refused for now.
fn throttled(answer: &Answer, sentence: &str) {
    assert_eq!((answer.status, answer.exception()), (429, "ThrottlingException"));
    assert!(answer.message().starts_with(sentence), "{}", answer.message());
    assert!(answer.header("retry-after").is_some());
}

fn requests_per_second(stand: &Stand) {
    let gateway = gateway(stand, "requests_per_second = 1\nburst = 4");
    let one = gateway.tenant("tenant_1");
    let answer = one.execute("select 1").ok();
    assert_eq!(answer.header("ratelimit-policy"), Some("\"requests\";q=4;w=4"));
    assert!(answer.header("ratelimit").unwrap().starts_with("\"requests\";r=3;t="));
    let (_, refused) = until_refused(&one);
    assert_eq!((refused.status, refused.exception()), (429, "ThrottlingException"));
    let sentence = "Rate exceeded: 1 requests per second are allowed. Try again in 1 s.";
    assert_eq!(refused.message(), sentence);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"requests\";r=0;t="));
    // Nobody else has used anything, and who is no tenant has no tier.
    gateway.tenant("tenant_2").execute("select 1").ok();
    for _ in 0..8 {
        let answer = gateway.app().execute("select 1").ok();
        assert_eq!(answer.header("ratelimit"), None);
    }
    // Whoever waits as long as it was told is served.
    wait::until_true("served again", SOON, || one.execute("select 1").status == 200);
    assert!(gateway.metric("rowhouse_refusals_total", "requests_per_second") > 0.0);
}

fn requests_per_day_over_all_shards(stand: &Stand) {
    let gateway = gateway(stand, "requests_per_day = 7\nrequests_per_month = 1000");
    let crowd: Vec<Person> = (0..6).map(|_| gateway.tenant("tenant_1")).collect();
    let today = token::now() / 86_400;
    let answers: Vec<Answer> =
        crowd.iter().cycle().take(20).map(|person| person.execute("select 1")).collect();
    if token::now() / 86_400 != today {
        return;
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 7);
    let refused = &answers[19];
    assert_eq!((refused.status, refused.exception()), (429, "QuotaExceededException"));
    let told = refused.message();
    assert!(
        told.starts_with("The quota of 7 requests per day is used up. Try again in "),
        "{told}"
    );
    let policy = refused.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"day\";q=7;w=86400, \"month\";q=1000;w="), "{policy}");
    let state = refused.header("ratelimit").unwrap();
    assert!(state.starts_with("\"day\";r=0;t=") && state.contains("\"month\";r=993;t="), "{state}");
    // What fails for another reason has been answered as well.
    let two = gateway.tenant("tenant_2");
    assert_eq!(two.execute("select nonsense").status, 400);
    assert!(two.execute("select 1").header("ratelimit").unwrap().starts_with("\"day\";r=5"));
}

/// Statements that wait until the lock is free; gives what ends them.
fn held(stand: &Stand, gateway: &Gateway, key: u32, count: usize) -> impl FnOnce() -> Vec<u16> {
    let mut direct = stand.cluster().address.connect("it");
    direct.query(&format!("select pg_advisory_lock({key})"));
    let sql = format!("select pg_advisory_xact_lock_shared({key})");
    let held: Vec<_> = (0..count)
        .map(|_| {
            let (person, sql) = (gateway.tenant("tenant_1"), sql.clone());
            thread::spawn(move || person.execute(&sql).status)
        })
        .collect();
    let waiting = format!(
        "select count(*)::text from pg_locks where locktype = 'advisory' and objid = {key} and \
         not granted"
    );
    wait::until_true("they wait", SOON, || {
        let seen = stand.cluster().address.query("it", &waiting);
        seen.first().and_then(|row| row.first()?.clone()) == Some(count.to_string())
    });
    move || {
        direct.query(&format!("select pg_advisory_unlock({key})"));
        held.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

fn requests_at_once(stand: &Stand) {
    let gateway = gateway(stand, "concurrency = 2");
    let end = held(stand, &gateway, 7101, 2);
    let one = gateway.tenant("tenant_1");
    let refused = one.execute("select 1");
    throttled(&refused, "Rate exceeded: 2 requests at once are allowed.");
    gateway.tenant("tenant_2").execute("select 1").ok();
    assert_eq!(end(), [200, 200]);
    wait::until_true("their turns are over", SOON, || one.execute("select 1").status == 200);
}

fn open_transactions(stand: &Stand) {
    let gateway = gateway(stand, "transactions = 1");
    let (one, again) = (gateway.tenant("tenant_1"), gateway.tenant("tenant_1"));
    let open = one.begin();
    let body = again.body(serde_json::json!({}));
    let refused = again.call("/BeginTransaction", &body);
    throttled(&refused, "1 open transactions at once are allowed.");
    open.execute("select 1").ok();
    open.commit().ok();
    again.begin().rollback().ok();
}

fn database_time(stand: &Stand) {
    // Five seconds' worth of 100 ms may be owed; this takes more.
    let gateway = gateway(stand, "database_ms_per_second = 100");
    let one = gateway.tenant("tenant_1");
    one.execute("select pg_sleep(0.8)").ok();
    let refused = one.execute("select 1");
    throttled(&refused, "Rate exceeded: 100 ms of database time per second");
    let two = gateway.tenant("tenant_2");
    two.execute("select 1").ok();
    // What fails has taken its time as well, in a transaction and out of one.
    let late = "select 1 / (case when pg_sleep(0.8) is null then 1 else 0 end)";
    two.execute(late).fails_with("22012");
    throttled(&two.execute("select 1"), "Rate exceeded: 100 ms of database time per second");
    let three = gateway.tenant("tenant_3");
    let open = three.begin();
    open.execute("select pg_sleep(0.8)").ok();
    throttled(&open.execute("select 1"), "Rate exceeded: 100 ms of database time per second");
    wait::until_true("it is paid back", SOON, || one.execute("select 1").status == 200);
}

fn a_shorter_timeout_and_a_smaller_result(stand: &Stand) {
    let gateway = gateway(stand, "statement_timeout = '300ms'\nresult_bytes_max = '2KiB'");
    let one = gateway.tenant("tenant_1");
    let timeout = |answer: Answer| {
        assert_eq!(answer.exception(), "StatementTimeoutException", "{}", answer.text());
    };
    timeout(one.execute("select pg_sleep(60)"));
    timeout(one.begin().execute("select pg_sleep(60)"));
    one.execute("select repeat('x', 1000)").ok();
    let refused = one.execute("select repeat('x', 3000)");
    let sentence = "Database returned more than the allowed response size limit";
    refused.fails("BadRequestException", sentence);
    let mut client = Client::login(&gateway, "one", "it");
    assert!(client.ask("select pg_sleep(60)").shown().starts_with("57014"));
    assert_eq!(client.ask("select 1").shown(), "1");
}

fn the_registry_changes_them(stand: &Stand) {
    let roll = Roll::new(stand, "roll_limits");
    let gold = "[[tier]]\nname = 'standard'\n[[tier]]\nname = 'gold'\nrequests_per_day = 1000000\n";
    let gateway = Gateway::serve_text(&(roll.text("") + gold), &[("POOL__SHARDS", "2")]);
    let crowd: Vec<Person> = (0..6).map(|_| gateway.tenant("tenant_1")).collect();
    let policy = |expected: Option<&str>| {
        wait::until_true("the policy", SOON, || {
            crowd
                .iter()
                .all(|person| person.execute("select 1").header("ratelimit-policy") == expected)
        });
    };
    policy(None);
    roll.done(&["add", "tenant_1", "--tier", "gold"]);
    policy(Some("\"day\";q=1000000;w=86400"));
    roll.done(&["set", "tenant_1", "requests_per_day=900000"]);
    policy(Some("\"day\";q=900000;w=86400"));
    roll.done(&["set", "tenant_1", "requests_per_day=1"]);
    wait::until_true("refused", SOON, || {
        crowd
            .iter()
            .all(|person| person.execute("select 1").exception() == "QuotaExceededException")
    });
    roll.done(&["set", "tenant_1", "requests_per_day="]);
    policy(Some("\"day\";q=1000000;w=86400"));
}

fn a_reload_changes_them(stand: &Stand) {
    let gateway = gateway(stand, "");
    let one = gateway.tenant("tenant_1");
    assert_eq!(one.execute("select 1").ok().header("ratelimit"), None);
    gateway.rewrite(&text(stand, "requests_per_day = 1"));
    reload(&gateway, RELOADED);
    until_refused(&one);
    gateway.rewrite(&text(stand, "requests_per_day = 100000"));
    reload(&gateway, RELOADED);
    wait::until_true("served again", SOON, || one.execute("select 1").status == 200);
}

fn tried_out_in_the_shadow(stand: &Stand) {
    let shadow = "requests_per_day = 1\nconcurrency = 1\n[admission]\nmode = 'shadow'";
    let gateway = gateway(stand, shadow);
    let one = gateway.tenant("tenant_1");
    (0..5).for_each(|_| drop(one.execute("select 1").ok()));
    let end = held(stand, &gateway, 7102, 2);
    assert_eq!(end(), [200, 200]);
    assert!(gateway.metric("rowhouse_refusals_total", "mode=\"shadow\"") >= 4.0);
    assert_eq!(gateway.metric("rowhouse_refusals_total", "mode=\"enforce\""), 0.0);
}

fn where_the_time_went(stand: &Stand) {
    let person = stand.tenant("tenant_1");
    let timing = |answer: &Answer| -> Vec<f64> {
        let text = answer.header("server-timing").unwrap().to_owned();
        let names: Vec<&str> = text.split(", ").filter_map(|part| part.split(';').next()).collect();
        assert_eq!(names, ["queue", "db", "total"]);
        text.split("dur=")
            .skip(1)
            .map(|rest| rest.split(',').next().unwrap().parse().unwrap())
            .collect()
    };
    let told = timing(&person.execute("select pg_sleep(0.2)").ok());
    // Clocks differ: the sleep of 200 ms has been seen to take 199.9.
    assert!(told[1] >= 150.0 && told[2] >= told[1], "{told:?}");
    // An answer that PostgreSQL was not asked for has cost nothing there.
    assert_eq!(timing(&person.via("nobody").execute("select 1"))[..2], [0.0, 0.0]);
}

fn at_the_postgresql_door(stand: &Stand) {
    let gateway = gateway(stand, "requests_per_day = 4");
    let mut client = Client::login(&gateway, "one", "it");
    let mut pinned = Client::login(&gateway, "one", "it");
    let today = token::now() / 86_400;
    assert_eq!(pinned.ask("create temp table mine (id int)").error, None);
    (0..2).for_each(|_| assert_eq!(client.ask("select 1").shown(), "1"));
    assert_eq!(pinned.ask("select count(*) from mine").shown(), "0");
    let refused = client.ask("select 1").shown();
    if token::now() / 86_400 != today {
        return;
    }
    let told = "53400 The quota of 4 requests per day is used up.";
    assert!(refused.starts_with(told), "{refused}");
    // Both protocols, and the session goes on.
    client.send(|buf| {
        frontend::parse(buf, "", "select 1", &[]).unwrap();
        frontend::bind(buf, "", "", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    assert!(client.reply().shown().starts_with(told));
    assert!(client.ask("select 1").shown().starts_with(told));
    // Who keeps a connection has to give it back when nothing is left.
    pinned.send(|buf| frontend::query(buf, "select count(*) from mine").unwrap());
    assert_eq!(pinned.last_words().code.as_str(), "53400");
    let mut other = Client::login(&gateway, "two", "it");
    assert_eq!(other.ask("select 1").shown(), "1");
}
