//! The look-up by its text.

use rowhouse_protocol::statement::examine;

use super::LOOK_UP;

#[test]
fn the_look_up_is_one_statement() {
    assert_eq!(examine(LOOK_UP).statements, 1);
}

#[test]
fn no_name_is_left_to_the_search_path() {
    for sign in ["=", "<>", ">", "||"] {
        let bare = LOOK_UP.matches(&format!(" {sign} ")).count();
        assert_eq!(bare, 0, "{sign}");
    }
    for word in [
        "pg_type ",
        "pg_class ",
        "pg_attribute ",
        "pg_attrdef ",
        "unnest(",
        "strpos(",
        "generate_subscripts(",
    ] {
        let all = LOOK_UP.matches(word).count();
        assert!(all > 0);
        assert_eq!(all, LOOK_UP.matches(&format!("pg_catalog.{word}")).count(), "{word}");
    }
    assert_eq!(LOOK_UP.matches("::").count(), LOOK_UP.matches("::pg_catalog.").count());
}
