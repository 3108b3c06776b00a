//! One statement and its answer: values both ways, metadata, JSON, batches, refusals.

use aws_sdk_rdsdata::error::ProvideErrorMetadata;
use aws_sdk_rdsdata::operation::RequestId;
use aws_sdk_rdsdata::operation::execute_statement::ExecuteStatementError;
use aws_sdk_rdsdata::operation::execute_statement::builders::ExecuteStatementFluentBuilder;
use aws_sdk_rdsdata::primitives::Blob;
use aws_sdk_rdsdata::types::{
    ArrayValue, DecimalReturnType, Field, LongReturnType, RecordsFormatType, ResultSetOptions,
    TypeHint,
};
use libtest_mimic::Trial;

use crate::callers::{ADMIN, CLUSTER_ARN, admin, execute, named, one, text, with_key};
use crate::trial;

/// The trials.
pub fn trials() -> Vec<Trial> {
    vec![
        trial("statements::values_out", values_out),
        trial("statements::values_in", values_in),
        trial("statements::options", options),
        trial("statements::metadata", metadata),
        trial("statements::counts", counts),
        trial("statements::batches", batches),
        trial("statements::refusals", refusals),
        trial("statements::the_deprecated_operation", the_deprecated_operation),
    ]
}

async fn values_out() {
    let longs = |values: &[Option<i64>]| Field::ArrayValue(ArrayValue::LongValues(values.to_vec()));
    let client = admin();
    for (sql, expected) in [
        ("null", Field::IsNull(true)),
        ("true", Field::BooleanValue(true)),
        ("9223372036854775807", Field::LongValue(i64::MAX)),
        ("73849.11::float4", Field::DoubleValue(73849.11)),
        ("'-infinity'::float8", Field::DoubleValue(f64::NEG_INFINITY)),
        ("100.10::numeric(10, 2)", text("100.10")),
        ("'Grüße 🐘'", text("Grüße 🐘")),
        ("'\\x00ff'::bytea", Field::BlobValue(Blob::new([0, 255]))),
        ("'2024-01-15 10:30:00.120+02'::timestamptz", text("2024-01-15 08:30:00.12")),
        ("'{\"a\": [1, 2]}'::jsonb", text("{\"a\":[1,2]}")),
        ("array[1, null, 3]", longs(&[Some(1), None, Some(3)])),
        ("array[]::int[]", longs(&[])),
        ("array[true]", Field::ArrayValue(ArrayValue::BooleanValues(vec![Some(true)]))),
    ] {
        assert_eq!(one(execute(&client, &format!("select {sql}"))).await, expected, "{sql}");
    }
    let nan = one(execute(&client, "select 'NaN'::float8")).await;
    assert!(nan.as_double_value().is_ok_and(|value| value.is_nan()));
}

async fn values_in() {
    let client = admin();
    let uuid = "7f6d1fd1-4d5c-4a7b-8a0e-000000000001";
    let cases = [
        (Field::LongValue(i64::MIN), None),
        (Field::DoubleValue(0.1), None),
        (Field::DoubleValue(f64::INFINITY), None),
        (Field::BooleanValue(false), None),
        (Field::BlobValue(Blob::new((0..=255).collect::<Vec<u8>>())), None),
        (Field::IsNull(true), None),
        (text("it's :a $1"), None),
        (text(uuid), Some(TypeHint::Uuid)),
        (text("1.50"), Some(TypeHint::Decimal)),
        (text("2024-02-29"), Some(TypeHint::Date)),
        (text("10:11:12.5"), Some(TypeHint::Time)),
        (text("2024-02-29 10:11:12.5"), Some(TypeHint::Timestamp)),
    ];
    for (value, hint) in cases {
        let statement = execute(&client, "select :a").parameters(named("a", value.clone(), hint));
        assert_eq!(one(statement).await, value);
    }
}

async fn options() {
    let client = admin();
    let options = ResultSetOptions::builder()
        .long_return_type(LongReturnType::String)
        .decimal_return_type(DecimalReturnType::DoubleOrLong)
        .build();
    let of = |sql| execute(&client, sql).result_set_options(options.clone());
    assert_eq!(one(of("select 1")).await, text("1"));
    assert_eq!(one(of("select 1.5")).await, Field::DoubleValue(1.5));
    let sql = "select 1 as id, 'Jane' as name, 10::float8 as a";
    let as_json = execute(&client, sql).format_records_as(RecordsFormatType::Json);
    let answer = as_json.send().await.unwrap();
    assert_eq!(answer.formatted_records(), Some(r#"[{"id":1,"name":"Jane","a":10.0}]"#));
    assert!(answer.records.is_none());
}

async fn metadata() {
    let statement = execute(&admin(), "select 1 as a, array['b'] as b");
    let answer = statement.include_result_metadata(true).send().await.unwrap();
    assert!(answer.request_id().is_some());
    let columns: Vec<_> = answer
        .column_metadata()
        .iter()
        .map(|column| (column.name().unwrap(), column.r#type(), column.type_name().unwrap()))
        .collect();
    assert_eq!(columns, [("a", 4, "int4"), ("b", 2003, "_text")]);
}

async fn counts() {
    let client = admin();
    let run = |sql| execute(&client, sql).send();
    run("drop table if exists conformance_rust_counts").await.unwrap();
    run("create table conformance_rust_counts (id int)").await.unwrap();
    let inserted = run("insert into conformance_rust_counts values (1), (2)").await.unwrap();
    assert_eq!(inserted.number_of_records_updated(), 2);
    assert!(inserted.records.is_none() && inserted.column_metadata.is_none());
    let none = run("select * from conformance_rust_counts where id > 9").await.unwrap();
    assert_eq!(none.records, Some(vec![]));
    run("drop table conformance_rust_counts").await.unwrap();
}

async fn batches() {
    let client = admin();
    let run = |sql| execute(&client, sql).send();
    run("drop table if exists conformance_rust_batch").await.unwrap();
    run("create table conformance_rust_batch (id int primary key)").await.unwrap();
    let batch = |ids: &[i64]| {
        let set = |id: &i64| vec![named("id", Field::LongValue(*id), None)];
        client
            .batch_execute_statement()
            .resource_arn(CLUSTER_ARN)
            .secret_arn(ADMIN)
            .sql("insert into conformance_rust_batch values (:id)")
            .set_parameter_sets(Some(ids.iter().map(set).collect()))
            .send()
    };
    assert_eq!(batch(&[1, 2, 3]).await.unwrap().update_results().len(), 3);
    let error = batch(&[4, 1]).await.unwrap_err().into_service_error();
    assert!(error.is_database_error_exception());
    let count = one(execute(&client, "select count(*) from conformance_rust_batch")).await;
    assert_eq!(count, Field::LongValue(3), "all or nothing");
    run("drop table conformance_rust_batch").await.unwrap();
}

async fn refusals() {
    let client = admin();
    let refused = async |statement: ExecuteStatementFluentBuilder| {
        let error = statement.send().await.unwrap_err();
        let status = error.raw_response().unwrap().status().as_u16();
        (status, error.into_service_error())
    };
    let (status, error) = refused(execute(&client, "select * from attic")).await;
    assert_eq!(status, 400);
    let ExecuteStatementError::DatabaseErrorException(error) = error else {
        panic!("{error:?}");
    };
    let message = "ERROR: relation \"attic\" does not exist; Position: 15; SQLState: 42P01";
    assert_eq!(error.message(), Some(message));
    let (status, error) = refused(execute(&client, "select 1").transaction_id("AAAA")).await;
    assert!(status == 404 && error.is_transaction_not_found_exception(), "{error:?}");
    let (status, error) = refused(execute(&client, "select 1").secret_arn("nobody-knows-it")).await;
    assert!(status == 400 && error.is_secrets_error_exception(), "{error:?}");
    let cluster = format!("{CLUSTER_ARN}x");
    let (status, error) = refused(execute(&client, "select 1").resource_arn(cluster)).await;
    assert!(status == 400 && error.is_http_endpoint_not_enabled_exception(), "{error:?}");
    // In no model, and told by its name all the same.
    let (status, error) = refused(execute(&client, "")).await;
    assert_eq!((status, error.code()), (400, Some("ValidationException")));
    let (status, _) = refused(execute(&with_key("NOBODY"), "select 1")).await;
    assert_eq!(status, 403);
}

async fn the_deprecated_operation() {
    #[allow(deprecated, reason = "that it is refused is the point")]
    let call = admin()
        .execute_sql()
        .db_cluster_or_instance_arn(CLUSTER_ARN)
        .aws_secret_store_arn(ADMIN)
        .sql_statements("select 1");
    let error = call.send().await.unwrap_err().into_service_error();
    assert!(error.is_bad_request_exception(), "{error:?}");
}
