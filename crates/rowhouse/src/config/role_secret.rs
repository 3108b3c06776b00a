//! What callers name in `secretArn`: a role and its password, and where they come from.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use rowhouse_tenancy::ids::{RoleName, TenantId};
use rowhouse_tenancy::secret::Secret;

use super::reader::Section;
use super::reader::secret::PASSWORD;
use super::{PrincipalKind, raw};

/// What stands for the caller's tenant in the name of a secret.
const TENANT: &str = "{tenant}";
/// `RoleSessionName` has 64 characters and holds the tenant behind `rowhouse-`
/// (AWS STS API reference, AssumeRole).
const TENANT_BYTES_MAX: usize = 55;
/// Secrets Manager's own limit of `SecretId` (API reference, GetSecretValue).
#[cfg(feature = "aws")]
const AWS_SECRET_ID_BYTES_MAX: usize = 2048;
/// STS' own limit of a tag's key (API reference, Tag).
#[cfg(feature = "aws")]
const SESSION_TAG_BYTES_MAX: usize = 128;
/// The session tag that policies look at: the word that AWS' own documents use.
#[cfg(feature = "aws")]
const SESSION_TAG_DEFAULT: &str = "tenant_id";

/// What callers name in `secretArn`.
#[derive(Debug)]
pub struct RoleSecret {
    /// The ARN or name callers use.
    pub arn: String,
    /// The role that a credential bound to one must be bound to; `None` fits no such credential.
    pub role: Option<String>,
    /// Where role and password come from.
    pub source: SecretSource,
    /// Which kinds of principal may use it.
    pub principals: Vec<PrincipalKind>,
    /// Whether each tenant has credentials of its own.
    pub per_tenant: bool,
}

/// Where the credentials of a role come from.
#[derive(Debug)]
pub enum SecretSource {
    /// They were read with the configuration.
    Fixed {
        /// The PostgreSQL role.
        role: String,
        /// Its password.
        password: Secret,
    },
    /// A JSON file as Secrets Manager would hold it.
    File {
        /// Where relative names are looked for.
        folder: PathBuf,
        /// Its name.
        name: TenantTemplate,
    },
    /// AWS Secrets Manager.
    #[cfg(feature = "aws")]
    Aws(AwsSecret),
}

/// A secret of AWS Secrets Manager.
#[cfg(feature = "aws")]
#[derive(Debug, Clone)]
pub struct AwsSecret {
    /// Its ARN or name.
    pub id: TenantTemplate,
    /// The role to assume first.
    pub assumed_role: Option<AssumedRole>,
}

/// A role of AWS IAM that is assumed to read a secret.
#[cfg(feature = "aws")]
#[derive(Debug, Clone)]
pub struct AssumedRole {
    /// Its ARN.
    pub arn: String,
    /// The session tag that holds the tenant.
    pub tenant_tag: Option<String>,
}

/// A name in which `{tenant}` stands for the caller's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantTemplate(String);

/// The tenant's id cannot be a part of a name without changing what the name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfitTenant;

impl SecretSource {
    /// Whether it leads to different credentials for different tenants.
    fn is_per_tenant(&self) -> bool {
        match self {
            SecretSource::Fixed { .. } => false,
            SecretSource::File { name, .. } => name.names_tenant(),
            #[cfg(feature = "aws")]
            SecretSource::Aws(secret) => {
                let role = secret.assumed_role.as_ref();
                secret.id.names_tenant() || role.is_some_and(|role| role.tenant_tag.is_some())
            }
        }
    }
}

impl TenantTemplate {
    /// A name, with the tenant in it or not.
    pub fn new(name: impl Into<String>) -> TenantTemplate {
        TenantTemplate(name.into())
    }

    /// Whether the tenant is a part of the name.
    pub fn names_tenant(&self) -> bool {
        self.0.contains(TENANT)
    }

    /// The name for a tenant.
    pub fn fill(&self, tenant: Option<&TenantId>) -> Result<String, UnfitTenant> {
        match tenant {
            Some(tenant) => Ok(self.0.replace(TENANT, plain_tenant(tenant)?)),
            None if self.names_tenant() => Err(UnfitTenant),
            None => Ok(self.0.clone()),
        }
    }
}

/// A tenant that is one plain word: with a slash, a colon or two dots in its id, a tenant could
/// name the secret of another. What is left is what names of secrets, tags of sessions and their
/// names may all hold (Secrets Manager and STS API references).
pub fn plain_tenant(tenant: &TenantId) -> Result<&str, UnfitTenant> {
    let text = tenant.as_str();
    let fits = text.len() <= TENANT_BYTES_MAX
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@=+-".contains(&byte));
    if fits { Ok(text) } else { Err(UnfitTenant) }
}

impl fmt::Display for UnfitTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the tenant's id cannot be a part of a secret's name: it must be 1 to \
             {TENANT_BYTES_MAX} letters, digits or _.@=+- and not begin with a dot"
        )
    }
}

/// One `[[secret]]`.
pub fn role_secret(section: &Section<'_>, arns: &mut BTreeSet<String>) -> Option<RoleSecret> {
    let arn = section.required_text("arn");
    section.unique("arn", &arn, arns);
    let role = section.text("role");
    let password = section.optional_secret(&PASSWORD);
    let file = section.text("credentials_file");
    let aws = AwsKeys::read(section);
    let words = section.texts("principals");

    if let Some(role) = &role {
        if role.is_empty() {
            section.problem("role", "must not be empty");
        } else if let Err(error) = RoleName::parse(role) {
            section.problem("role", error.to_string());
        }
    }
    let principals = principals(section, &words);
    let source = source(section, role.as_deref(), password, file, aws);
    let source = source?;
    let per_tenant = source.is_per_tenant();
    let secret = RoleSecret { arn, role, source, principals, per_tenant };
    if per_tenant && secret.principals.iter().any(|kind| *kind != PrincipalKind::Tenant) {
        let message = "must be [\"tenant\"]: nobody else has the tenant that this secret is for";
        section.problem("principals", message);
    }
    Some(secret)
}

fn source(
    section: &Section<'_>,
    role: Option<&str>,
    password: Option<Secret>,
    file: Option<String>,
    aws: AwsKeys,
) -> Option<SecretSource> {
    let keys = [PASSWORD.inline, PASSWORD.file, PASSWORD.variable];
    let written = keys.into_iter().find(|key| section.has(key));
    let ways = [written, file.as_ref().map(|_| "credentials_file"), aws.first_key()];
    if let [Some(first), Some(second), ..]
    | [Some(first), _, Some(second)]
    | [_, Some(first), Some(second)] = ways
    {
        section.problem(second, format!("take this out, or {first}: a secret has one source"));
        return None;
    }
    match (file, aws.first_key()) {
        (Some(name), _) => credentials_file(section, name),
        (_, Some(_)) => aws.source(section),
        _ => {
            if role.is_none() && !section.has("role") {
                section.problem("role", "is needed: add it");
            }
            if written.is_none() {
                let message = "is needed: add password, password_file or password_env; or \
                               credentials_file or aws_secret_id instead of role and password";
                section.problem(PASSWORD.inline, message);
            }
            Some(SecretSource::Fixed { role: role?.to_owned(), password: password? })
        }
    }
}

fn credentials_file(section: &Section<'_>, name: String) -> Option<SecretSource> {
    let key = "credentials_file";
    if name.is_empty() {
        section.problem(key, "must name a file");
        return None;
    }
    let folder = section.folder();
    let template = TenantTemplate(name);
    if let Ok(name) = template.fill(None) {
        let path = folder.join(name);
        if let Err(error) = raw::check_readable(&path) {
            section.problem(key, format!("cannot read {}: {error}", path.display()));
        }
    }
    Some(SecretSource::File { folder, name: template })
}

fn principals(section: &Section<'_>, words: &[String]) -> Vec<PrincipalKind> {
    let mut principals = Vec::new();
    for word in words {
        match PrincipalKind::parse(word) {
            Some(kind) if principals.contains(&kind) => {
                section.problem("principals", format!("{word:?} is there twice"));
            }
            Some(kind) => principals.push(kind),
            None => {
                let message = format!("{word:?} must be one of \"tenant\", \"app\", \"admin\"");
                section.problem("principals", message);
            }
        }
    }
    if words.is_empty() {
        let message = "is needed: name who may use it, as [\"tenant\", \"app\"]";
        section.problem("principals", message);
    }
    principals
}

/// The keys of a secret of AWS Secrets Manager, as they were written.
struct AwsKeys {
    id: Option<String>,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "asked for, to be known"))]
    role: Option<String>,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "asked for, to be known"))]
    tag: Option<String>,
    first_key: Option<&'static str>,
}

impl AwsKeys {
    fn read(section: &Section<'_>) -> AwsKeys {
        let id = section.text("aws_secret_id");
        let role = section.text("aws_assume_role");
        let tag = section.text("aws_session_tag");
        let keys = ["aws_secret_id", "aws_assume_role", "aws_session_tag"];
        let first_key = keys.into_iter().find(|key| section.has(key));
        AwsKeys { id, role, tag, first_key }
    }

    fn first_key(&self) -> Option<&'static str> {
        self.first_key
    }

    #[cfg(not(feature = "aws"))]
    fn source(self, section: &Section<'_>) -> Option<SecretSource> {
        let _ = self.id;
        let message = "this rowhouse was built without AWS Secrets Manager: build it with the \
                       cargo feature `aws`, or use credentials_file";
        section.problem(self.first_key.unwrap_or("aws_secret_id"), message);
        None
    }

    #[cfg(feature = "aws")]
    fn source(self, section: &Section<'_>) -> Option<SecretSource> {
        let Some(id) = self.id else {
            if !section.has("aws_secret_id") {
                section.problem("aws_secret_id", "is needed: the ARN or name of the secret");
            }
            return None;
        };
        check_aws_id(section, &id);
        if self.tag.is_some() && self.role.is_none() && !section.has("aws_assume_role") {
            let message = "is for aws_assume_role only: take it out, or name the role";
            section.problem("aws_session_tag", message);
        }
        let tag = self.tag.unwrap_or_else(|| SESSION_TAG_DEFAULT.to_owned());
        if !tag.bytes().all(is_tag_byte) || tag.len() > SESSION_TAG_BYTES_MAX {
            let message = "must be at most 128 letters, digits or _.:/=+-@: the key of a tag";
            section.problem("aws_session_tag", message);
        }
        let assumed_role = self.role.map(|arn| {
            if !arn.starts_with("arn:") || !arn.contains(":role/") {
                let message = "must be the ARN of a role, as arn:aws:iam::123456789012:role/name";
                section.problem("aws_assume_role", message);
            }
            AssumedRole { arn, tenant_tag: Some(tag).filter(|tag| !tag.is_empty()) }
        });
        Some(SecretSource::Aws(AwsSecret { id: TenantTemplate(id), assumed_role }))
    }
}

#[cfg(feature = "aws")]
fn check_aws_id(section: &Section<'_>, id: &str) {
    let plain = id.replace(TENANT, "t");
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&byte);
    if plain.is_empty() || plain.len() > AWS_SECRET_ID_BYTES_MAX || !plain.bytes().all(fits) {
        let message = "must be the ARN or the name of a secret: letters, digits and /_+=.@-, with \
                       {tenant} where the caller's tenant belongs";
        section.problem("aws_secret_id", message);
    }
}

#[cfg(feature = "aws")]
fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:/=+-@".contains(&byte)
}

#[cfg(test)]
mod tests;
