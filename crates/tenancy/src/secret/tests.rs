//! A secret compares as text does and prints as nothing.

use super::Secret;

#[test]
fn equality() {
    for (left, right, equal) in
        [("a", "a", true), ("a", "b", false), ("a", "ab", false), ("", "", true), ("", "a", false)]
    {
        assert_eq!(Secret::from(left) == Secret::from(right), equal, "{left:?} {right:?}");
    }
}

#[test]
fn prints_nothing_of_itself() {
    let secret = Secret::from(String::from("hunter2"));
    let shown = format!("{secret} {secret:?} {secret:#?} {secret:>20}");
    assert!(!shown.contains("hunter2"));
    assert_eq!(secret.expose(), "hunter2");
}
