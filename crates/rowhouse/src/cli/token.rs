//! `rowhouse token`: a JWT or temporary AWS credentials on standard output, and nothing else.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rowhouse_tenancy::ids::{RoleName, TenantId};
use rowhouse_tenancy::jwt::TokenClaims;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sts::{DURATION_S_MAX, RoleArn, SessionName, response};
use serde_json::json;

use super::config::load_file;
use super::{CONFIG_FILE, Failure, Token, terminal};
use crate::config::{Config, Token as Key};
use crate::identity;

/// Who holds such a token, as the log of the gateway names them.
const SUBJECT: &str = "rowhouse-token";
/// The role that such credentials have assumed: no role that an exchange would be restricted to.
const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/rowhouse-token";
/// The version of the format that AWS's SDKs read
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).
const PROCESS_FORMAT: u32 = 1;

/// Mints and prints.
pub fn run(arguments: &Token) -> Result<(), Failure> {
    let tenant = TenantId::parse(&arguments.tenant)
        .map_err(|error| Failure::new(format!("--tenant cannot be used: {error}")))?;
    let role = arguments.role.as_deref().map(RoleName::parse).transpose();
    let role = role.map_err(|error| Failure::new(format!("--role cannot be used: {error}")))?;
    let file = file(arguments)?;
    let config = load_file(&file)?.config;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let line = if arguments.aws {
        credentials(arguments, config, &file, tenant, role, now)?
    } else {
        jwt(arguments, config, &file, &tenant, role.as_ref(), now)?
    };
    terminal::line(&line);
    Ok(())
}

/// The configuration of the instance that the token is for.
fn file(arguments: &Token) -> Result<PathBuf, Failure> {
    if let Some(file) = &arguments.config {
        return Ok(file.clone());
    }
    let file = arguments.data_dir.join(CONFIG_FILE);
    if !file.exists() {
        return Err(Failure::new(format!(
            "{} does not exist: start `rowhouse dev --data-dir {}` first, or name another with \
             --data-dir DIR or --config FILE",
            file.display(),
            arguments.data_dir.display()
        )));
    }
    Ok(file)
}

fn jwt(
    arguments: &Token,
    config: Config,
    file: &Path,
    tenant: &TenantId,
    role: Option<&RoleName>,
    now: u64,
) -> Result<String, Failure> {
    let token = config.token.ok_or_else(|| {
        Failure::new(format!("{} has no key to sign with: add a [token] section", file.display()))
    })?;
    mint(&token, tenant, role, now, arguments.ttl)
}

/// A token for a tenant.
pub(super) fn mint(
    token: &Key,
    tenant: &TenantId,
    role: Option<&RoleName>,
    now: u64,
    ttl: Duration,
) -> Result<String, Failure> {
    let role_claim = match (&token.role_claim, role) {
        (Some(claim), _) => claim,
        (None, None) => "",
        (None, Some(_)) => {
            return Err(Failure::new(
                "--role cannot be used: jwt.role_claim is empty, so no claim holds a role",
            ));
        }
    };
    Ok(token.signer.mint(&TokenClaims {
        tenant,
        role,
        subject: Some(SUBJECT),
        audience: &token.audience,
        issuer: token.issuer.as_deref(),
        issued_at: now,
        ttl_s: ttl.as_secs(),
        tenant_claim: &token.tenant_claim,
        role_claim,
    }))
}

fn credentials(
    arguments: &Token,
    config: Config,
    file: &Path,
    tenant: TenantId,
    role: Option<RoleName>,
    now: u64,
) -> Result<String, Failure> {
    let ttl_s = arguments.ttl.as_secs();
    if ttl_s > DURATION_S_MAX {
        return Err(Failure::new("--ttl is at most 12h with --aws, as for AWS's own credentials"));
    }
    let keys = config.sts.keys.ok_or_else(|| {
        Failure::new(format!("{} has no key to seal with: add an [[sts.key]]", file.display()))
    })?;
    let principal = Principal::for_tenant(tenant, SUBJECT);
    let principal = match role {
        Some(role) => principal.with_role(role),
        None => principal,
    };
    let assumed = RoleArn::parse(ROLE_ARN)?.assumed_as(&SessionName::parse(SUBJECT)?);
    let expires_at = now.saturating_add(ttl_s);
    let credentials = identity::seal(&keys, principal, &assumed, None, expires_at)?;
    Ok(json!({
        "Version": PROCESS_FORMAT,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key.expose(),
        "SessionToken": credentials.session_token,
        "Expiration": response::instant(credentials.expires_at),
    })
    .to_string())
}
