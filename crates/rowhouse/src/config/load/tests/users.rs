//! The PostgreSQL door and its users.

use rowhouse_tenancy::principal::PrincipalKind;

use super::*;

/// A good user; each case replaces a part of it.
const USER: &str = "[[user]]\nname = 'u'\npassword = 'pencil'\nprincipal = 'tenant'\n\
    tenant = '7'\nsecret = 's'\n";

#[test]
fn a_user_opens_the_door() {
    assert!(!loaded(LEAST, &[]).config.wire.is_open());
    let wire = loaded(&with(USER), &[]).config.wire;
    let user = wire.users.first().unwrap();
    assert!(wire.is_open());
    assert_eq!((user.name.as_str(), user.secret.as_str(), wire.resource.as_str()), ("u", "s", "r"));
    assert_eq!(user.principal.kind(), PrincipalKind::Tenant);
    assert!(loaded(&with("[wire]\ntoken_secret = 's'"), &[]).config.wire.is_open());
    let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                    WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                    wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    loaded(&with(&USER.replace("pencil", verifier)), &[]);
}

#[test]
fn problems_of_users() {
    for (from, to, expected) in [
        ("name = 'u'", "name = ''", "user[0].name: "),
        ("'tenant'", "'guest'", "user[0].principal: must be one of"),
        ("tenant = '7'\n", "", "user[0].tenant: is needed"),
        ("'tenant'\n", "'app'\n", "user[0].tenant: is for principal = \"tenant\" only"),
        ("secret = 's'", "secret = 'x'", "user[0].secret: \"x\" is no [[secret]]"),
        ("principal = 'tenant'\ntenant = '7'", "principal = 'admin'", "is not for admin"),
        ("password = 'pencil'\n", "", "user[0].password: is needed"),
        ("[[user]]", "[wire]\nresource = 'x'\n[[user]]", "wire.resource: \"x\" is no [[resource]]"),
        ("[[user]]", "[wire]\ntoken_secret = 'x'\n[[user]]", "wire.token_secret: \"x\" is no"),
        ("pencil", "TestPW123!", "none"),
    ] {
        let found = problems(&with(&USER.replacen(from, to, 1)), &[]);
        assert!(found.contains(expected), "{to}: {found}");
    }
    let twice = problems(&with(&USER.repeat(2)), &[]);
    assert!(twice.contains("user[1].name: is there already"), "{twice}");
    let public = USER.replace("pencil", "TestPW123!");
    let open = problems(&with(&format!("[wire]\nlisten = '0.0.0.0:1'\n{public}")), &[]);
    assert!(open.contains("a password of `rowhouse dev`"), "{open}");
    assert!(!problems(&with(&USER.replace("'7'", "''")), &[]).contains("pencil"));
}
