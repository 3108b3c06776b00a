//! What no client should send: each time an answer that says so, and nobody else notices.

mod sockets;

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::client::Request;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "bad_input",
        &[
            ("our_prologue_taken_away", our_prologue_taken_away),
            ("sql_of_all_lengths", sql_of_all_lengths),
            ("parameters_of_all_numbers", parameters_of_all_numbers),
            ("a_body_that_is_too_large", a_body_that_is_too_large),
            ("unknown_operations", unknown_operations),
            ("unknown_transactions", unknown_transactions),
            ("nul_in_values", nul_in_values),
            ("deep_json", deep_json),
        ],
    );
    cases.extend(BODIES.iter().map(|&(name, body)| {
        case(format!("bad_input::body::{name}"), move |stand| {
            let answer = stand.tenant("tenant_1").send(&Request::post_bytes("/Execute", body));
            let named = ["SerializationException", "ValidationException"];
            assert!(answer.status == 400 && named.contains(&answer.exception()), "{answer:?}");
            assert!(!answer.message().is_empty());
            others_notice_nothing(stand);
        })
    }));
    cases.extend(MEMBERS.iter().map(|&(name, member, value)| {
        case(format!("bad_input::member::{name}"), move |stand| {
            let tenant = stand.tenant("tenant_1");
            let value: Value = serde_json::from_str(value).unwrap();
            let answer = tenant.sql("select :x").with(member, value).run();
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert!(!answer.message().is_empty());
            others_notice_nothing(stand);
        })
    }));
    cases.extend(STATEMENTS.iter().map(|&(name, sql, sqlstate)| {
        case(format!("bad_input::sql::{name}"), move |stand| {
            let mut tenant = stand.tenant("tenant_1");
            // Several commands are refused by the API itself, and only where it is strict.
            if sqlstate.is_empty() {
                tenant = tenant.strictly();
            }
            let transaction = tenant.begin();
            for answer in [tenant.execute(sql), transaction.execute(sql)] {
                assert_eq!(answer.status, 400, "{}", answer.text());
                let stated = answer.sqlstate();
                let fits = if sqlstate.is_empty() { stated.is_empty() } else { stated == sqlstate };
                assert!(fits, "{sqlstate:?} and not {}", answer.text());
                others_notice_nothing(stand);
            }
            transaction.rollback().ok();
        })
    }));
    cases.extend(sockets::cases());
    cases
}

/// Another caller's next request, by itself and in a transaction.
#[track_caller]
pub fn others_notice_nothing(stand: &Stand) {
    let other = stand.tenant("tenant_2");
    let sql = "select tenant, id from note order by id";
    let expected = json!([["tenant_2", 1], ["tenant_2", 2], ["tenant_2", 3]]);
    assert_eq!(other.execute(sql).rows(), expected);
    let transaction = other.begin();
    assert_eq!(transaction.execute(sql).rows(), expected);
    transaction.rollback().ok();
}

/// Bodies of `/Execute` that are no request.
const BODIES: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("space", b" \n"),
    ("cut", b"{"),
    ("cut_text", br#"{"sql": "sel"#),
    ("null", b"null"),
    ("list", b"[]"),
    ("number", b"1"),
    ("text", br#""select 1""#),
    ("nothing_in_it", b"{}"),
    ("form", b"sql=select+1"),
    ("xml", b"<sql>select 1</sql>"),
    ("two_documents", b"{}{}"),
    ("trailing", br#"{"sql": "select 1"} x"#),
    ("comment", b"{/* */}"),
    ("single_quotes", b"{'sql': 'select 1'}"),
    ("sql_number", br#"{"sql": 1}"#),
    ("sql_null", br#"{"sql": null}"#),
    ("sql_list", br#"{"sql": ["select 1"]}"#),
    ("not_utf8", b"{\"sql\": \"select '\xff\xfe'\"}"),
    ("cut_utf8", b"{\"sql\": \"select '\xe3\x81\"}"),
    ("overlong_utf8", b"{\"sql\": \"select '\xc0\x80'\"}"),
    ("lone_surrogate", br#"{"sql": "select '\ud800'"}"#),
    ("control_character", b"{\"sql\": \"select \x01\"}"),
    ("utf16", b"\xff\xfe{\x00}\x00"),
    ("nul_bytes", b"\0\0\0\0"),
    ("nan", br#"{"sql": NaN}"#),
];

/// Members of a request that is right otherwise, in which `:x` has no value.
const MEMBERS: &[(&str, &str, &str)] = &[
    ("parameters_object", "parameters", r#"{"x": 1}"#),
    ("parameters_number", "parameters", "1"),
    ("parameters_of_numbers", "parameters", "[1]"),
    ("parameter_without_name", "parameters", r#"[{"value": {"longValue": 1}}]"#),
    ("parameter_without_value", "parameters", r#"[{"name": "x", "value": {}}]"#),
    (
        "value_of_two",
        "parameters",
        r#"[{"name": "x", "value": {"longValue": 1, "stringValue": "1"}}]"#,
    ),
    ("value_unknown", "parameters", r#"[{"name": "x", "value": {"intValue": 1}}]"#),
    ("value_plain", "parameters", r#"[{"name": "x", "value": 1}]"#),
    ("long_fraction", "parameters", r#"[{"name": "x", "value": {"longValue": 1.5}}]"#),
    ("long_text", "parameters", r#"[{"name": "x", "value": {"longValue": "1"}}]"#),
    (
        "long_too_long",
        "parameters",
        r#"[{"name": "x", "value": {"longValue": 9223372036854775808}}]"#,
    ),
    ("long_exponent", "parameters", r#"[{"name": "x", "value": {"longValue": 1e300}}]"#),
    ("double_text", "parameters", r#"[{"name": "x", "value": {"doubleValue": "many"}}]"#),
    ("boolean_text", "parameters", r#"[{"name": "x", "value": {"booleanValue": "true"}}]"#),
    ("boolean_number", "parameters", r#"[{"name": "x", "value": {"booleanValue": 1}}]"#),
    ("text_number", "parameters", r#"[{"name": "x", "value": {"stringValue": 1}}]"#),
    ("blob_no_base64", "parameters", r#"[{"name": "x", "value": {"blobValue": "no base64!"}}]"#),
    (
        "hint_unknown",
        "parameters",
        r#"[{"name": "x", "value": {"stringValue": "1"}, "typeHint": "MONEY"}]"#,
    ),
    (
        "hint_number",
        "parameters",
        r#"[{"name": "x", "value": {"stringValue": "1"}, "typeHint": 1}]"#,
    ),
    ("name_number", "parameters", r#"[{"name": 1, "value": {"stringValue": "1"}}]"#),
    ("transaction_number", "transactionId", "1"),
    ("transaction_object", "transactionId", "{}"),
    ("database_number", "database", "1"),
    ("resource_number", "resourceArn", "1"),
    ("resource_list", "resourceArn", r#"["arn:aws:rds:us-east-1:000000000000:cluster:it"]"#),
    ("secret_object", "secretArn", "{}"),
    ("metadata_text", "includeResultMetadata", r#""true""#),
    ("format_unknown", "formatRecordsAs", r#""XML""#),
    ("options_text", "resultSetOptions", r#""STRING""#),
    ("options_unknown", "resultSetOptions", r#"{"longReturnType": "ROMAN"}"#),
];

/// Statements that cannot run, by themselves or in a transaction, and the SQLSTATE that says so.
const STATEMENTS: &[(&str, &str, &str)] = &[
    ("no_sql", "hello", "42601"),
    ("open_text", "select 'abc", "42601"),
    ("open_dollar", "select $tag$abc", "42601"),
    ("open_comment", "select 1 /* abc", "42601"),
    ("open_name", r#"select "abc"#, "42601"),
    ("two_commands", "select 1; drop table note", ""),
    ("two_commands_hidden", "select 1 /* ; */ ; select 2", ""),
    ("two_commands_in_lines", "select 1\n;\nselect 2", ""),
    ("three_commands", ";;select 1;;select 2;;", ""),
    ("own_parameter_names", "select $1", "08P01"),
    ("many_parameters", "select $65535", "42P18"),
    ("too_many_parameters", "select $65536, $65536 + 1", "42P08"),
    ("parameter_zero", "select $0", "42P02"),
    ("copy_out", "copy note to stdout", "0A000"),
    ("copy_in", "copy note from stdin", "0A000"),
    ("copy_hidden", "/* */ Copy (select 1) to stdout", "0A000"),
    ("no_table", "select * from nosuch", "42P01"),
    ("no_column", "select nosuch from note", "42703"),
    ("no_function", "select nosuch(1)", "42883"),
    ("forbidden", "select * from pg_authid", "42501"),
    ("no_such_prepared", "execute nosuch", "26000"),
    ("bad_escape", r"select E'\u12'", "22025"),
    ("bad_unicode", r"select U&'\d800'", "42601"),
    ("wrong_type", "select 1 + 'x'", "22P02"),
    ("overflow", "select 2147483647 + 1", "22003"),
    ("own_prologue", "execute rowhouse_prologue", "42601"),
    ("our_prologue_again", "deallocate rowhouse_prologue; select 1", ""),
];

/// Between two statements of one call, and between two calls of one transaction.
fn our_prologue_taken_away(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    for closing in ["deallocate rowhouse_prologue", "deallocate all"] {
        let sql = format!("{closing}; select distinct tenant from note");
        for answer in [tenant.execute(&sql), transaction.execute(&sql)] {
            assert_eq!(answer.rows(), json!([["tenant_1"]]), "{closing}");
            others_notice_nothing(stand);
        }
    }
    transaction.rollback().ok();
}

fn sql_of_all_lengths(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let of_length = |chars: usize| format!("select '{}'", "é".repeat(chars - "select ''".len()));
    for chars in [1000, 16_384, 65_535, 65_536] {
        let value = tenant.execute(&of_length(chars)).word();
        assert_eq!(value.chars().count(), chars - "select ''".len());
    }
    for chars in [65_537, 70_000, 1_000_000] {
        let answer = tenant.execute(&of_length(chars));
        answer.fails("ValidationException", "longer than 65536");
        others_notice_nothing(stand);
    }
    let nested = format!("select {}1{}", "(".repeat(30_000), ")".repeat(30_000));
    // The parser's memory ends first, or its stack.
    assert!(["42601", "54001"].contains(&tenant.execute(&nested).sqlstate().as_str()));
    others_notice_nothing(stand);
}

fn parameters_of_all_numbers(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let ask = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!(":p{number}")).collect();
        let sql = format!("select array[{}]::int[]", names.join(", "));
        let call = tenant.sql(&sql);
        (0..count).fold(call, |call, number| call.long(&format!("p{number}"), 1)).run()
    };
    for count in [1, 200, 1000] {
        let value = ask(count).value();
        assert_eq!(value.as_array().unwrap().len(), count);
    }
    ask(1001).fails("ValidationException", "");
    others_notice_nothing(stand);
}

fn a_body_that_is_too_large(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "select length(:t)";
    let megabyte = 1024 * 1024;
    let value = tenant.sql(sql).text("t", &"x".repeat(3 * megabyte)).run().value();
    assert_eq!(value, 3 * megabyte);
    for megabytes in [4, 5, 12] {
        let answer = tenant.sql(sql).text("t", &"x".repeat(megabytes * megabyte)).run();
        answer.fails("ValidationException", "larger than 4194304 bytes");
        others_notice_nothing(stand);
    }
    assert_eq!(tenant.execute("select count(*) from note").value(), 3);
}

fn unknown_operations(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for path in
        ["/execute", "/Execute/", "/Execute2", "//Execute", "/%45xecute", "/metrics", "/livez"]
    {
        let request = Request::post("/", &tenant.body(json!({"sql": "select 1"})));
        let answer = tenant.send(&Request { path: path.to_owned(), ..request });
        answer.fails("UnknownOperationException", "");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let request = Request::post("/Execute", &tenant.body(json!({"sql": "select 1"})));
        let answer = tenant.send(&Request { method: method.to_owned(), ..request });
        answer.fails("UnknownOperationException", "");
    }
    others_notice_nothing(stand);
}

fn unknown_transactions(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let real = tenant.begin();
    let changed = |at: usize| {
        let mut id: Vec<char> = real.id.chars().collect();
        id[at] = if id[at] == 'B' { 'C' } else { 'B' };
        id.into_iter().collect::<String>()
    };
    let ids = [
        String::new(),
        " ".to_owned(),
        "garbage".to_owned(),
        "AAAA".to_owned(),
        "A".repeat(48),
        "/".repeat(48),
        "A".repeat(192),
        "é".repeat(192),
        "x\0y".to_owned(),
        real.id.to_ascii_lowercase(),
        format!(" {}", real.id),
        changed(0),
        // The shard's number.
        changed(2),
        changed(3),
        changed(10),
        changed(real.id.len() - 2),
    ];
    for id in ids {
        let unknown = tenant.transaction(&id);
        for answer in [unknown.execute("select 1"), unknown.commit(), unknown.rollback()] {
            answer.fails("TransactionNotFoundException", "isn't found");
        }
    }
    let long = tenant.transaction(&"A".repeat(193));
    long.execute("select 1").fails("ValidationException", "transactionId");
    real.commit().ok();
    others_notice_nothing(stand);
}

fn nul_in_values(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    tenant.execute("select 'a\0b'").fails("ValidationException", "NUL");
    for field in [json!({"stringValue": "a\0b"}), json!({"stringValue": "\0"})] {
        for sql in ["select :x", "select :x::text", "insert into written values ('tenant_1', :x)"] {
            let answer = tenant.sql(sql).param("x", field.clone()).run();
            assert_eq!(answer.status, 400, "{}", answer.text());
            others_notice_nothing(stand);
        }
    }
    let parameter = json!({"name": "x", "value": {"stringValue": "\0"}, "typeHint": "JSON"});
    assert_eq!(tenant.sql("select :x::jsonb").parameter(parameter).run().status, 400);
    // In bytes it is a byte as any other.
    let answer = tenant.sql("select :x::bytea").param("x", json!({"blobValue": "AAEA"})).run();
    assert_eq!(answer.value(), "AAEA");
    let name = json!({"name": "x\0", "value": {"stringValue": "1"}});
    assert_eq!(tenant.sql("select :x").parameter(name).run().status, 400);
}

fn deep_json(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let depth = 100_000;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let object = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    for body in [
        deep.clone(),
        object.clone(),
        "[".repeat(4_000_000),
        format!(r#"{{"sql": {deep}}}"#),
        format!(r#"{{"sql": "select 1", "parameters": {deep}}}"#),
        format!(r#"{{"sql": "select 1", "unknown": {object}}}"#),
    ] {
        let answer = tenant.send(&Request::post_bytes("/Execute", body));
        assert_eq!(answer.status, 400, "{}", answer.text());
        others_notice_nothing(stand);
    }
    // A deep value is PostgreSQL's to judge.
    let value = json!({"name": "x", "value": {"stringValue": deep}, "typeHint": "JSON"});
    tenant.sql("select :x::jsonb").parameter(value).run().fails_with("54001");
    others_notice_nothing(stand);
}
