//! Who is found in a passwd file.

use super::*;

#[test]
fn the_first_unprivileged_user_is_chosen() {
    let other = |uid, gid| Some(Account::Other { name: "postgres".to_owned(), uid, gid });
    for (passwd, expected) in [
        ("postgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash", other(101, 104)),
        ("root:x:0:0::/:/bin/sh\npostgres:*:-2:1", None),
        ("postgres:x:0:0::/:/bin/sh", None),
        ("postgres:x:0:0::\npostgres:x:7:8::", other(7, 8)),
        ("postgres:x:101", None),
        ("postgres", None),
        ("xpostgres:x:1:1", None),
        ("", None),
        ("::::\n\n:\npostgres:x:1:2", other(1, 2)),
    ] {
        assert_eq!(account_in(passwd, "postgres"), expected, "{passwd}");
    }
}

#[test]
fn everybody_can_search_the_root_folder() {
    let nobody = Account::Other { name: "x".to_owned(), uid: 4_000_000, gid: 4_000_000 };
    assert!(nobody.can_reach(Path::new("/")));
    assert!(nobody.can_reach(Path::new("/usr")));
    assert!(!nobody.can_reach(Path::new("/there/is/no/such/folder")));
}
