//! What stays and what does not, as people write it.

use super::*;

#[test]
fn what_is_meant_to_stay() {
    let cases = [
        "set app.x = 1",
        "SET SESSION TimeZone to 'UTC'",
        "set role other",
        "select 1; set a.b = 2",
        "begin; set a.b = 2; commit",
        "select set_config('a.b', '1', false)",
        "select set_config('a.b', '1', $1)",
        "select set_config('a.b', concat('x', 'true'), false), true",
        "select pg_catalog.set_config($1, $2, not true)",
        "select \"set_config\"('a.b', '1', false)",
        "select set_config",
        "select set_config('a.b', '1', true",
        "create temp table t ()",
        "create temporary view v as select 1",
        "select 1 into temp t",
        "create table pg_temp.t ()",
        "declare c cursor with hold for select 1",
        "listen x",
        "prepare p as select 1",
        "load 'x'",
        "set extra_float_digits = 0",
        "set extra_float_digits = 3, x",
        "set jit = off; set a.b = 1",
        "select set_config('jit' || x, 'off', false)",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1, 2)",
    ];
    for sql in cases {
        assert!(is_lasting(sql), "{sql}");
    }
}

#[test]
fn what_ends_with_the_transaction() {
    let cases = [
        "",
        "select 1",
        "begin isolation level serializable",
        "set local a.b = 1",
        "set transaction read only",
        "select set_config('a.b', '1', true)",
        "select set_config('a.b', concat('x', $1), true) from t where x = false",
        "select set_config('a.b', $1, 't')",
        "declare c cursor for select 1",
        "SET extra_float_digits = 3",
        "SET SESSION application_name = 'x'",
        "set jit to off",
        "select current_setting('jit'), set_config('jit', 'off', false)",
        "select pg_advisory_xact_lock(1)",
        "select pg_try_advisory_xact_lock(1)",
        "prepare transaction 'x'",
        "select pg_advisory_unlock_all(); close all; unlisten *; reset all",
        "reset app.x",
        "discard all",
        "deallocate all",
        "select 'set a.b = 1'",
        "-- set a.b = 1",
        "do $$ begin perform f(); end $$",
    ];
    for sql in cases {
        assert!(!is_lasting(sql), "{sql}");
    }
}
