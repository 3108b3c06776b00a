//! The text of errors, whole: clients take it apart.

use crate::case::{Case, case};
use crate::stand::Stand;

/// The trials: each alone, and in a transaction, which has the same words.
pub fn cases() -> Vec<Case> {
    let trial = |&(name, sql, exception, message): &(&'static str, &'static str, &str, &str)| {
        let (exception, message) = (exception.to_owned(), message.to_owned());
        case(format!("data_api::errors::{name}"), move |stand: &Stand| {
            let tenant = stand.tenant("tenant_1");
            let transaction = tenant.begin();
            for call in [tenant.sql(sql), transaction.sql(sql)] {
                let answer = call.text("x", "a").run().fails(&exception, "");
                assert_eq!(answer.message(), message);
            }
            transaction.rollback().ok();
        })
    };
    ERRORS.iter().map(trial).collect()
}

/// A name, a statement in which `:x` may stand, the exception and its text.
const ERRORS: &[(&str, &str, &str, &str)] = &[
    (
        "syntax",
        "selec 1",
        "DatabaseErrorException",
        "ERROR: syntax error at or near \"selec\"; Position: 1; SQLState: 42601",
    ),
    (
        "undefined_column_behind_a_parameter",
        "select :x::text, nosuch",
        "DatabaseErrorException",
        "ERROR: column \"nosuch\" does not exist; Position: 18; SQLState: 42703",
    ),
    (
        "hint",
        "select 1 + null::uuid",
        "DatabaseErrorException",
        "ERROR: operator does not exist: integer + uuid; Hint: No operator matches the given name \
         and argument types. You might need to add explicit type casts.; Position: 10; \
         SQLState: 42883",
    ),
    (
        "unique_violation",
        "insert into note values ('tenant_1', 1, :x)",
        "DatabaseErrorException",
        // PostgreSQL's Detail would show a row, which it does not behind row-level security.
        "ERROR: duplicate key value violates unique constraint \"note_pkey\"; SQLState: 23505",
    ),
    (
        "raised_with_everything",
        "do $$ begin raise 'a b' using errcode = 'P0123', detail = 'd', hint = 'h'; end $$",
        "DatabaseErrorException",
        "ERROR: a b; Detail: d; Hint: h; Where: PL/pgSQL function inline_code_block line 1 at \
         RAISE; SQLState: P0123",
    ),
    ("missing_parameter", "select :y", "ValidationException", "Cannot find parameter: y"),
    ("empty", " \n", "ValidationException", "SQL is empty"),
    (
        "copy",
        "copy note to stdout",
        "DatabaseErrorException",
        "ERROR: COPY is not supported here; use INSERT with parameter sets instead; \
         SQLState: 0A000",
    ),
];
