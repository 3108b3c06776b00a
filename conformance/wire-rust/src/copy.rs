//! COPY both ways.

use std::io::Write;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt, TryStreamExt, pin_mut};
use libtest_mimic::Trial;
use tokio_postgres::error::SqlState;

use crate::door::{PLAIN, connect};
use crate::trial;

const ROWS: u64 = 1_000_000;
const ROWS_PER_CHUNK: u64 = 1000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_million_rows", a_million_rows),
        trial("copy_that_fails", copy_that_fails),
        trial("copy_that_is_given_up", copy_that_is_given_up),
    ]
}

async fn a_million_rows() {
    let mut client = connect("1").await;
    let transaction = client.transaction().await.expect("begin");
    let sink = transaction.copy_in(&format!("copy {PLAIN} from stdin")).await.expect("a sink");
    pin_mut!(sink);
    for start in (0..ROWS).step_by(1000) {
        let mut chunk = Vec::new();
        for number in start..start + ROWS_PER_CHUNK {
            writeln!(chunk, "{number}\tnote {number}").expect("memory");
        }
        sink.send(Bytes::from(chunk)).await.expect("sent");
    }
    assert_eq!(sink.finish().await.expect("finished"), ROWS);
    let sql = format!("copy (select id, body from {PLAIN} order by id) to stdout");
    let stream = transaction.copy_out(&sql).await.expect("a stream");
    let rows = stream.try_fold((0, BytesMut::new()), async |(rows, mut last), row| {
        last.clear();
        last.extend_from_slice(&row);
        Ok((rows + 1, last))
    });
    let (rows, last) = rows.await.expect("rows");
    assert_eq!((rows, &last[..]), (ROWS, b"999999\tnote 999999\n".as_slice()));
    transaction.rollback().await.expect("rollback");
    let row = client.query_one(&format!("select count(*) from {PLAIN}"), &[]).await;
    assert_eq!(row.expect("a row").get::<_, i64>(0), 0);
}

async fn copy_that_fails() {
    let client = connect("1").await;
    let sink = client.copy_in(&format!("copy {PLAIN} from stdin")).await.expect("a sink");
    pin_mut!(sink);
    // What is sent after the failure is still on its way, as with any client.
    let _ = sink.send(Bytes::from_static(b"no number\tx\n")).await;
    let error = sink.finish().await.expect_err("no number");
    assert_eq!(error.code(), Some(&SqlState::INVALID_TEXT_REPRESENTATION));
    client.query_one("select 1", &[]).await.expect("it goes on");
}

async fn copy_that_is_given_up() {
    let client = connect("1").await;
    {
        let sink = client.copy_in(&format!("copy {PLAIN} from stdin")).await.expect("a sink");
        pin_mut!(sink);
        sink.send(Bytes::from_static(b"1\tx\n")).await.expect("sent");
    }
    let row = client.query_one(&format!("select count(*) from {PLAIN}"), &[]).await;
    assert_eq!(row.expect("it goes on").get::<_, i64>(0), 0);
    {
        let out = client.copy_out("copy (select generate_series(1, 100000)) to stdout").await;
        let out = out.expect("a stream");
        pin_mut!(out);
        assert!(out.next().await.is_some_and(|row| row.is_ok()));
    }
    client.query_one("select 1", &[]).await.expect("it goes on");
}
