//! A listing as `config print` writes it, key by key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn keys_are_listed_with_their_defaults() {
    let listing = "[pool]\nshards = 2 # rowhouse.toml:3\nwait_timeout = \"9s\" # default\n\n\
                   [[user]]\nname = \"one\" # a.toml:9\npassword = \"***\" # a.toml:10\n";
    let answer = config(listing, &["user"]);
    let shown = |row: &Row| {
        let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect();
        cells.join(" ")
    };
    let rows: Vec<String> = answer.rows.iter().map(shown).collect();
    let expected = [
        "pool.shards 2 0 no",
        "pool.wait_timeout 9s 10s no",
        "user[0].name one - yes",
        "user[0].password *** - yes",
    ];
    assert_eq!(rows, expected);
}
