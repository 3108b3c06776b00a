//! A tenant by its environment alone: a file with a JWT, a role, and two endpoints.
//!
//! The SDK reads that environment once, so the part that uses it is a process of its own.

use std::process::{Command, ExitCode};

use aws_config::BehaviorVersion;
use aws_sdk_rdsdata::Client;
use aws_sdk_rdsdata::types::Field;
use libtest_mimic::Trial;
use tokio::runtime::Runtime;

use crate::callers::{APP_USER, CLUSTER_ARN, REGION, data_dir, endpoint};
use crate::trial;

/// The argument that makes this program the other process.
pub const CHILD: &str = "as-whoever-the-environment-says";

/// The trials.
pub fn trials() -> Vec<Trial> {
    vec![trial("web_identity::a_tenant_by_its_environment", a_tenant_by_its_environment)]
}

async fn a_tenant_by_its_environment() {
    let program = std::env::var_os("ROWHOUSE_PROGRAM").unwrap_or_else(|| "rowhouse".into());
    for tenant in ["1", "2"] {
        let mut mint = Command::new(&program);
        mint.args(["token", "--tenant", tenant, "--data-dir"]).arg(data_dir());
        let minted = mint.output().unwrap();
        assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        let file = data_dir().join(format!("conformance-token-{tenant}"));
        std::fs::write(&file, minted.stdout).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(CHILD)
            .env_clear()
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", &file)
            .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/tenant")
            .env("AWS_ENDPOINT_URL_STS", endpoint())
            .env("AWS_ENDPOINT_URL_RDS_DATA", endpoint())
            .env("AWS_REGION", REGION)
            .output()
            .unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let expected = format!("Tenant{tenant}\n");
        assert_eq!(String::from_utf8_lossy(&child.stdout), expected);
    }
}

/// The other process: prints the names of all tenants that it sees.
pub fn child() -> ExitCode {
    let names = Runtime::new().unwrap().block_on(async {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let statement = Client::new(&config)
            .execute_statement()
            .resource_arn(CLUSTER_ARN)
            .secret_arn(APP_USER)
            .sql("select tenant_name from tenant");
        let answer = statement.send().await.unwrap();
        let name = |record: &Vec<Field>| format!("{}\n", record[0].as_string_value().unwrap());
        answer.records().iter().map(name).collect::<String>()
    });
    print!("{names}");
    ExitCode::SUCCESS
}
