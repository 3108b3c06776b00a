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
        ("secret = 's'", "secret = 's'\nauth = 'md5'", "user[0].auth: must be one of"),
        ("secret = 's'", "secret = 's'\nauth = 'certificate'", "password: is not asked for"),
        ("password = 'pencil'", "auth = 'certificate'", "user[0].auth: needs wire.tls_client_auth"),
        ("secret = 's'", "secret = 's'\nauth = 'both'", "user[0].auth: needs wire.tls_client_auth"),
        ("secret = 's'", "secret = 's'\ncertificate_cn = 'x'", "is for auth = \"certificate\""),
        (
            "secret = 's'",
            "secret = 's'\nauth = 'both'\ncertificate_san = 'x'",
            "user[0].certificate_san: must say of which kind",
        ),
        (
            "secret = 's'",
            "secret = 's'\nauth = 'both'\ncertificate_san = 'DNS:x'\ncertificate_cn = 'x'",
            "user[0].certificate_san: take this out",
        ),
    ] {
        let found = problems(&with(&USER.replacen(from, to, 1)), &[]);
        assert!(found.contains(expected), "{to}: {found}");
    }
    for (wire, expected) in [
        ("channel_binding = 'require'", "wire.channel_binding: cannot be required without TLS"),
        ("channel_binding = 'always'", "wire.channel_binding: must be one of"),
        ("tls_client_auth = 'optional'", "wire.tls_client_auth: needs TLS"),
        ("tls_client_auth = 'required'", "wire.tls_client_ca_file: is needed"),
        ("tls_client_ca_file = 'x'", "wire.tls_client_ca_file: is of no use"),
        ("tls_client_crl_file = 'x'", "wire.tls_client_crl_file: is of no use"),
        ("tls_client_auth = 'optional'\ntls_client_ca_file = 'x'", "cannot read x"),
        ("auth_query = 'select 1'", "wire.auth_query: needs auth_query_secret"),
        ("auth_users_secret = 's'", "wire.auth_users_secret: needs auth_query_secret"),
        ("auth_query_secret = 'x'", "wire.auth_query_secret: \"x\" is no [[secret]]"),
        ("auth_query_secret = 's'", "wire.auth_query_secret: that secret is not for admin"),
        ("auth_query_secret = 's'", "wire.auth_users_principal: is needed beside"),
        ("auth_query_secret = 's'", "wire.auth_users_secret: is needed beside"),
        ("auth_query_secret = 's'\nauth_query_database = 'x'", "\"x\" is no database of \"r\""),
        ("auth_query_secret = 's'\nauth_users_principal = 'admin'", "must be one of"),
        (
            "auth_query_secret = 's'\nauth_users_principal = 'tenant'\nauth_users_secret = 's'",
            "wire.auth_query: is needed for users that are tenants",
        ),
        (
            "auth_query_secret = 's'\nauth_users_principal = 'app'\nauth_users_secret = 's'",
            "wire.auth_users_secret: that secret is not for app principals",
        ),
    ] {
        let found = problems(&with(&format!("[wire]\n{wire}\n")), &[]);
        assert!(found.contains(expected), "{wire}: {found}");
    }
    let twice = problems(&with(&USER.repeat(2)), &[]);
    assert!(twice.contains("user[1].name: is there already"), "{twice}");
    let public = USER.replace("pencil", "TestPW123!");
    let open = problems(&with(&format!("[wire]\nlisten = '0.0.0.0:1'\n{public}")), &[]);
    assert!(open.contains("a password of `rowhouse dev`"), "{open}");
    assert!(!problems(&with(&USER.replace("'7'", "''")), &[]).contains("pencil"));
}
