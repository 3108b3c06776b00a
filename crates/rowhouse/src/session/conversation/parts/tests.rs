//! Where texts are cut, and where not.

use super::{Part, Renewal, cut};

#[test]
fn texts_are_cut_where_transactions_begin_and_end() {
    let cases: [(&str, &[&str]); 8] = [
        ("select 1", &[]),
        ("select 1; select 2", &[]),
        ("begin", &[]),
        ("commit;", &[]),
        ("begin; select 1", &["begin; ", "       select 1"]),
        (
            "begin; set transaction read only; select 1",
            &["begin; set transaction read only; ", "                                  select 1"],
        ),
        (
            "select 1; commit; select 'ä'; commit; select 2",
            &[
                "select 1; commit; ",
                "                  select 'ä'; commit; ",
                "                                      select 2",
            ],
        ),
        ("select 'commit; select 2'; savepoint a; rollback to a; select 1", &[]),
    ];
    for (sql, expected) in cases {
        let found = cut(sql, Renewal::default()).ok();
        let found = found.map(|parts| parts.iter().map(Part::written).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), Some(expected_parts(expected).as_slice()), "{sql}");
    }
    assert!(cut(&"commit; ".repeat(200), Renewal::default()).is_err());
}

#[test]
fn a_tenant_is_said_again_behind_what_could_change_it() {
    let tenant = |in_block| Renewal { renew: true, in_block };
    let cases: [(&str, bool, Option<usize>); 7] = [
        ("select 1; select 2", false, Some(0)),
        ("select 1; do 'x'", false, Some(0)),
        ("do 'x'; select 1", false, None),
        ("do 'x'; select 1", true, Some(2)),
        ("begin; do 'x'; select 1; commit", false, Some(3)),
        ("commit; do 'x'; select 1", true, None),
        ("begin; select 1; rollback; select f(); select 1", false, None),
    ];
    for (sql, in_block, expected) in cases {
        assert_eq!(cut(sql, tenant(in_block)).ok().map(|parts| parts.len()), expected, "{sql}");
    }
}

#[test]
fn long_texts_are_cut_as_well() {
    for len in [70_000, 1_000_000] {
        let text = format!("begin; select '{}'; commit; select 2", "x".repeat(len));
        let parts = cut(&text, Renewal::default()).unwrap_or_default();
        let written: Vec<usize> = parts.iter().map(|part| part.written().len()).collect();
        assert_eq!(written.len(), 3);
        assert!(written.iter().all(|written| *written <= text.len()), "{written:?}");
    }
}

fn expected_parts(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}
