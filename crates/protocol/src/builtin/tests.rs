//! The lists are sorted and hold nothing they must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

mod keywords;

#[test]
fn lists_are_sorted_without_doubles() {
    for list in [KEYWORDS, SESSION_NEUTRAL, ONE_ARGUMENT, SHOWS_SESSIONS] {
        for pair in list.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
        }
        assert!(list.iter().all(|word| *word == word.to_ascii_lowercase()));
    }
}

#[test]
fn what_touches_the_session_is_not_listed() {
    let banned = [
        "set_config",
        "nextval",
        "currval",
        "lastval",
        "setval",
        "setseed",
        "random",
        "pg_notify",
        "query_to_xml",
        "ts_stat",
        "ts_rewrite",
        "dblink",
        "pg_backend_pid",
        "lo_create",
        "pg_advisory_lock",
        "pg_terminate_backend",
        "txid_current",
        "cursor_to_xml",
        "current_schema",
        "current_schemas",
        "pg_my_temp_schema",
        "pg_current_xact_id",
        "inet_client_addr",
        "inet_server_addr",
        "treat",
        // No functions on PostgreSQL 15, so perhaps somebody's own there.
        "json_value",
        "merge_action",
        "uuidv7",
    ];
    for word in banned {
        assert!(!SESSION_NEUTRAL.contains(&word) && !KEYWORDS.contains(&word), "{word}");
    }
    for prefix in ["pg_advisory", "lo_", "txid", "dblink", "pg_terminate", "pg_try", "pg_xact"] {
        assert!(!SESSION_NEUTRAL.iter().any(|word| word.starts_with(prefix)), "{prefix}");
    }
}

#[test]
fn what_one_argument_calls_is_harmful() {
    assert!(!ONE_ARGUMENT.iter().any(|word| SESSION_NEUTRAL.contains(word)));
    for word in ["nextval", "pg_advisory_lock", "pg_terminate_backend", "setseed", "ts_stat"] {
        assert!(ONE_ARGUMENT.contains(&word), "{word}");
    }
}

/// A function of a name that is a keyword too could not be told from the grammar.
#[test]
fn no_word_is_in_both() {
    assert!(!KEYWORDS.iter().any(|word| SESSION_NEUTRAL.contains(word)));
}
