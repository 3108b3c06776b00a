//! Who calls: an application or an operator, each with the unmodified SDK.

use std::path::PathBuf;

use aws_sdk_rdsdata::Client;
use aws_sdk_rdsdata::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_rdsdata::operation::execute_statement::builders::ExecuteStatementFluentBuilder;
use aws_sdk_rdsdata::types::{Field, SqlParameter, TypeHint};

/// The region that requests are signed for.
pub const REGION: &str = "us-east-1";
/// The database cluster of `rowhouse dev`.
pub const CLUSTER_ARN: &str = "arn:aws:rds:us-east-1:000000000000:cluster:dev";

/// The role that row-level security binds.
pub const APP_USER: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app_user";
/// The superuser.
pub const ADMIN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:admin";

/// Where the gateway writes where its doors are.
pub fn data_dir() -> PathBuf {
    std::env::var_os("ROWHOUSE_DATA_DIR").unwrap_or_else(|| ".rowhouse".into()).into()
}

/// The address of the Data API.
pub fn endpoint() -> String {
    let text = std::fs::read_to_string(data_dir().join("endpoints.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["http"].as_str().unwrap().to_owned()
}

/// A trusted application: it chooses the tenant itself, in each transaction.
pub fn app() -> Client {
    with_key("ROWHOUSEDEV")
}

/// An operator: no tenant, only a database role.
pub fn admin() -> Client {
    with_key("ROWHOUSEADMIN")
}

/// A client that signs with an access key.
pub fn with_key(id: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new(id, "rowhouse-dev-secret", None, None, "dev"))
        .build();
    Client::from_conf(config)
}

/// A statement as the superuser.
pub fn execute(client: &Client, sql: &str) -> ExecuteStatementFluentBuilder {
    client.execute_statement().resource_arn(CLUSTER_ARN).secret_arn(ADMIN).sql(sql)
}

/// The only field of the only record.
pub async fn one(statement: ExecuteStatementFluentBuilder) -> Field {
    let answer = statement.send().await.unwrap();
    answer.records()[0][0].clone()
}

/// A parameter.
pub fn named(name: &str, value: Field, hint: Option<TypeHint>) -> SqlParameter {
    SqlParameter::builder().name(name).value(value).set_type_hint(hint).build()
}

/// A text.
pub fn text(value: &str) -> Field {
    Field::StringValue(value.to_owned())
}
