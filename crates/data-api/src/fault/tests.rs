//! The table of exceptions, bodies, and PostgreSQL's errors as clients take them apart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use rowhouse_protocol::backend::{ErrorFields, ServerError};
use serde_json::{Value, json};

use super::{Exception, Fault, TransactionLoss};

/// The table of the service model, and the codes that every AWS service has.
const MODEL: &[(&str, u16, bool)] = &[
    ("AccessDeniedException", 403, true),
    ("BadRequestException", 400, true),
    ("DatabaseErrorException", 400, true),
    ("DatabaseNotFoundException", 404, true),
    ("DatabaseResumingException", 400, true),
    ("DatabaseUnavailableException", 504, false),
    ("ExpiredTokenException", 403, true),
    ("ForbiddenException", 403, true),
    ("HttpEndpointNotEnabledException", 400, true),
    ("InternalServerErrorException", 500, false),
    ("InvalidResourceStateException", 400, true),
    ("InvalidSecretException", 400, true),
    ("InvalidSignatureException", 403, true),
    ("NotFoundException", 404, true),
    ("QuotaExceededException", 429, true),
    ("SecretsErrorException", 400, true),
    ("SerializationException", 400, true),
    ("ServiceUnavailableError", 503, false),
    ("StatementTimeoutException", 400, true),
    ("ThrottlingException", 429, true),
    ("TransactionNotFoundException", 404, true),
    ("UnknownOperationException", 404, true),
    ("UnrecognizedClientException", 403, true),
    ("UnsupportedResultException", 400, true),
    ("ValidationException", 400, true),
];

#[test]
fn the_table_is_the_model() {
    let row =
        |exception: &Exception| (exception.name(), exception.status(), exception.has_message());
    assert_eq!(Exception::ALL.iter().map(row).collect::<Vec<_>>(), MODEL);
    assert_eq!(Exception::ALL.iter().collect::<HashSet<_>>().len(), MODEL.len());
}

#[test]
fn bodies_have_the_members_of_the_model() {
    for &exception in Exception::ALL {
        let body: Value =
            serde_json::from_slice(&Fault::new(exception, "say \"why\"\n").body()).unwrap();
        let expected = match exception.has_message() {
            true => json!({"__type": exception.name(), "message": "say \"why\"\n"}),
            false => json!({"__type": exception.name()}),
        };
        assert_eq!(body, expected);
    }
    let timeout: Value =
        serde_json::from_slice(&Fault::statement_timeout(Some(42)).body()).unwrap();
    assert_eq!(timeout["dbConnectionId"], 42);
}

fn server_error(fields: &[(u8, &str)]) -> ServerError {
    let mut body = Vec::new();
    for (code, text) in fields {
        body.push(*code);
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    ErrorFields::decode(&body).unwrap().to_owned()
}

fn check(fields: &[(u8, &str)], expected: &str) {
    let fault = Fault::from_server_error(&server_error(fields), |position| position + 100);
    assert_eq!(fault.exception, Exception::DatabaseError);
    assert_eq!(fault.message, expected);
}

#[test]
fn server_errors() {
    check(
        &[(b'S', "ERROR"), (b'C', "42P01"), (b'M', "relation \"x\" does not exist"), (b'P', "15")],
        "ERROR: relation \"x\" does not exist; Position: 115; SQLState: 42P01",
    );
    check(
        &[(b'C', "42883"), (b'M', "no operator"), (b'H', "Add casts."), (b'P', "54")],
        "ERROR: no operator; Hint: Add casts.; Position: 154; SQLState: 42883",
    );
    check(
        &[(b'C', "23505"), (b'M', "duplicate key"), (b'D', "Key (a)=(1) already exists.")],
        "ERROR: duplicate key; Detail: Key (a)=(1) already exists.; SQLState: 23505",
    );
    check(
        &[(b'S', "FATAL"), (b'C', "3D000"), (b'M', "database \"u\" does not exist")],
        "ERROR: database \"u\" does not exist; SQLState: 3D000",
    );
    check(
        &[
            (b'C', "P0001"),
            (b'M', "first\r\n\n  second"),
            (b'W', "PL/pgSQL function f() line 1\nSQL statement \"x\""),
            (b'q', "select 1"),
            (b'p', "8"),
        ],
        "ERROR: first; second; Where: PL/pgSQL function f() line 1; SQL statement \"x\"; \
         Internal Query: select 1; Internal Position: 8; SQLState: P0001",
    );
}

#[test]
fn a_cancellation_by_our_own_clock_is_the_timeout() {
    let cancelled = server_error(&[(b'C', "57014"), (b'M', "canceling statement")]);
    let ours = Fault::from_timed_out(&cancelled, |position| position);
    assert_eq!(ours, Fault::statement_timeout(None));
    let theirs = Fault::from_server_error(&cancelled, |position| position);
    assert_eq!(theirs.exception, Exception::DatabaseError);
    let other = server_error(&[(b'C', "23505"), (b'M', "duplicate key")]);
    let other = Fault::from_timed_out(&other, |position| position);
    assert_eq!(other.exception, Exception::DatabaseError);
}

#[test]
fn what_callers_wrote_is_repeated_in_part_only() {
    let long = "é".repeat(10_000);
    for fault in [
        Fault::missing_parameter(&long),
        Fault::duplicate_parameter(&long),
        Fault::duplicate_label(&long),
        Fault::transaction_not_found(&long, TransactionLoss::Expired),
        Fault::unknown_operation(&long),
    ] {
        assert!(fault.message.chars().count() < 300, "{fault}");
    }
    assert_eq!(Fault::missing_parameter("a").message, "Cannot find parameter: a");
}

#[test]
fn lost_transactions() {
    let fault = Fault::transaction_not_found("AAA", TransactionLoss::Terminated);
    assert_eq!(
        fault.message,
        "Transaction AAA isn't found. \
         One previous call resulted in a termination of your transaction."
    );
    assert_eq!(fault.exception.status(), 404);
}
