//! The corridor under its own rules: lanes, kept statements, pools, and who waits for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::client::Client;
use crate::gateway::Gateway;
use crate::schema::tenant;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "corridor",
        &[
            ("slow_by_its_parameter", slow_by_its_parameter),
            ("tables_that_change", tables_that_change),
            ("tables_that_change_all_the_time", tables_that_change_all_the_time),
            ("more_statements_than_are_kept", more_statements_than_are_kept),
            ("hundreds_at_once", hundreds_at_once),
            ("errors_are_the_callers_own", errors_are_the_callers_own),
            ("callers_that_leave", callers_that_leave),
            ("writes_are_counted", writes_are_counted),
            ("a_queue_that_is_full", a_queue_that_is_full),
            ("idle_connections_end", idle_connections_end),
            ("one_round_trip_for_one_statement", one_round_trip_for_one_statement),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Enough runs to get into the fast lane, if the machine lets the statement look fast.
const OFTEN: i64 = 12;

/// A gateway with one shard, so that lanes and counts are those of one pool.
fn single(stand: &Stand) -> Arc<Gateway> {
    stand.gateway("single", &[("POOL__SHARDS", "1"), ("POOL__FAST_CONNECTIONS", "1")])
}

/// Backends in the role that one trial alone uses, so that they can be counted.
fn backends(stand: &Stand) -> u32 {
    let sql = "select count(*) from pg_stat_activity where usename = 'it_counted'";
    stand.cluster().address.connect("it").value(sql).parse().unwrap()
}

/// A statement that is fast until its parameter makes it slow is sent away, and answered all the
/// same; the others in the fast lane do not wait until it is done.
fn slow_by_its_parameter(stand: &Stand) {
    let gateway = single(stand);
    let slow = gateway.tenant("tenant_1");
    let sql = "select count(*) from generate_series(1, :n)";
    let sent_away = || gateway.metric("rowhouse_statements_sent_away_total", "");
    let rows = 6_000_000;
    wait::until_true("it is sent away", SOON, || {
        for n in 1..=OFTEN {
            assert_eq!(slow.sql(sql).long("n", n).run().value(), n);
        }
        let before = sent_away();
        let running = AtomicBool::new(true);
        let others = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let other = gateway.tenant("tenant_2");
                while running.load(Ordering::Relaxed) {
                    let value = other.execute("select distinct tenant from note").value();
                    assert_eq!(value, "tenant_2");
                    others.fetch_add(1, Ordering::Relaxed);
                }
            });
            let answer = slow.sql(sql).long("n", rows).run();
            running.store(false, Ordering::Relaxed);
            assert_eq!(answer.value(), rows);
        });
        assert!(others.load(Ordering::Relaxed) >= 2, "the others have waited for it");
        // A busy machine may have kept it out of the fast lane this time.
        sent_away() > before
    });
    assert_eq!(slow.sql(sql).long("n", 3).run().value(), 3);
}

/// PostgreSQL refuses a kept statement whose result has changed; callers do not hear of it.
fn tables_that_change(stand: &Stand) {
    let gateway = single(stand);
    let tenant = gateway.tenant("tenant_1");
    let ask = |sql: &str, rows: Value| {
        for _ in 0..OFTEN {
            assert_eq!(tenant.execute(sql).rows(), rows, "{sql}");
        }
    };
    let owner = gateway.app().via("owner");
    let create = "create table shifting as select 1 as a";
    owner.execute(create).ok();
    owner.execute("grant select on shifting to it_app").ok();
    ask("select * from shifting", json!([[1]]));
    for (change, rows) in [
        ("alter table shifting alter a type text using 'text ' || a", json!([["text 1"]])),
        ("alter table shifting add b int default 2", json!([["text 1", 2]])),
        ("alter table shifting alter b type bigint", json!([["text 1", 2]])),
        ("alter table shifting drop a", json!([[2]])),
        ("alter table shifting rename b to c", json!([[2]])),
        ("alter table shifting alter c type float8", json!([[2.0]])),
        ("alter table shifting alter c drop default", json!([[2.0]])),
        ("alter table shifting alter c type int[] using array[1, c]", json!([[[1, 2]]])),
    ] {
        owner.execute(change).ok();
        ask("select * from shifting", rows);
    }
    let described = tenant.sql("select * from shifting").with("includeResultMetadata", true);
    assert_eq!(described.run().json()["columnMetadata"][0]["label"], "c");
    owner.execute("drop table shifting").ok();
    tenant.execute("select * from shifting").fails_with("42P01");
    owner.execute("create table shifting as select 'anew' as x, 'y' as y").ok();
    owner.execute("grant select on shifting to it_app").ok();
    ask("select * from shifting", json!([["anew", "y"]]));
}

fn tables_that_change_all_the_time(stand: &Stand) {
    let gateway = stand.main();
    let owner = gateway.app().via("owner");
    owner.execute("create table restless as select 7 as a").ok();
    owner.execute("grant select on restless to it_app").ok();
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (gateway, running) = (&gateway, &running);
            scope.spawn(move || {
                let tenant = gateway.tenant(&tenant(number));
                while running.load(Ordering::Relaxed) {
                    let value = tenant.execute("select * from restless").value();
                    assert!(value == json!(7) || value == json!("7"), "{value}");
                }
            });
        }
        for round in 0..30 {
            let change = if round % 2 == 0 { "text" } else { "int using a::int" };
            let sql = format!("alter table restless alter a type {change}");
            let answer = owner.execute(&sql);
            if answer.status != 200 {
                running.store(false, Ordering::Relaxed);
                panic!("{}", answer.text());
            }
        }
        running.store(false, Ordering::Relaxed);
    });
}

fn more_statements_than_are_kept(stand: &Stand) {
    let settings =
        [("POOL__PREPARED_MAX", "8"), ("POOL__SHARDS", "1"), ("POOL__FAST_CONNECTIONS", "1")];
    let gateway = stand.gateway("forgetful", &settings);
    let tenant = gateway.tenant("tenant_1");
    for round in 0..8 {
        for number in 0..40 {
            let sql = format!("select {number}, :n, id from note where id = 2");
            assert_eq!(tenant.sql(&sql).long("n", round).run().rows(), json!([[number, round, 2]]));
            // One of them is an error now and then, and is forgotten by both sides.
            let sql = format!("select 10 / :n, {number}");
            let answer = tenant.sql(&sql).long("n", (number + round) % 5).run();
            if (number + round) % 5 == 0 {
                answer.fails_with("22012");
            } else {
                assert_eq!(answer.rows()[0][1], number);
            }
        }
    }
    let kept = "select count(*) from pg_prepared_statements where name like 'rowhouse%'";
    for _ in 0..OFTEN {
        let count = tenant.execute(kept).value().as_i64().unwrap();
        assert!(count <= 9, "{count} kept: eight, and the prologue");
    }
}

/// Every request is on its way before any answer is read.
fn hundreds_at_once(stand: &Stand) {
    let gateway = stand.main();
    for sql in
        ["select tenant, count(*) from note group by tenant", "select tenant, 3 from note limit 1"]
    {
        let mut clients: Vec<(String, Client)> = (0..500)
            .map(|number| {
                let name = tenant(number);
                let mut client = Client::connect(gateway.http);
                client.send(&gateway.tenant(&name).request(sql)).unwrap();
                (name, client)
            })
            .collect();
        for (name, client) in &mut clients {
            assert_eq!(client.receive().unwrap().rows(), json!([[name, 3]]));
        }
    }
}

/// In the fast lane a failing statement stands between others, and fails alone.
fn errors_are_the_callers_own(stand: &Stand) {
    let gateway = single(stand);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let gateway = &gateway;
            scope.spawn(move || {
                let name = tenant(number);
                let person = gateway.tenant(&name);
                let sql = "select 12 / :d, min(tenant) from note";
                for round in 0..60 {
                    let divisor = i64::from((number + round) % 4);
                    let answer = person.sql(sql).long("d", divisor).run();
                    if divisor == 0 {
                        answer.fails_with("22012");
                    } else {
                        assert_eq!(answer.rows(), json!([[12 / divisor, name]]));
                    }
                }
            });
        }
    });
}

fn callers_that_leave(stand: &Stand) {
    let settings = [
        ("POOL__SHARDS", "1"),
        ("POOL__FAST_CONNECTIONS", "1"),
        ("POOL__SLOW_CONNECTIONS", "2"),
        ("POOL__TRANSACTION_CONNECTIONS", "2"),
    ];
    let gateway = stand.gateway("left", &settings);
    let person = || gateway.app().via("counted");
    for sql in ["select pg_sleep(0.05)", "select 1", "select harmless('select pg_sleep(0.02)')"] {
        for _ in 0..20 {
            let mut client = Client::connect(gateway.http);
            client.send(&person().request(sql)).unwrap();
        }
    }
    let caller = person();
    let transaction = caller.begin();
    for _ in 0..5 {
        let mut body = caller.body(json!({"sql": "select pg_sleep(0.1)"}));
        body["transactionId"] = transaction.id.as_str().into();
        let request = caller.prove(&crate::client::Request::post("/Execute", &body));
        Client::connect(gateway.http).send(&request).unwrap();
    }
    // Whoever left has left a transaction that is whole.
    let answer = wait::until("the transaction is free again", SOON, || {
        let answer = transaction.execute("select 'still here'");
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(answer.value(), "still here");
    transaction.commit().ok();
    drop(caller);
    // As many at once as there are connections, and none of them waits for somebody who left.
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| person().execute("select 1 from pg_sleep(0.3)")))
            .collect();
        for run in runs {
            assert_eq!(run.join().unwrap().value(), 1);
        }
    });
    let count = backends(stand);
    assert!(count <= 1 + 2 + 2, "{count} connections, and five are allowed");
    wait::until_true("their connections are over", SOON, || {
        gateway.metric("rowhouse_client_connections", "") <= 0.0
    });
}

/// Tenants write to one row each, many at a time: a statement that is run again counts once.
fn writes_are_counted(stand: &Stand) {
    let gateway = stand.main();
    let (callers, rounds) = (8, 50);
    let add = "update counter set count = count + 1";
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                let person = gateway.tenant("tenant_5");
                for _ in 0..rounds {
                    assert_eq!(person.execute(add).ok().json()["numberOfRecordsUpdated"], 1);
                }
            });
        }
    });
    let count = gateway.tenant("tenant_5").execute("select count from counter").value();
    assert_eq!(count, callers * rounds);
    let others = stand.admin().execute("select sum(count) from counter").word();
    assert_eq!(others, format!("{}", callers * rounds));
}

fn a_queue_that_is_full(stand: &Stand) {
    let settings = [
        ("POOL__SHARDS", "1"),
        ("POOL__SLOW_CONNECTIONS", "1"),
        ("POOL__WAITING_MAX", "2"),
        ("POOL__WAIT_TIMEOUT", "20s"),
    ];
    let gateway = stand.gateway("full", &settings);
    let start = Instant::now();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || {
            scope.spawn(|| {
                let answer = gateway.tenant("tenant_1").execute("select 1 from pg_sleep(0.7)");
                if answer.status != 200 {
                    answer.clone().fails("ServiceUnavailableError", "");
                }
                answer.status
            })
        };
        let runs: Vec<_> = (0..8).map(|_| ask()).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(start.elapsed() < SOON);
    let count = |status: u16| statuses.iter().filter(|each| **each == status).count();
    // One runs and two wait; on a slow machine one may be done before the last has asked.
    assert!(count(200) >= 3, "{statuses:?}");
    assert!(count(503) >= 1, "{statuses:?}");
    assert_eq!(gateway.tenant("tenant_1").execute("select count(*) from note").value(), 3);
}

fn idle_connections_end(stand: &Stand) {
    let settings = [("POOL__SHARDS", "1"), ("POOL__IDLE_TIMEOUT", "1s")];
    let gateway = stand.gateway("quiet", &settings);
    let person = gateway.tenant("tenant_1").via("reader");
    // Other trials use this role as well; here it is enough that the number falls.
    for _ in 0..OFTEN {
        person.execute("select count(*) from note").ok();
        person.execute("select has_lastval()").ok();
    }
    let pid = person.execute("select pg_backend_pid()").word();
    let sql = format!("select count(*) from pg_stat_activity where pid = {pid}");
    let mut direct = stand.cluster().address.connect("it");
    wait::until_true("it is closed", SOON, || direct.value(&sql) == "0");
    assert_eq!(person.execute("select count(*) from note").value(), 3);
}

/// What was four statements is one: prologue and statement arrive together, as one transaction.
fn one_round_trip_for_one_statement(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "select count(*), min(current_setting('app.current_tenant')) from note";
    assert_eq!(tenant.execute(sql).rows(), json!([[3, "tenant_1"]]));
    // The start of the transaction and that of the statement are apart by the prologue only; a
    // round trip between them would show.
    let gap = "select extract(epoch from statement_timestamp() - now())::float8";
    let least = (0..20).map(|_| tenant.execute(gap).value().as_f64().unwrap()).fold(1.0, f64::min);
    assert!(least < 0.001, "{least} s between the prologue and the statement");
}
