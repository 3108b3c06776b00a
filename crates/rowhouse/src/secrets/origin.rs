//! Where credentials are fetched from: nowhere, a file, AWS Secrets Manager.

use std::path::PathBuf;
#[cfg(feature = "aws")]
use std::sync::Arc;

use rowhouse_tenancy::ids::TenantId;

#[cfg(feature = "aws")]
use super::aws::{Aws, Named};
use super::value::{self, Value};
use crate::config::{Config, RoleSecret, SecretSource, UnfitTenant, raw};

/// What makes origins.
pub struct Origins {
    #[cfg(feature = "aws")]
    aws: Arc<Aws>,
}

/// Where the credentials of one source are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// In the configuration.
    Fixed(Value),
    /// In a file.
    File(PathBuf),
    /// In AWS Secrets Manager.
    #[cfg(feature = "aws")]
    Aws(Arc<Aws>, Named),
}

/// Which version of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The one that counts.
    Current,
    /// The one that a rotation has given to PostgreSQL already, and has not yet declared the
    /// current one (Secrets Manager user guide, "Rotation by Lambda function", setSecret).
    Pending,
}

/// Why credentials could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers, or not in time: what is known goes on being used.
    Away(String),
    /// There is no such secret, or it is not ours to read any more.
    Withdrawn(String),
    /// The secret holds no credentials.
    Malformed(String),
}

impl Origins {
    /// Nothing is asked for yet.
    pub fn new(config: &Config) -> Origins {
        #[cfg(not(feature = "aws"))]
        let _ = config;
        Origins {
            #[cfg(feature = "aws")]
            aws: Arc::new(Aws::new(&config.region)),
        }
    }

    /// Where the credentials of a secret are, for a tenant where each has its own.
    pub fn of(
        &self,
        secret: &RoleSecret,
        tenant: Option<&TenantId>,
    ) -> Result<Origin, UnfitTenant> {
        Ok(match &secret.source {
            SecretSource::Fixed { role, password } => {
                Origin::Fixed(Value { role: role.clone(), password: password.clone() })
            }
            SecretSource::File { folder, name } => Origin::File(folder.join(name.fill(tenant)?)),
            #[cfg(feature = "aws")]
            SecretSource::Aws(secret) => {
                Origin::Aws(Arc::clone(&self.aws), Named::new(secret, tenant)?)
            }
        })
    }
}

impl Failure {
    /// What the log should know.
    pub fn reason(&self) -> &str {
        match self {
            Failure::Away(text) | Failure::Withdrawn(text) | Failure::Malformed(text) => text,
        }
    }
}

impl Origin {
    /// The credentials as they are now; `None`: there are none at this stage.
    pub async fn fetch(&self, stage: Stage) -> Result<Option<Value>, Failure> {
        match (self, stage) {
            (Origin::Fixed(value), Stage::Current) => Ok(Some(value.clone())),
            (Origin::File(path), Stage::Current) => read(path.clone()).await.map(Some),
            (Origin::Fixed(_) | Origin::File(_), Stage::Pending) => Ok(None),
            #[cfg(feature = "aws")]
            (Origin::Aws(aws, named), stage) => aws.fetch(named, stage).await,
        }
    }
}

async fn read(path: PathBuf) -> Result<Value, Failure> {
    let shown = path.display().to_string();
    // A file on a share that hangs must not hold up the thread.
    let read = tokio::task::spawn_blocking(move || raw::read_named(&path)).await;
    match read {
        Ok(Ok(text)) => value::parse(&text)
            .map_err(|why| Failure::Malformed(format!("{shown} cannot be used: {why}"))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::Withdrawn(format!("cannot read {shown}: {error}")))
        }
        Ok(Err(error)) => Err(Failure::Away(format!("cannot read {shown}: {error}"))),
        Err(error) => Err(Failure::Away(format!("cannot read {shown}: {error}"))),
    }
}
