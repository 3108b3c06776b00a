//! `rowhouse token`: a JWT on standard output, and nothing else.

use std::time::{SystemTime, UNIX_EPOCH};

use rowhouse_tenancy::ids::{RoleName, TenantId};
use rowhouse_tenancy::jwt::TokenClaims;

use super::config::load_file;
use super::{CONFIG_FILE, Failure, Token, terminal};

/// Who holds such a token, as the log of the gateway names them.
const SUBJECT: &str = "rowhouse-token";

/// Mints and prints.
pub fn run(arguments: &Token) -> Result<(), Failure> {
    let tenant = TenantId::parse(&arguments.tenant)
        .map_err(|error| Failure::new(format!("--tenant cannot be used: {error}")))?;
    let role = arguments.role.as_deref().map(RoleName::parse).transpose();
    let role = role.map_err(|error| Failure::new(format!("--role cannot be used: {error}")))?;
    let file = match &arguments.config {
        Some(file) => file.clone(),
        None => {
            let file = arguments.data_dir.join(CONFIG_FILE);
            if !file.exists() {
                return Err(Failure::new(format!(
                    "{} does not exist: start `rowhouse dev --data-dir {}` first, or name another \
                     with --data-dir DIR or --config FILE",
                    file.display(),
                    arguments.data_dir.display()
                )));
            }
            file
        }
    };
    let token = load_file(&file)?.config.token.ok_or_else(|| {
        Failure::new(format!("{} has no key to sign with: add a [token] section", file.display()))
    })?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
    terminal::line(&token.signer.mint(&TokenClaims {
        tenant: &tenant,
        role: role.as_ref(),
        subject: Some(SUBJECT),
        audience: &token.audience,
        issuer: token.issuer.as_deref(),
        issued_at: since_epoch.as_secs(),
        ttl_s: arguments.ttl.as_secs(),
        tenant_claim: &token.tenant_claim,
    }));
    Ok(())
}
