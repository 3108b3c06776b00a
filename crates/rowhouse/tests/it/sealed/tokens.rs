//! Tokens, forged and stolen, and what else a tenant could try on the sealed context itself. Routes
//! that have nothing to do with it are in the attack suite.

use serde_json::Value;

use crate::answer::Answer;
use crate::stand::Stand;

/// What tenant_1 must never see.
const THEIRS: [&str; 2] = ["of tenant_2", "tenant-two"];
const ALL: &str = "select string_agg(body, ',') from note";

/// Words for `rowhouse.context`, made of tenant_1's own token and of one of tenant_2's: the mac has
/// 64 characters, behind a point come ten of the end, behind another one the tenant.
fn forged(own: &str, theirs: &str) -> Vec<String> {
    let (mac, claim) = own.split_at(64);
    let end = &claim[1..11];
    let their_mac = &theirs[..64];
    let zeros = "0".repeat(64);
    vec![
        // Somebody else's, taken from its own connection.
        theirs.to_owned(),
        format!("{mac}.{end}.tenant_2"),
        format!("{their_mac}.{end}.tenant_2"),
        format!("{their_mac}.9999999999.tenant_2"),
        format!("{mac}.9999999999.tenant_2"),
        format!("{zeros}.{end}.tenant_2"),
        format!("{}.{end}.tenant_2", "f".repeat(64)),
        format!("{}.{end}.tenant_2", mac.to_uppercase()),
        format!("{mac}{claim}.tenant_2"),
        format!("{mac}{claim}\ntenant_2"),
        format!("{own}{theirs}"),
        format!("{theirs}{own}"),
        format!(".{end}.tenant_2"),
        format!("{mac}..tenant_2"),
        format!("{mac}.tenant_2"),
        format!("{}.{end}.tenant_2", &mac[..63]),
        format!("{mac}0.{end}.tenant_2"),
        format!(" {mac}.{end}.tenant_2"),
        format!("{mac}.{end}.tenant_2 "),
        format!("{mac}.-000000001.tenant_2"),
        format!("{mac}.infinity99.tenant_2"),
        format!("{mac}.0x7fffffff.tenant_2"),
        "tenant_2".to_owned(),
        "..tenant_2".to_owned(),
        format!("{}é.{end}.tenant_2", "0".repeat(62)),
        "x".repeat(100_000),
    ]
}

#[track_caller]
fn shows_nothing_of_theirs(what: &str, answer: &Answer) {
    let text = answer.text();
    assert!(!THEIRS.iter().any(|secret| text.contains(secret)), "{what}: {text}");
    assert!([200, 400].contains(&answer.status), "{what}: {} {text}", answer.status);
}

fn token(answer: Answer) -> String {
    let text = answer.ok().json()["records"][0][0]["stringValue"].clone();
    let Value::String(token) = text else { panic!("{text}") };
    assert!(token.len() > 76, "{token}");
    token
}

/// Whatever is put in the place of the token, in the statement or before it.
pub fn forged_and_stolen_tokens(stand: &Stand) {
    let stage = stand.sealed();
    let (alice, bob) = (stage.tenant("tenant_1"), stage.tenant("tenant_2"));
    let own = "select current_setting('rowhouse.context')";
    // In a transaction of its own bob has another connection than alice.
    let his = bob.begin();
    let hers = alice.begin();
    let (theirs, own) = (token(his.execute(own)), token(hers.execute(own)));
    for (number, word) in forged(&own, &theirs).into_iter().enumerate() {
        let enter = "rowhouse.enter(:word, '{app.current_tenant}', 'tenant_2')";
        for sql in [
            format!("select {enter}"),
            format!("with e as materialized (select {enter}) select body from note, e"),
            format!("select body, {enter} from note"),
            format!("select {enter}, (select string_agg(body, ',') from note)"),
            format!("select body from note where {enter} is not null order by id"),
            format!("select body from (select {enter} offset 0) e, lateral ({ALL}) a(body)"),
            format!("select rowhouse.tenant(), {enter}, rowhouse.tenant(), ({ALL})"),
            format!("update note set body = body where {enter} is null returning body"),
            format!("insert into note select 'tenant_2', 9, {enter}::text returning body"),
        ] {
            if number % 4 == 0 {
                shows_nothing_of_theirs(&sql, &alice.sql(&sql).text("word", &word).run());
            }
            // A statement that fails must not cost the others their transaction.
            hers.execute("savepoint s").ok();
            shows_nothing_of_theirs(&sql, &hers.sql(&sql).text("word", &word).run());
            hers.execute("rollback to savepoint s").ok();
            shows_nothing_of_theirs(&sql, &hers.execute(ALL));
        }
    }
    // One's own, from before, on the same connection: that is oneself.
    let again = "with e as materialized (select rowhouse.enter(:word, '{}', '')) \
                 select rowhouse.tenant() from e";
    let seen = hers.sql(again).text("word", &own).run().ok().json();
    assert_eq!(seen["records"][0][0]["stringValue"], "tenant_1");
    hers.rollback().ok();
    his.rollback().ok();
    let untouched = "select count(*) from note where tenant = 'tenant_2'";
    assert_eq!(stage.address.connect(super::database::DATABASE).value(untouched), "3");
}

/// Keys, registrations, functions: what there is to take hold of.
pub fn keys_are_out_of_reach(stand: &Stand) {
    let stage = stand.sealed();
    let alice = stage.tenant("tenant_1");
    for sql in [
        "select * from rowhouse.seal_key",
        "select * from rowhouse.seal_session",
        "select inner_key from rowhouse.seal_session where pid = pg_backend_pid() for update",
        "insert into rowhouse.seal_key values (9, repeat('6', 64)::bytea, repeat('\\', 64)::bytea)",
        "insert into rowhouse.seal_session values (pg_backend_pid(), 1, '', '')",
        "delete from rowhouse.seal_session",
        "select rowhouse.begin_session(1, repeat('0', 32), extract(epoch from now())::bigint + 60,
            repeat('0', 64))",
        "select rowhouse.begin_session(1, null, null, null)",
        "select rowhouse.enter('', '{rowhouse.context}', 'x')",
        "select rowhouse.enter('', '{search_path}', 'pg_temp')",
        "select rowhouse.enter('', '{ROWHOUSE.strict}', 'x')",
        "select set_config('rowhouse.context', '', true)",
        "set rowhouse.context = 'x'",
        "set local rowhouse.context = 'x'",
    ] {
        alice.execute(sql).fails("DatabaseErrorException", "");
    }
    // The source of the functions is everybody's; there is no secret in it.
    let source =
        alice.execute("select prosrc from pg_proc where pronamespace = 'rowhouse'::regnamespace");
    assert!(source.ok().text().contains("sha256"));
}

/// What an error holds of rows stays behind.
pub fn errors_tell_no_values(stand: &Stand) {
    let stage = stand.sealed();
    let alice = stage.tenant("tenant_1");
    let transaction = alice.begin();
    for sql in [
        "insert into mail values (default, 'secret@tenant-two.example', 1)",
        "insert into mail values (default, 'own@tenant-one.example', -77)",
        "insert into note values ('tenant_2', 77, 'secret-of-mine')",
        "select nosuch from mail",
        "select lower(1)",
    ] {
        let answers = [
            alice.execute(sql),
            alice.batch(sql, &serde_json::json!([[], []])),
            transaction.execute("savepoint s").ok(),
            transaction.execute(sql),
            transaction.execute("rollback to savepoint s").ok(),
        ];
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            let text = answer.text();
            let told =
                ["Detail", "Hint", "Where", "tenant-", "77"].iter().find(|w| text.contains(**w));
            assert_eq!(told, None, "{sql}: {text}");
            assert_eq!(answer.sqlstate().len(), 5, "{text}");
        }
    }
    transaction.rollback().ok();
    let position = alice.execute("select nosuch from mail").message();
    assert!(position.contains("Position: 8"), "{position}");
    // Elsewhere they are the caller's own.
    let standard = stand.tenant("tenant_1").execute("select nosuch from note");
    assert!(standard.message().contains("Position: 8"), "{}", standard.message());
    let detail = stand.tenant("tenant_1").execute("insert into child values ('tenant_1', 1, 1)");
    assert!(detail.message().contains("Detail: "), "{}", detail.message());
}
