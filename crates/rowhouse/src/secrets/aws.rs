//! AWS Secrets Manager, by the gateway's own permissions or by those of a role assumed for one
//! tenant. All that knows the AWS SDK is here.
//!
//! Where the gateway's own credentials and endpoints are is the SDK's business: environment,
//! profile, web identity, container, instance
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).

use std::fmt;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::Credentials;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_sts::types::Tag;
use rowhouse_tenancy::ids::TenantId;
use tokio::sync::{OnceCell, Semaphore};

use super::origin::{Failure, Stage};
use super::value::{self, Value};
use crate::config::{AwsSecret, UnfitTenant};

/// A region that does not answer is met with what is known.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One call with the SDK's own retries. Two of them, to assume a role and to read, stay below the
/// time that a request waits for a connection.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// One retry: whoever waits here asks again by itself.
const ATTEMPTS_MAX: u32 = 2;
/// Calls at once: thousands of tenants that come back after an outage are not to be throttled.
const CALLS_MAX: usize = 32;
/// The shortest session that STS gives; it is used once, at once (API reference, AssumeRole).
const SESSION_SECONDS: i32 = 900;
/// What the names of assumed sessions begin with, for whoever reads CloudTrail.
const SESSION_PREFIX: &str = "rowhouse-";
/// What stands before the name in the ARN of a secret.
const ARN_KIND: &str = ":secret:";

/// The way to AWS.
pub struct Aws {
    region: String,
    config: OnceCell<SdkConfig>,
    calls: Semaphore,
}

/// One secret.
#[derive(Debug, Clone)]
pub struct Named {
    id: String,
    /// The name that the answer must bear: a tenant's secret is asked for by a name that the tenant
    /// is a part of, and AWS takes a part of an ARN for the whole.
    name: Option<String>,
    assumed: Option<Assumed>,
}

#[derive(Debug, Clone)]
struct Assumed {
    role: String,
    session: String,
    tag: Option<(String, String)>,
}

impl Aws {
    /// Nothing is asked for yet. `region` is for secrets and surroundings that name none.
    pub fn new(region: &str) -> Aws {
        let calls = Semaphore::new(CALLS_MAX);
        Aws { region: region.to_owned(), config: OnceCell::new(), calls }
    }

    /// The value of a secret; `None`: it has no version at this stage.
    pub async fn fetch(&self, named: &Named, stage: Stage) -> Result<Option<Value>, Failure> {
        let Ok(_permit) = self.calls.acquire().await else {
            return Err(Failure::Away("the gateway stops".to_owned()));
        };
        let config = self.config.get_or_init(|| configure(&self.region)).await;
        let mut client = aws_sdk_secretsmanager::config::Builder::from(config);
        if let Some(region) = region_of(&named.id) {
            client = client.region(Region::new(region.to_owned()));
        }
        if let Some(assumed) = &named.assumed {
            client = client.credentials_provider(assumed.credentials(config).await?);
        }
        let client = aws_sdk_secretsmanager::Client::from_conf(client.build());
        let stage_name = match stage {
            Stage::Current => "AWSCURRENT",
            Stage::Pending => "AWSPENDING",
        };
        let call = client.get_secret_value().secret_id(&named.id).version_stage(stage_name);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if stage == Stage::Pending && is_missing(&error) => return Ok(None),
            Err(error) => return Err(failure(&format!("secret {}", named.id), &error)),
        };
        if named.name.is_some() && answer.name() != named.name.as_deref() {
            let text = format!("secret {}: AWS answers with one of another name", named.id);
            return Err(Failure::Withdrawn(text));
        }
        let malformed = |why| Failure::Malformed(format!("secret {}: {why}", named.id));
        let text = answer.secret_string().ok_or_else(|| malformed("it is not a text"))?;
        value::parse(text).map(Some).map_err(malformed)
    }
}

impl Named {
    /// The secret for a tenant, or for all.
    pub fn new(secret: &AwsSecret, tenant: Option<&TenantId>) -> Result<Named, UnfitTenant> {
        let id = secret.id.fill(tenant)?;
        let name = id.split_once(ARN_KIND).map_or(id.as_str(), |(_, name)| name);
        let name = secret.id.names_tenant().then(|| name.to_owned());
        let plain = tenant.map(crate::config::plain_tenant).transpose()?;
        let assumed = secret.assumed_role.as_ref().map(|role| Assumed {
            role: role.arn.clone(),
            session: format!("{SESSION_PREFIX}{}", plain.unwrap_or("gateway")),
            tag: role.tenant_tag.clone().zip(plain.map(str::to_owned)),
        });
        Ok(Named { id, name, assumed })
    }
}

impl Assumed {
    /// Credentials that can do what the role may do for this tenant.
    async fn credentials(&self, config: &SdkConfig) -> Result<Credentials, Failure> {
        let subject = format!("role {} as {}", self.role, self.session);
        let tag = self.tag.as_ref().map(|(key, value)| Tag::builder().key(key).value(value));
        let tag = tag.map(|tag| tag.build()).transpose();
        let tag = tag.map_err(|error| Failure::Malformed(format!("{subject}: {error}")))?;
        let call = aws_sdk_sts::Client::new(config)
            .assume_role()
            .role_arn(&self.role)
            .role_session_name(&self.session)
            .duration_seconds(SESSION_SECONDS)
            .set_tags(tag.map(|tag| vec![tag]));
        let answer = call.send().await.map_err(|error| failure(&subject, &error))?;
        let given = answer
            .credentials
            .ok_or_else(|| Failure::Away(format!("{subject}: STS answers without credentials")))?;
        let token = Some(given.session_token);
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, token, None, "rowhouse"))
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

async fn configure(region: &str) -> SdkConfig {
    // The instance's metadata are not asked for a region: off AWS that takes seconds to fail.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(Region::new(region.to_owned()));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .load()
        .await
}

/// The region in the ARN of a secret.
fn region_of(id: &str) -> Option<&str> {
    let mut parts = id.strip_prefix("arn:")?.split(':');
    parts.nth(2).filter(|region| !region.is_empty())
}

fn is_missing<R>(error: &SdkError<GetSecretValueError, R>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

/// What AWS refuses for good is told from what may be over in a moment.
fn failure<E, R>(subject: &str, error: &SdkError<E, R>) -> Failure
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: fmt::Debug,
{
    let Some(refusal) = error.as_service_error() else {
        return Failure::Away(format!("{subject}: {}", DisplayErrorContext(error)));
    };
    let (code, message) = (refusal.code().unwrap_or("-"), refusal.message().unwrap_or("-"));
    let text = format!("{subject}: {code}: {message}");
    match code {
        "ResourceNotFoundException"
        | "InvalidRequestException"
        | "AccessDeniedException"
        | "AccessDenied"
        | "DecryptionFailure"
        | "InvalidParameterException"
        | "ValidationError" => Failure::Withdrawn(text),
        _ => Failure::Away(text),
    }
}

#[cfg(test)]
mod tests;
