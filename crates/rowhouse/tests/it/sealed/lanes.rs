//! Every way that a statement can take: tenants see their own there, and connections are reset
//! between two of them.

use std::collections::BTreeMap;
use std::thread;

use serde_json::json;

use super::database::at;
use crate::answer::Answer;
use crate::stand::Stand;

/// Enough runs for a statement that is clean and fast to get into the fast lane.
const OFTEN: usize = 8;
/// A machine that is busy with something else lets nothing into the fast lane for a while.
const ROUNDS_MAX: usize = 2000;
/// What everybody asks for.
pub const NOTES: &str = "select body from note order by id";

fn notes(answer: Answer) -> Vec<String> {
    let rows = answer.ok().json()["records"].clone();
    let texts = rows.as_array().unwrap().iter();
    texts.map(|row| row[0]["stringValue"].as_str().unwrap_or("NULL").to_owned()).collect()
}

/// Insists that somebody sees all of its notes and nobody else's.
#[track_caller]
pub fn sees_its_own(answer: Answer, tenant: &str) {
    let own: Vec<String> = (1..=3).map(|i| format!("note {i} of {tenant}")).collect();
    assert_eq!(notes(answer), own);
}

/// Alone, in batches, together, in a transaction; slow and fast.
pub fn tenants_see_their_own(stand: &Stand) {
    let stage = stand.sealed();
    for tenant in ["tenant_1", "tenant_2"] {
        let person = stage.tenant(tenant);
        for _ in 0..OFTEN {
            sees_its_own(person.execute(NOTES), tenant);
        }
        // A statement that may look at the session has a connection as new.
        sees_its_own(
            person.execute(&format!("{NOTES} limit (select count(*) from pg_class)")),
            tenant,
        );
        let one = json!([{"name": "id", "value": {"longValue": 100}}]);
        let two = json!([{"name": "id", "value": {"longValue": 101}}]);
        person.batch("insert into note (id, body) values (:id, 'batch')", &json!([one, two])).ok();
        let seen = person.execute("delete from note where id >= 100 returning tenant, body");
        let rows = seen.ok().json()["records"].clone();
        assert_eq!(
            rows,
            json!([[{"stringValue": tenant}, {"stringValue": "batch"}],
            [{"stringValue": tenant}, {"stringValue": "batch"}]])
        );
        let statements = json!({"statements": [{"sql": "select 1"}, {"sql": NOTES}]});
        let answer = person.call("/ExecuteTransaction", &person.body(statements));
        let together = answer.ok().json();
        assert_eq!(
            together["results"][1]["records"].as_array().map(Vec::len),
            Some(3),
            "{together}"
        );
        // What the catalog says is looked up on a connection of the same tenant.
        let described = person.sql(NOTES).with("includeResultMetadata", true).run().ok().json();
        assert_eq!(described["columnMetadata"][0]["tableName"], "note", "{described}");
        // Types that PostgreSQL cannot infer are found out behind the same prologue.
        let answer = person.sql("select :a || body from note order by id").text("a", "").run();
        sees_its_own(answer, tenant);
    }
}

/// What is cheap and known goes to the fast lane, where tenants take turns on one connection.
pub fn lanes_are_reset_between_tenants(stand: &Stand) {
    let stage = stand.sealed();
    let one = [
        ("POOL__SHARDS", "1"),
        ("POOL__FAST_CONNECTIONS", "1"),
        ("POOL__SLOW_CONNECTIONS", "1"),
        ("POOL__FAST_STATEMENT_TIMEOUT", "5s"),
    ];
    let gateway = stage.gateway(&one);
    let persons = ["tenant_1", "tenant_2"].map(|tenant| at(gateway.tenant(tenant)));
    // The operator's view shows what the gateway keeps on the connection of the fast lane, which
    // a statement on the view itself could not see there.
    let kept = "select statement from kept where name <> 'rowhouse_prologue' order by 1";
    for _ in 0..OFTEN {
        for (person, tenant) in persons.iter().zip(["tenant_1", "tenant_2"]) {
            sees_its_own(person.execute(NOTES), tenant);
            person.execute(kept).ok();
        }
    }
    let marked = format!("{NOTES} limit 3");
    let (mut in_fast_lane, mut rounds) = (0, 0);
    while rounds < 2 * OFTEN || (in_fast_lane == 0 && rounds < ROUNDS_MAX) {
        rounds += 1;
        sees_its_own(persons[0].execute(&marked), "tenant_1");
        let seen = notes(persons[1].execute(kept));
        assert!(!seen.contains(&marked), "{seen:?}");
        // Alone on a connection it is not kept under a name.
        in_fast_lane += usize::from(seen == [kept]);
    }
    assert!(in_fast_lane > 0, "never in the fast lane behind the other tenant");
}

/// Twenty tenants at once, each many times, on few connections: nobody sees anybody.
pub fn many_tenants_at_once(stand: &Stand) {
    let stage = stand.sealed();
    let seen: BTreeMap<usize, ()> = thread::scope(|scope| {
        let threads: Vec<_> = (1..=20)
            .map(|number| {
                scope.spawn(move || {
                    let tenant = format!("tenant_{number}");
                    let person = stage.tenant(&tenant);
                    for round in 0..30 {
                        sees_its_own(person.execute(NOTES), &tenant);
                        if round % 10 == 0 {
                            let transaction = person.begin();
                            sees_its_own(transaction.execute(NOTES), &tenant);
                            transaction.commit().ok();
                        }
                    }
                    number
                })
            })
            .collect();
        threads.into_iter().map(|thread| (thread.join().unwrap(), ())).collect()
    });
    assert_eq!(seen.len(), 20);
}

/// The context comes again before every statement, whatever the one before it did.
pub fn transactions(stand: &Stand) {
    let stage = stand.sealed();
    let person = stage.tenant("tenant_3");
    let transaction = person.begin();
    sees_its_own(transaction.execute(NOTES), "tenant_3");
    // The context can be lost by one's own doing; the next statement has it again.
    transaction.execute("select rowhouse.enter('', '{}', '')").ok();
    sees_its_own(transaction.execute(NOTES), "tenant_3");
    transaction.execute("savepoint s").ok();
    transaction.execute("select 1 / 0").fails("DatabaseErrorException", "division by zero");
    transaction.execute("rollback to savepoint s").ok();
    sees_its_own(transaction.execute(NOTES), "tenant_3");
    transaction.execute("declare c cursor for select body from note order by id").ok();
    sees_its_own(transaction.execute("fetch all from c"), "tenant_3");
    transaction.execute("close c").ok();
    transaction.rollback().ok();
}

/// `set_config` is taken from everybody; what the gateway sets itself does without.
pub fn ours_without_set_config(stand: &Stand) {
    let stage = stand.sealed();
    let person = stage.tenant("tenant_4");
    let path = |call: crate::person::Call<'_>| {
        let answer = call.with("schema", "of_mine").run().ok().json();
        answer["records"][0][0]["stringValue"].clone()
    };
    assert_eq!(path(person.sql("show search_path")), "of_mine");
    let transaction = person.begin();
    assert_eq!(path(transaction.sql("show search_path")), "of_mine");
    transaction.commit().ok();
    let transaction = person.begin();
    for call in [person.sql(NOTES), transaction.sql(NOTES)] {
        sees_its_own(call.with("continueAfterTimeout", true).run(), "tenant_4");
    }
    transaction.commit().ok();
    person.execute("select set_config('app.x', '1', true)").fails("DatabaseErrorException", "");
}

/// An application has no tenant there, whatever it sets; the administrator has what its role has.
pub fn app_and_admin(stand: &Stand) {
    let stage = stand.sealed();
    let app = at(stage.gateway.app());
    assert!(notes(app.execute(NOTES)).is_empty());
    let transaction = app.begin();
    transaction.execute("set local app.current_tenant = 'tenant_1'").ok();
    assert!(notes(transaction.execute(NOTES)).is_empty());
    transaction.rollback().ok();
    let admin = stage.gateway.admin().naming("database", super::database::DATABASE);
    let count = admin.execute("select count(*) from note where id <= 3").ok().json();
    assert_eq!(count["records"][0][0]["longValue"], json!(60));
}
