//! Queries, prepared statements, portals, transactions, cancellation, errors.

use std::time::SystemTime;

use futures_util::future::join_all;
use futures_util::{TryStreamExt, pin_mut};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, NoTls, SimpleQueryMessage};

use crate::door::{NOTE, connect, login, until_running};
use crate::trial;

const LARGE: usize = 10_000_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("values", values),
        trial("pipelining", pipelining),
        trial("prepared_across_transactions", prepared_across_transactions),
        trial("statements_that_come_and_go", statements_that_come_and_go),
        trial("portals", portals),
        trial("savepoints", savepoints),
        trial("errors", errors),
        trial("simple_queries", simple_queries),
        trial("cancel", cancel),
        trial("large_values", large_values),
        trial("notices_and_notifications", notices_and_notifications),
    ]
}

async fn values() {
    let client = connect("1").await;
    macro_rules! there_and_back {
        ($($name:literal: $type:ty = $value:expr;)*) => {$(
            let given: $type = $value;
            let sql = format!("select $1::{}", $name);
            let row = client.query_one(&sql, &[&given]).await.expect($name);
            assert_eq!(row.get::<_, $type>(0), given, $name);
        )*};
    }
    there_and_back! {
        "bool": bool = true;
        "int2": i16 = i16::MIN;
        "int4": i32 = i32::MAX;
        "int8": i64 = i64::MIN;
        "float4": f32 = 0.5;
        "float8": f64 = f64::MAX;
        "text": String = "grün 🏠 'q' \\".to_owned();
        "text": Option<String> = None;
        "bytea": Vec<u8> = (0..=255).collect();
        "int4[]": Vec<Option<i32>> = vec![Some(1), None];
        "text[]": Vec<String> = vec![String::new(), "a,b".to_owned()];
        "jsonb": Value = json!({"a": [1, null, "ä"]});
        "timestamptz": SystemTime = SystemTime::UNIX_EPOCH;
    }
    let row = client.query_one("select 1 as n, 'x'::varchar as v", &[]).await.expect("a row");
    let types: Vec<&Type> = row.columns().iter().map(|column| column.type_()).collect();
    assert_eq!(types, [&Type::INT4, &Type::VARCHAR]);
}

/// Futures polled together are messages sent together.
async fn pipelining() {
    let client = connect("1").await;
    let statement = client.prepare("select $1::int4 * 2").await.expect("prepared");
    let numbers: Vec<i32> = (0..500).collect();
    let found = join_all(numbers.iter().map(async |number| {
        let row = client.query_one(&statement, &[number]).await.expect("a row");
        row.get::<_, i32>(0)
    }));
    let expected: Vec<i32> = numbers.iter().map(|number| number * 2).collect();
    assert_eq!(found.await, expected);
    // One that fails takes none of the others along.
    let sql = ["select 1", "select 1 / 0", "select nothing", "select 2"];
    let found = join_all(sql.map(async |sql| client.query(sql, &[]).await.map(|rows| rows.len())));
    let found: Vec<bool> = found.await.iter().map(Result::is_ok).collect();
    assert_eq!(found, [true, false, false, true]);
}

async fn prepared_across_transactions() {
    let mut clients = [connect("p-one").await, connect("p-two").await];
    let insert = format!("insert into {NOTE} (body) values ($1)");
    let count = format!("select count(*), min(tenant_id) from {NOTE}");
    let mut statements = Vec::new();
    for client in &clients {
        let both = (client.prepare(&insert).await, client.prepare(&count).await);
        statements.push((both.0.expect("insert"), both.1.expect("count")));
    }
    for turn in 1..=6_i64 {
        for (client, (insert, count)) in clients.iter_mut().zip(&statements) {
            let transaction = client.transaction().await.expect("begin");
            transaction.execute(insert, &[&"x"]).await.expect("insert");
            transaction.commit().await.expect("commit");
            let row = client.query_one(count, &[]).await.expect("count");
            assert_eq!(row.get::<_, i64>(0), turn);
            assert!(row.get::<_, String>(1).starts_with("p-"));
        }
    }
}

async fn statements_that_come_and_go() {
    let client = connect("1").await;
    for number in 0..300 {
        let statement = client.prepare(&format!("select {number} + $1::int4")).await;
        let row = client.query_one(&statement.expect("prepared"), &[&1_i32]).await.expect("a row");
        assert_eq!(row.get::<_, i32>(0), number + 1);
    }
    let error = client.prepare("selec 1").await.expect_err("a syntax error");
    assert_eq!(error.code(), Some(&SqlState::SYNTAX_ERROR));
}

async fn portals() {
    let mut client = connect("1").await;
    let transaction = client.transaction().await.expect("begin");
    let numbers = transaction.bind("select generate_series(1, 1000)", &[]).await.expect("a portal");
    let letters = transaction.bind("select 'x' from generate_series(1, 5)", &[]).await;
    let letters = letters.expect("another portal");
    let mut seen = Vec::new();
    for max in [10, 490, 0] {
        let rows = transaction.query_portal(&numbers, max).await.expect("rows");
        seen.push(rows.len());
        assert!(transaction.query_portal(&letters, 1).await.expect("letters").len() == 1);
    }
    assert_eq!(seen, [10, 490, 500]);
    transaction.commit().await.expect("commit");
}

async fn savepoints() {
    let mut client = connect("save").await;
    let insert = format!("insert into {NOTE} (body) values ($1)");
    let mut outer = client.transaction().await.expect("begin");
    outer.execute(&insert, &[&"kept"]).await.expect("insert");
    let inner = outer.transaction().await.expect("savepoint");
    inner.execute(&insert, &[&"lost"]).await.expect("insert");
    let error = inner.execute("select 1 / 0", &[]).await.expect_err("an error");
    assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    let error = inner.execute("select 1", &[]).await.expect_err("a failed transaction");
    assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    inner.rollback().await.expect("rollback to");
    outer.commit().await.expect("commit");
    let rows = client.query(&format!("select body from {NOTE}"), &[]).await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["kept"]);
}

async fn errors() {
    let client = connect("1").await;
    let insert = format!("insert into {NOTE} (tenant_id, body) values ('2', 'x')");
    for (sql, code) in [
        ("select 1 / 0", SqlState::DIVISION_BY_ZERO),
        ("select nothing", SqlState::UNDEFINED_COLUMN),
        ("select * from nowhere", SqlState::UNDEFINED_TABLE),
        ("select 'x'::int4", SqlState::INVALID_TEXT_REPRESENTATION),
        ("drop table public.tenant", SqlState::INSUFFICIENT_PRIVILEGE),
        (&insert, SqlState::INSUFFICIENT_PRIVILEGE),
    ] {
        let error = client.query(sql, &[]).await.expect_err(sql);
        assert_eq!(error.code(), Some(&code), "{sql}: {error}");
        client.query_one("select 1", &[]).await.expect("it goes on");
    }
    let wrong: &[&(dyn ToSql + Sync)] = &[];
    assert!(client.query("select $1::int4", wrong).await.is_err(), "too few parameters");
}

async fn simple_queries() {
    let client = connect("simple").await;
    let sql = format!("insert into {NOTE} (body) values ('a'); select body from {NOTE}; select 2");
    let messages = client.simple_query(&sql).await.expect("messages");
    let shown: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("null").to_owned()),
            SimpleQueryMessage::CommandComplete(rows) => Some(format!("{rows} rows")),
            _ => None,
        })
        .collect();
    assert_eq!(shown, ["1 rows", "a", "1 rows", "2", "1 rows"]);
    client.batch_execute("begin; select 1; commit; begin; rollback").await.expect("a batch");
}

async fn cancel() {
    let client = connect("1").await;
    let token = client.cancel_token();
    let cancelling = async {
        until_running("% /* rust */").await;
        token.cancel_query(NoTls).await.expect("cancelled");
    };
    let sleeping = client.batch_execute("select pg_sleep(60) /* rust */");
    let (slept, ()) = tokio::join!(sleeping, cancelling);
    assert_eq!(slept.expect_err("cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    client.query_one("select 1", &[]).await.expect("it goes on");
}

async fn large_values() {
    let client = connect("1").await;
    let data: Vec<u8> = (0..=255).cycle().take(LARGE).collect();
    let row = client.query_one("select $1::bytea", &[&data]).await.expect("bytes");
    assert!(row.get::<_, Vec<u8>>(0) == data, "other bytes");
    let sql = format!("select repeat('x', {LARGE}) from generate_series(1, 5)");
    let nothing: [&(dyn ToSql + Sync); 0] = [];
    let rows = client.query_raw(&sql, nothing).await.expect("rows");
    pin_mut!(rows);
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await.expect("a row") {
        bytes += row.get::<_, &str>(0).len();
    }
    assert_eq!(bytes, 5 * LARGE);
}

async fn notices_and_notifications() {
    let (client, mut connection) = login("1").connect(NoTls).await.expect("the door opens");
    let asking = async {
        client.batch_execute("do $$ begin raise notice 'hello'; end $$").await.expect("a notice");
        client.batch_execute("listen rust_news").await.expect("listening");
        let other = connect("1").await;
        other.batch_execute("select pg_notify('rust_news', 'news')").await.expect("said");
        std::future::pending::<()>().await;
    };
    let mut heard = Vec::new();
    let hearing = async {
        while heard.len() < 2 {
            let message = std::future::poll_fn(|cx| connection.poll_message(cx)).await;
            match message.expect("a message").expect("a good one") {
                AsyncMessage::Notice(notice) => heard.push(notice.message().to_owned()),
                AsyncMessage::Notification(news) => heard.push(news.payload().to_owned()),
                _ => {}
            }
        }
    };
    tokio::select! { () = asking => {}, () = hearing => {} }
    assert_eq!(heard, ["hello", "news"]);
}
