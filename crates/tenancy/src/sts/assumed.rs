//! Who a session is in AWS's terms: the role that was assumed, under which session name.
//!
//! Rowhouse's roles of PostgreSQL are something else: an AWS role here is a label that SDKs insist
//! on, and that the operator can restrict.

use std::fmt;

use aws_lc_rs::digest;

/// AWS's own limit for ARNs (service model of STS, `arnType`).
pub const ROLE_ARN_BYTES_MAX: usize = 2048;

/// AWS's own limit for the names of roles and sessions.
const NAME_BYTES_MAX: usize = 64;
/// "role session name has at least two characters" (service model, `roleSessionNameType`).
const SESSION_NAME_BYTES_MIN: usize = 2;
/// `aws`, `aws-cn`, `aws-us-gov` and the like.
const PARTITION_BYTES_MAX: usize = 16;
/// Account ids have twelve digits.
const ACCOUNT_BYTES: usize = 12;
/// What the unique id of a role begins with
/// (IAM user guide, "Unique identifiers").
const ROLE_ID_PREFIX: &str = "AROA";
/// Characters after the prefix.
const ROLE_ID_CHARS: usize = 17;

/// The ARN of an AWS role, `arn:aws:iam::123456789012:role/path/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn {
    text: String,
    partition: String,
    account: String,
    name: String,
}

/// What a caller names its session: 2 to 64 characters of `[\w+=,.@-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

/// A text is not what AWS accepts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidName {
    /// Not the ARN of a role.
    RoleArn,
    /// Not a session name.
    SessionName,
}

/// A role under a session name: what `GetCallerIdentity` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumedRole {
    pub(super) partition: String,
    pub(super) account: String,
    pub(super) role: String,
    pub(super) role_id: String,
    pub(super) session: String,
}

impl RoleArn {
    /// Accepts the ARN of a role in any account and partition.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let read = || {
            let rest = text.strip_prefix("arn:").filter(|_| text.len() <= ROLE_ARN_BYTES_MAX)?;
            let (partition, rest) = rest.split_once(":iam::")?;
            let (account, path) = rest.split_once(":role/")?;
            let name = path.rsplit('/').next()?;
            let good = is_partition(partition)
                && is_account(account)
                && is_name(name)
                && path.bytes().all(|byte| byte.is_ascii_graphic());
            good.then(|| (partition.to_owned(), account.to_owned(), name.to_owned()))
        };
        let (partition, account, name) = read().ok_or(InvalidName::RoleArn)?;
        Ok(Self { text: text.to_owned(), partition, account, name })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The role under a session name.
    pub fn assumed_as(&self, session: &SessionName) -> AssumedRole {
        AssumedRole {
            partition: self.partition.clone(),
            account: self.account.clone(),
            role: self.name.clone(),
            role_id: role_id(&self.text),
            session: session.0.clone(),
        }
    }
}

impl SessionName {
    /// Accepts what the service model accepts.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.len() < SESSION_NAME_BYTES_MIN || !is_name(text) {
            return Err(InvalidName::SessionName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl AssumedRole {
    /// `arn:aws:sts::123456789012:assumed-role/name/session`: without the role's path, as AWS has
    /// it.
    pub fn arn(&self) -> String {
        let Self { partition, account, role, session, .. } = self;
        format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}")
    }

    /// The role's unique id and the session, `AROA…:session`.
    pub fn user_id(&self) -> String {
        format!("{}:{}", self.role_id, self.session)
    }

    /// The account of the role.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Each part is what [`RoleArn`] and [`SessionName`] would have let in.
    pub(super) fn is_well_formed(&self) -> bool {
        is_partition(&self.partition)
            && is_account(&self.account)
            && is_name(&self.role)
            && is_name(&self.role_id)
            && is_name(&self.session)
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoleArn => f.write_str(
                "it is not the ARN of a role; write arn:aws:iam::123456789012:role/NAME, at most \
                 2048 characters",
            ),
            Self::SessionName => f.write_str(
                "it is not a session name; write 2 to 64 letters, digits or characters of _+=,.@-",
            ),
        }
    }
}

impl std::error::Error for InvalidName {}

/// Base32 (RFC 4648) without padding, as AWS's own ids are written.
pub(super) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            let letter = usize::try_from(held >> bits & 31).ok().and_then(|at| LETTERS.get(at));
            text.push(letter.map_or('A', |letter| char::from(*letter)));
        }
        held &= (1_u32 << bits).saturating_sub(1);
    }
    text
}

/// AWS draws an id when a role is made; here nothing is made, so the id follows from the ARN.
fn role_id(arn: &str) -> String {
    let hash = digest::digest(&digest::SHA256, arn.as_bytes());
    let letters: String = base32(hash.as_ref()).chars().take(ROLE_ID_CHARS).collect();
    format!("{ROLE_ID_PREFIX}{letters}")
}

fn is_partition(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    text.len() <= PARTITION_BYTES_MAX && text.starts_with("aws") && text.bytes().all(word)
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_BYTES && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[\w+=,.@-]`, where AWS means ASCII by `\w`.
fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(good)
}
