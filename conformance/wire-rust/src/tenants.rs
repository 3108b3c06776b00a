//! Many clients of different tenants at once, and connections that are short.

use futures_util::future::join_all;
use libtest_mimic::Trial;

use crate::door::{NOTE, connect};
use crate::trial;

const CLIENTS: usize = 64;
const ROUNDS: usize = 10;

pub fn trials() -> Vec<Trial> {
    vec![trial("no_foreign_rows", no_foreign_rows), trial("short_visits", short_visits)]
}

async fn no_foreign_rows() {
    join_all((0..CLIENTS).map(async |number| {
        let tenant = format!("many-{number}");
        let mut client = connect(&tenant).await;
        for round in 1..=ROUNDS {
            let insert = format!("insert into {NOTE} (body) values ($1)");
            match round % 3 {
                0 => {
                    client.execute(&insert, &[&tenant]).await.expect("insert");
                }
                1 => {
                    let transaction = client.transaction().await.expect("begin");
                    transaction.execute(&insert, &[&tenant]).await.expect("insert");
                    transaction.commit().await.expect("commit");
                }
                _ => {
                    let sql = format!("insert into {NOTE} (body) values ('{tenant}'); select 1");
                    client.batch_execute(&sql).await.expect("a batch");
                }
            }
            let sql = format!("select tenant_id, body from {NOTE}");
            let rows = client.query(&sql, &[]).await.expect("rows");
            let own = rows
                .iter()
                .all(|row| row.get::<_, &str>(0) == tenant && row.get::<_, &str>(1) == tenant);
            assert!(own && rows.len() == round, "{tenant}: {} rows in {round}", rows.len());
        }
    }))
    .await;
}

async fn short_visits() {
    for number in 0..40 {
        let tenant = format!("short-{number}");
        let client = connect(&tenant).await;
        let row = client.query_one("select current_setting('app.current_tenant')", &[]).await;
        assert_eq!(row.expect("a row").get::<_, &str>(0), tenant);
    }
}
