//! Transactions: how they end, what is inside of them only, who may use them.

use aws_sdk_rdsdata::Client;
use aws_sdk_rdsdata::types::Field;
use libtest_mimic::Trial;

use crate::callers::{ADMIN, APP_USER, CLUSTER_ARN, admin, app, execute, one, text};
use crate::trial;

const TABLE: &str = "conformance_rust_transactions";

/// The trials.
pub fn trials() -> Vec<Trial> {
    vec![
        trial("transactions::commit_rollback_savepoint", commit_rollback_savepoint),
        trial("transactions::the_tenant_of_an_application", the_tenant_of_an_application),
    ]
}

async fn begin(client: &Client, secret: &str) -> String {
    let begun = client.begin_transaction().resource_arn(CLUSTER_ARN).secret_arn(secret);
    begun.send().await.unwrap().transaction_id.unwrap()
}

async fn commit(client: &Client, secret: &str, id: &str) -> Option<String> {
    let call = client.commit_transaction().resource_arn(CLUSTER_ARN).secret_arn(secret);
    call.transaction_id(id).send().await.unwrap().transaction_status
}

async fn commit_rollback_savepoint() {
    let client = admin();
    let run = |sql: &str| execute(&client, &sql.replace("TABLE", TABLE)).send();
    run("drop table if exists TABLE").await.unwrap();
    run(&format!("create table {TABLE} (id int primary key)")).await.unwrap();
    let count = || one(execute(&client, "select count(*) from conformance_rust_transactions"));

    let id = begin(&client, ADMIN).await;
    let inside =
        |sql: &str| execute(&client, &sql.replace("TABLE", TABLE)).transaction_id(&id).send();
    inside("insert into TABLE values (1)").await.unwrap();
    inside("savepoint s").await.unwrap();
    let error = inside("insert into TABLE values (1)").await.unwrap_err().into_service_error();
    assert!(error.to_string().contains("DatabaseErrorException"), "{error}");
    inside("rollback to savepoint s").await.unwrap();
    assert_eq!(count().await, Field::LongValue(0), "nobody else sees it yet");
    assert_eq!(commit(&client, ADMIN, &id).await.as_deref(), Some("Transaction Committed"));
    assert_eq!(count().await, Field::LongValue(1));
    let gone = inside("select 1").await.unwrap_err().into_service_error();
    assert!(gone.is_transaction_not_found_exception());

    let id = begin(&client, ADMIN).await;
    execute(&client, &format!("delete from {TABLE}")).transaction_id(&id).send().await.unwrap();
    let call = client.rollback_transaction().resource_arn(CLUSTER_ARN).secret_arn(ADMIN);
    let status = call.transaction_id(id).send().await.unwrap().transaction_status;
    assert_eq!(status.as_deref(), Some("Rollback Complete"));
    assert_eq!(count().await, Field::LongValue(1));
    run("drop table TABLE").await.unwrap();
}

async fn the_tenant_of_an_application() {
    let client = app();
    let id = begin(&client, APP_USER).await;
    let inside = |sql| execute(&client, sql).secret_arn(APP_USER).transaction_id(&id);
    inside("set local app.current_tenant = 2").send().await.unwrap();
    assert_eq!(one(inside("select tenant_name from tenant")).await, text("Tenant2"));
    commit(&client, APP_USER, &id).await;
    let none = execute(&client, "select * from tenant").secret_arn(APP_USER).send().await.unwrap();
    assert_eq!(none.records, Some(vec![]), "no tenant, no rows");
}
