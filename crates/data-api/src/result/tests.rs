//! Whole responses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rowhouse_protocol::backend::{Column, Columns, CommandTag, DataRow};
use rowhouse_protocol::oid;
use serde_json::{Value, json};

use super::{
    RecordsFormat, ResponseOptions, ResponseWriter, RowRefusal, batch, transaction,
    transaction_begun, transaction_committed, transaction_rolled_back,
};
use crate::fault::Exception;
use crate::field::ResultSetOptions;

const FIELDS: ResponseOptions = ResponseOptions {
    include_result_metadata: false,
    result_set_options: ResultSetOptions {
        decimal_return_type: crate::field::DecimalReturnType::String,
        long_return_type: crate::field::LongReturnType::Long,
    },
    records_format: RecordsFormat::Fields,
    result_bytes_max: 1 << 20,
    strict: false,
};
const METADATA: ResponseOptions = ResponseOptions { include_result_metadata: true, ..FIELDS };
const JSON: ResponseOptions = ResponseOptions { records_format: RecordsFormat::Json, ..METADATA };

fn columns(columns: &[(&str, u32)]) -> Columns {
    let column = |(name, type_oid): &(&str, u32)| Column {
        name: (*name).to_owned(),
        table_oid: 0,
        attribute: 0,
        type_oid: *type_oid,
        type_size: -1,
        type_modifier: -1,
        format: 0,
    };
    Columns { columns: columns.iter().map(column).collect() }
}

/// The body of a DataRow.
fn row(values: &[Option<&str>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let len = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend_from_slice(&len.to_be_bytes());
        body.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    body
}

type Rows<'a> = &'a [&'a [Option<&'a str>]];

fn response(
    options: &ResponseOptions,
    described: Option<&Columns>,
    rows: Rows<'_>,
    tag: &str,
) -> Result<Value, RowRefusal> {
    let mut writer = ResponseWriter::new(options, described, &[]).unwrap();
    for values in rows {
        writer.row(DataRow::decode(&row(values)).unwrap())?;
    }
    Ok(serde_json::from_slice(&writer.finish(CommandTag { text: tag })).unwrap())
}

#[test]
fn statements_without_a_result_set() {
    for (tag, updated) in [
        ("INSERT 0 5", 5),
        ("UPDATE 3", 3),
        ("DELETE 0", 0),
        ("MERGE 7", 7),
        ("CREATE TABLE", 0),
        ("SELECT 5", 0),
        ("BEGIN", 0),
        ("", 0),
    ] {
        let expected = json!({"generatedFields": [], "numberOfRecordsUpdated": updated});
        for options in [FIELDS, METADATA, JSON] {
            assert_eq!(response(&options, None, &[], tag).unwrap(), expected, "{tag}");
        }
    }
}

#[test]
fn records() {
    let described = columns(&[("id", oid::INT4), ("name", oid::TEXT)]);
    let rows: Rows<'_> = &[&[Some("1"), Some("a")], &[Some("2"), None]];
    let expected = json!({
        "records": [
            [{"longValue": 1}, {"stringValue": "a"}],
            [{"longValue": 2}, {"isNull": true}],
        ],
        "numberOfRecordsUpdated": 0,
    });
    assert_eq!(response(&FIELDS, Some(&described), rows, "SELECT 2").unwrap(), expected);
}

#[test]
fn an_empty_result_set_is_an_empty_list() {
    let described = columns(&[("id", oid::INT4)]);
    let found = response(&FIELDS, Some(&described), &[], "SELECT 0").unwrap();
    assert_eq!(found, json!({"records": [], "numberOfRecordsUpdated": 0}));
    let found = response(&JSON, Some(&described), &[], "SELECT 0").unwrap();
    assert_eq!(found, json!({"formattedRecords": "[]", "numberOfRecordsUpdated": 0}));
}

#[test]
fn rows_without_columns() {
    let found = response(&FIELDS, Some(&columns(&[])), &[&[], &[]], "SELECT 2").unwrap();
    assert_eq!(found["records"], json!([[], []]));
}

#[test]
fn returning_gives_records_and_the_count() {
    let described = columns(&[("id", oid::INT4)]);
    let found = response(&FIELDS, Some(&described), &[&[Some("1")]], "INSERT 0 1").unwrap();
    assert_eq!(found, json!({"records": [[{"longValue": 1}]], "numberOfRecordsUpdated": 1}));
}

#[test]
fn metadata_when_asked_for() {
    let described = columns(&[("id", oid::INT4), ("tags", oid::TEXT_ARRAY)]);
    let found = response(&METADATA, Some(&described), &[], "SELECT 0").unwrap();
    assert_eq!(found["columnMetadata"].as_array().unwrap().len(), 2);
    assert_eq!(found["columnMetadata"][1]["typeName"], "_text");
    let plain = response(&FIELDS, Some(&described), &[], "SELECT 0").unwrap();
    assert_eq!(plain.get("columnMetadata"), None);
}

#[test]
fn formatted_records() {
    let described = columns(&[("a", oid::FLOAT8), ("say \"b\"", oid::TEXT), ("c", oid::INT4)]);
    let rows: Rows<'_> = &[&[Some("10"), Some("x\"\n"), None], &[Some("0.5"), Some(""), Some("7")]];
    let found = response(&JSON, Some(&described), rows, "SELECT 2").unwrap();
    let text = r#"[{"a":10.0,"say \"b\"":"x\"\n","c":null},{"a":0.5,"say \"b\"":"","c":7}]"#;
    assert_eq!(found, json!({"formattedRecords": text, "numberOfRecordsUpdated": 0}));
}

#[test]
fn formatted_records_need_different_labels() {
    let described = columns(&[("a", oid::INT4), ("b", oid::INT4), ("a", oid::TEXT)]);
    let fault = ResponseWriter::new(&JSON, Some(&described), &[]).unwrap_err();
    assert_eq!(fault.exception, Exception::UnsupportedResult);
    assert!(fault.message.contains("\"a\""), "{fault}");
    assert!(ResponseWriter::new(&FIELDS, Some(&described), &[]).is_ok());
}

#[test]
fn the_limit_holds_to_the_byte() {
    let described = columns(&[("id", oid::INT4)]);
    let rows: Rows<'_> = &[&[Some("1")], &[Some("2")]];
    // Without the brackets around the rows: those are not the records' own.
    let fields = r#"[{"longValue":1}],[{"longValue":2}]"#.len();
    let json = r#"{"id":1},{"id":2}"#.len();
    for (options, bytes) in [(FIELDS, fields), (METADATA, fields), (JSON, json)] {
        let fits = ResponseOptions { result_bytes_max: bytes, ..options };
        assert!(response(&fits, Some(&described), rows, "SELECT 2").is_ok());
        let short = ResponseOptions { result_bytes_max: bytes - 1, ..options };
        let expected = Err(RowRefusal::TooLarge);
        assert_eq!(response(&short, Some(&described), rows, "SELECT 2"), expected);
    }
}

#[test]
fn batches_and_transactions() {
    let set = |count: u64| json!({"generatedFields": [], "numberOfRecordsUpdated": count});
    let tags = |texts: &'static [&'static str]| texts.iter().map(|text| CommandTag { text });
    let results = [b"{}".to_vec(), b"{\"records\":[]}".to_vec()];
    for (body, expected) in [
        (batch(tags(&[])), json!({"updateResults": []})),
        (
            batch(tags(&["INSERT 0 2", "SELECT 5", ""])),
            json!({"updateResults": [set(2), set(0), set(0)]}),
        ),
        (transaction(&[]), json!({"results": []})),
        (transaction(&results), json!({"results": [{}, {"records": []}]})),
        (transaction_begun("A\"b"), json!({"transactionId": "A\"b"})),
        (transaction_committed(), json!({"transactionStatus": "Transaction Committed"})),
        (transaction_rolled_back(), json!({"transactionStatus": "Rollback Complete"})),
    ] {
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}

#[test]
fn strict_refuses_what_the_service_refuses() {
    for options in [FIELDS, JSON] {
        let strict = ResponseOptions { strict: true, ..options };
        let described = columns(&[("a", oid::INT4), ("b", oid::MONEY)]);
        let fault = ResponseWriter::new(&strict, Some(&described), &[]).unwrap_err();
        assert_eq!(fault.exception, Exception::UnsupportedResult);
        assert!(fault.message.contains("unsupported data type money"), "{fault}");

        let described = columns(&[("a", oid::INT4), ("b", oid::INT4_ARRAY)]);
        let flat: Rows<'_> = &[&[Some("1"), Some("{1}")], &[None, Some("{}")], &[None, None]];
        assert!(response(&strict, Some(&described), flat, "SELECT 3").is_ok());
        let nested: Rows<'_> = &[&[Some("1"), Some("{{1}}")]];
        let refused = response(&strict, Some(&described), nested, "SELECT 1");
        assert_eq!(refused, Err(RowRefusal::Dimensions));
        assert!(response(&options, Some(&described), nested, "SELECT 1").is_ok());
    }
}
