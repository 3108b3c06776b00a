//! Version lines as packagers write them.

use super::major;

#[test]
fn majors() {
    let cases = [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
        ("postgres (PostgreSQL) 18beta1", Some(18)),
        ("postgres (PostgreSQL) 17devel", Some(17)),
        ("postgres (PostgreSQL)", None),
        ("postgres (PostgreSQL) next", None),
        ("", None),
    ];
    for (text, expected) in cases {
        assert_eq!(major(text), expected, "{text:?}");
    }
}
