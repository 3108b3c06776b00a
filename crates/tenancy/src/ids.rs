//! Identities, parsed once: who holds one of these types holds a checked name.

use std::fmt;
use std::sync::Arc;

/// Longer ids are mistakes or attacks; 255 bytes hold a UUID, an e-mail address or an ARN.
pub const TENANT_ID_BYTES_MAX: usize = 255;

/// NAMEDATALEN - 1: PostgreSQL cuts identifiers here, and `SET` would then name another setting
/// than `set_config`, which does not cut.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Four full parts of a dotted name: more than any real setting, and a bound on what is sent with
/// every transaction.
pub const SETTING_NAME_BYTES_MAX: usize = 255;

/// Tiers are few and named by people; as long as an identifier is long enough.
pub const TIER_BYTES_MAX: usize = 63;

/// The id of one tenant, as the issuer of the credential writes it.
///
/// It is text whatever the tenant column's type: policies cast it. Ids are compared byte by byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// The name of a custom PostgreSQL parameter that receives the tenant, as `app.current_tenant`.
///
/// PostgreSQL compares parameter names without regard to ASCII case, so the name is kept in lower
/// case and two spellings of one parameter are equal.
/// <https://www.postgresql.org/docs/current/runtime-config-custom.html>
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SettingName(Arc<str>);

/// The name of a database role, exactly as in `pg_roles.rolname`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(Arc<str>);

/// The name of a tenant's tier, as `free` or `enterprise`: what it may use, never whose rows it
/// sees.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierName(Arc<str>);

/// The name of a schema that statements look in, exactly as in `pg_namespace.nspname`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaName(Arc<str>);

/// Why a text is not an identity. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidId {
    /// Nothing was given.
    Empty,
    /// More bytes than the named limit.
    TooLong(usize),
    /// A control character, NUL included.
    ControlCharacter,
    /// Not a name that PostgreSQL accepts for a custom parameter.
    NotASetting,
    /// A word that PostgreSQL keeps for itself where a role is expected.
    ReservedRole,
    /// A schema of PostgreSQL's own, temporary ones included.
    ReservedSchema,
}

impl TenantId {
    /// Accepts 1 to [`TENANT_ID_BYTES_MAX`] bytes without control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_text(text, TENANT_ID_BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    /// The id as it is sent to PostgreSQL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SettingName {
    /// Accepts what PostgreSQL accepts: two or more identifiers with dots between them.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_text(text, SETTING_NAME_BYTES_MAX)?;
        let mut parts = 0_usize;
        for part in text.split('.') {
            check_setting_part(part)?;
            parts = parts.saturating_add(1);
        }
        if parts < 2 {
            return Err(InvalidId::NotASetting);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoleName {
    /// Accepts 1 to [`IDENTIFIER_BYTES_MAX`] bytes without control characters, `none` and `public`
    /// excepted: no role can be called so, and `SET ROLE none` means the login role.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_text(text, IDENTIFIER_BYTES_MAX)?;
        if text == "none" || text == "public" {
            return Err(InvalidId::ReservedRole);
        }
        Ok(Self(text.into()))
    }

    /// The name, not quoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TierName {
    /// Accepts 1 to [`TIER_BYTES_MAX`] bytes without control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_text(text, TIER_BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    /// The name as the issuer of the credential writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SchemaName {
    /// Accepts 1 to [`IDENTIFIER_BYTES_MAX`] bytes without control characters. What begins with
    /// `pg_` is PostgreSQL's: `pg_temp` would put the session's own objects before all others, and
    /// the rest is found without being named.
    /// <https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SEARCH-PATH>
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_text(text, IDENTIFIER_BYTES_MAX)?;
        // PostgreSQL looks at lower case only; nobody misses the others.
        if text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("pg_")) {
            return Err(InvalidId::ReservedSchema);
        }
        Ok(Self(text.into()))
    }

    /// The name, not quoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A `search_path` of this schema alone: one quoted identifier, whatever is in the name.
    pub fn search_path(&self) -> String {
        format!("\"{}\"", self.as_str().replace('"', "\"\""))
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({:?})", self.as_str())
    }
}

impl fmt::Debug for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SettingName({:?})", self.as_str())
    }
}

impl fmt::Debug for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleName({:?})", self.as_str())
    }
}

impl fmt::Debug for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TierName({:?})", self.as_str())
    }
}

impl fmt::Debug for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SchemaName({:?})", self.as_str())
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty; give at least one character"),
            Self::TooLong(limit) => write!(f, "it is longer than {limit} bytes; shorten it"),
            Self::ControlCharacter => {
                f.write_str("it has a control character; use printable characters only")
            }
            Self::NotASetting => f.write_str(
                "it is not a custom parameter name; write two or more identifiers with dots \
                 between them, as app.current_tenant",
            ),
            Self::ReservedRole => {
                f.write_str("no role can have this reserved name; name an existing database role")
            }
            Self::ReservedSchema => f.write_str(
                "schemas that begin with pg_ are PostgreSQL's own; name another, or write the \
                 schema before each name in the SQL",
            ),
        }
    }
}

impl std::error::Error for InvalidId {}

fn check_text(text: &str, bytes_max: usize) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > bytes_max {
        return Err(InvalidId::TooLong(bytes_max));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidId::ControlCharacter);
    }
    Ok(())
}

/// One identifier of a parameter name: a letter, `_` or a non-ASCII byte first, then also digits
/// and `$`, as PostgreSQL checks custom parameter names since version 14.
fn check_setting_part(part: &str) -> Result<(), InvalidId> {
    if part.len() > IDENTIFIER_BYTES_MAX {
        return Err(InvalidId::TooLong(IDENTIFIER_BYTES_MAX));
    }
    let opens = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii();
    let follows = |byte: u8| opens(byte) || byte.is_ascii_digit() || byte == b'$';
    let mut bytes = part.bytes();
    if bytes.next().is_some_and(opens) && bytes.all(follows) {
        Ok(())
    } else {
        Err(InvalidId::NotASetting)
    }
}

#[cfg(test)]
mod tests;
