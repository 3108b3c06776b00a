//! Where a `[[secret]]` may come from, and what does not go together.

use super::*;

/// What stands for `role = 'app_user', password = 'hunter2-role'` in [`LEAST`], and the problem.
const CASES: &[(&str, &str)] = &[
    ("credentials_file = '/dev/null'", "none"),
    ("credentials_file = '/dev/null', role = 'app_user'", "none"),
    ("credentials_file = '{tenant}.json'", "none"),
    (
        "credentials_file = '/dev/null/x'",
        "credentials_file: cannot read /dev/null/x: Not a directory (os error 20)",
    ),
    ("credentials_file = ''", "credentials_file: must name a file"),
    (
        "credentials_file = '/dev/null', password = 'hunter2'",
        "credentials_file: take this out, or password: a secret has one source",
    ),
    (
        "aws_secret_id = 'x', password_env = 'PW'",
        "aws_secret_id: take this out, or password_env: a secret has one source",
    ),
    (
        "aws_assume_role = 'arn:aws:iam::1:role/r', credentials_file = '/dev/null'",
        "aws_assume_role: take this out, or credentials_file: a secret has one source",
    ),
];

/// The same where the SDK is built in.
#[cfg(feature = "aws")]
const AWS_CASES: &[(&str, &str)] = &[
    ("aws_secret_id = 'tenants/{tenant}/db'", "none"),
    ("aws_secret_id = 'arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf'", "none"),
    ("aws_secret_id = 'db', aws_assume_role = 'arn:aws:iam::1:role/r'", "none"),
    (
        "aws_secret_id = 'a b'",
        "aws_secret_id: must be the ARN or the name of a secret: letters, digits and /_+=.@-, \
         with {tenant} where the caller's tenant belongs",
    ),
    (
        "aws_assume_role = 'arn:aws:iam::1:role/r'",
        "aws_secret_id: is needed: the ARN or name of the secret",
    ),
    (
        "aws_secret_id = 'db', aws_assume_role = 'r'",
        "aws_assume_role: must be the ARN of a role, as arn:aws:iam::123456789012:role/name",
    ),
    (
        "aws_secret_id = 'db', aws_session_tag = 'x'",
        "aws_session_tag: is for aws_assume_role only: take it out, or name the role",
    ),
    (
        "aws_secret_id = 'db', aws_assume_role = 'arn:aws:iam::1:role/r', aws_session_tag = 'a b'",
        "aws_session_tag: must be at most 128 letters, digits or _.:/=+-@: the key of a tag",
    ),
];

#[cfg(not(feature = "aws"))]
const AWS_CASES: &[(&str, &str)] = &[(
    "aws_secret_id = 'db'",
    "aws_secret_id: this rowhouse was built without AWS Secrets Manager: build it with the cargo \
     feature `aws`, or use credentials_file",
)];

fn secret(keys: &str) -> String {
    LEAST.replace("role = 'app_user', password = 'hunter2-role'", keys)
}

#[test]
fn sources_and_their_problems() {
    for (keys, expected) in CASES.iter().chain(AWS_CASES) {
        let expected = match *expected {
            "none" => "none".to_owned(),
            problem => format!("rowhouse.toml:3: secret[0].{problem}"),
        };
        assert_eq!(problems(&secret(keys), &[("PW", "x")]), expected, "{keys}");
    }
}

#[test]
fn the_secret_of_one_tenant_is_for_tenants() {
    let per_tenant = ["credentials_file = '{tenant}.json'"];
    #[cfg(feature = "aws")]
    let per_tenant = [
        per_tenant[0],
        "aws_secret_id = '{tenant}'",
        "aws_secret_id = 'db', aws_assume_role = 'arn:aws:iam::1:role/r'",
    ];
    for keys in per_tenant {
        let text = secret(keys).replace("principals = 'tenant'", "principals = ['tenant', 'app']");
        let found = problems(&text, &[]);
        assert!(found.contains("secret[0].principals: must be [\"tenant\"]"), "{found}");
        assert!(loaded(&secret(keys), &[]).config.secrets[0].per_tenant, "{keys}");
    }
    #[cfg(feature = "aws")]
    {
        let untagged = "aws_secret_id = 'db', aws_assume_role = 'arn:aws:iam::1:role/r', \
                        aws_session_tag = ''";
        assert!(!loaded(&secret(untagged), &[]).config.secrets[0].per_tenant);
    }
}
