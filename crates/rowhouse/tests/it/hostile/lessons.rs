//! What the gateway learns of a statement from one caller and uses for all: nobody teaches it what
//! is wrong for the others.

use serde_json::json;

use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "hostile::lessons",
        &[
            ("types_of_a_table_in_the_way", types_of_a_table_in_the_way),
            ("columns_of_a_table_in_the_way", columns_of_a_table_in_the_way),
        ],
    )
}

/// One shard and nothing learnt yet.
fn unlearned(stand: &Stand) -> Gateway {
    Gateway::serve(&stand.cluster().address, &[("POOL__SHARDS", "1")])
}

/// With a temporary table in the place of theirs, the first to run a statement makes PostgreSQL
/// refuse the types of its parameters; or accept what it refuses with the others' table.
fn types_of_a_table_in_the_way(stand: &Stand) {
    let mut gateway = unlearned(stand);
    let cases = [
        // `date + unknown` could be several operators: so it would be text from then on, which
        // nobody can add to a bigint.
        ("date", "id + :x", json!(2)),
        ("date", "id - :x", json!(0)),
        // Here a text is taken, and there it has to be a bigint.
        ("text", "case when id = :x then 1 end", json!(1)),
    ];
    for (number, (column, expression, expected)) in cases.into_iter().enumerate() {
        let sql = format!("select {expression} from note order by id limit 1 /* {number} */");
        let hostile = gateway.tenant("tenant_1");
        let other = gateway.tenant("tenant_2");
        for _ in 0..2 {
            let transaction = hostile.begin();
            let own = format!("create temp table note (id {column}, tenant text)");
            transaction.execute(&own).ok();
            transaction.sql(&sql).text("x", "1").run();
            transaction.rollback();
            assert_eq!(other.sql(&sql).text("x", "1").run().ok().value(), expected, "{sql}");
            let transaction = other.begin();
            let answer = transaction.sql(&sql).text("x", "1").run();
            assert_eq!(answer.ok().value(), expected, "{sql}");
            transaction.rollback();
        }
    }
    assert!(gateway.process.stop().success());
}

/// The columns of the table in the way are not those of the others' answers.
fn columns_of_a_table_in_the_way(stand: &Stand) {
    let mut gateway = unlearned(stand);
    let sql = "select * from note order by id limit 1";
    let (hostile, other) = (gateway.tenant("tenant_1"), gateway.tenant("tenant_2"));
    let expected = json!([["tenant_2", 1, "note 1 of tenant_2"]]);
    for _ in 0..6 {
        let transaction = hostile.begin();
        transaction.execute("create temp table note (id bytea, secret json, a int[])").ok();
        transaction.execute("insert into note values ('x', '{}', '{1}')").ok();
        transaction.sql(sql).with("includeResultMetadata", true).run().ok();
        transaction.rollback();
        let answer = other.sql(sql).with("includeResultMetadata", true).run().ok();
        assert_eq!(answer.rows(), expected);
        assert_eq!(answer.json()["columnMetadata"][0]["name"], "tenant", "{}", answer.text());
    }
    assert!(gateway.process.stop().success());
}
