//! Settings in words that mean the value and nothing else.

use super::command;

#[test]
fn values_stay_values() {
    for (name, value, expected) in [
        ("timezone", "Asia/Tokyo", r#"SET SESSION "timezone" TO 'Asia/Tokyo'"#),
        ("app.user", "o'neill", r#"SET SESSION "app"."user" TO 'o''neill'"#),
        ("app.x", r"\'; drop table t --", r#"SET SESSION "app"."x" TO E'\\''; drop table t --'"#),
        ("app.x", "'", r#"SET SESSION "app"."x" TO ''''"#),
        ("a\"b", "", r#"SET SESSION "a""b" TO ''"#),
    ] {
        assert_eq!(command(name, value), expected);
    }
}
