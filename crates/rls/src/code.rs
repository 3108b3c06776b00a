//! The stable codes of all findings, in one table.
//!
//! A code never changes its meaning and is never used again: configurations accept findings by it.
//! The hundreds are families: `RH0xx` roles, `RH1xx` tables and keys, `RH2xx` policies, `RH3xx`
//! views and functions, `RH4xx` speed, `RH5xx` the context, `RH6xx` the database around it,
//! `RH7xx` the sealed context. Among
//! the roles, `RH00x` is what the login role is, `RH01x` what it can become. docs/doctor.md has a
//! section for each.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::finding::Severity;

/// Declares the codes and their table side by side, so that neither can miss one.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)+) => {
        /// Which rule a finding breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as it is printed, configured and documented.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// The login role is a superuser: row-level security does not exist for it.
    LoginSuperuser = "RH001", Error;
    /// The login role has BYPASSRLS.
    LoginBypassRls = "RH002", Error;
    /// The login role has REPLICATION: it can copy the whole cluster, rows of all tenants included.
    LoginReplication = "RH003", Error;
    /// The login role has CREATEROLE: up to PostgreSQL 15 it can grant itself nearly any role.
    LoginCreateRole = "RH004", Error;
    /// The login role owns a tenant table: it can switch row-level security off.
    LoginOwnsTable = "RH005", Error;
    /// The login role can become a superuser.
    BecomesSuperuser = "RH011", Error;
    /// The login role can become a role with BYPASSRLS.
    BecomesBypassRls = "RH012", Error;
    /// The login role can become a role with REPLICATION.
    BecomesReplication = "RH013", Error;
    /// The login role can become a role with CREATEROLE.
    BecomesCreateRole = "RH014", Error;
    /// The login role is a member of the owner of a tenant table.
    MemberOfTableOwner = "RH015", Error;
    /// The login role may read or write files or run programs on the server.
    ReachesServerFiles = "RH016", Error;
    /// The role is a member of a predefined role that reads or signals beyond tenants.
    PredefinedRole = "RH017", Warning;
    /// `ALTER ROLE … SET` has left a setting that changes how every session of the role begins.
    RoleSetting = "RH018", Warning;
    /// A tenant table without row-level security.
    TableWithoutRowSecurity = "RH101", Error;
    /// Policies exist, row-level security is off: they do nothing.
    PoliciesWithoutRowSecurity = "RH102", Error;
    /// Row-level security is on and no policy applies to the role: no rows for anybody.
    NoPolicy = "RH103", Warning;
    /// The owner is not subject to the policies.
    NotForced = "RH104", Warning;
    /// A row without tenant is possible.
    NullableTenant = "RH105", Warning;
    /// Rows belong to tenants only through what they refer to, and nothing guards them.
    NoTenantColumn = "RH106", Error;
    /// TRUNCATE is not subject to policies.
    TruncateGranted = "RH107", Error;
    /// REFERENCES lets a foreign key ask which rows exist.
    ReferencesGranted = "RH108", Warning;
    /// TRIGGER lets the role put code on a table that others run.
    TriggerGranted = "RH109", Error;
    /// A partition or child can be read directly, past its parent's policies.
    ChildReachable = "RH110", Error;
    /// A foreign table has no row-level security.
    ForeignTableReachable = "RH111", Error;
    /// A unique index over all tenants tells which values others have.
    UniqueAcrossTenants = "RH112", Warning;
    /// A foreign key over all tenants tells which rows others have and attaches to them.
    ForeignKeyAcrossTenants = "RH113", Warning;
    /// A foreign key over all tenants changes or deletes other tenants' rows.
    CascadeAcrossTenants = "RH114", Error;
    /// The role may set a sequence.
    SequenceSettable = "RH115", Warning;
    /// The role may read a sequence: how much all tenants together have.
    SequenceReadable = "RH116", Info;
    /// Future tables are granted to the role before anybody put policies on them.
    DefaultPrivileges = "RH117", Warning;
    /// Logical replication sends every tenant's rows.
    Published = "RH118", Warning;
    /// A table of no tenant that the role may write: a channel between tenants.
    SharedWritable = "RH119", Warning;
    /// The role may move a row to another tenant, as far as policies let it.
    TenantUpdatable = "RH120", Info;
    /// INSERT does not fill in the tenant by itself.
    NoTenantDefault = "RH121", Info;
    /// A command that the role may give has no policy.
    CommandWithoutPolicy = "RH201", Warning;
    /// A permissive policy that does not hold rows to one tenant.
    LoosePolicy = "RH202", Error;
    /// What is written is not held to one tenant.
    LooseCheck = "RH203", Error;
    /// A policy that opens when no tenant is set.
    FailsOpen = "RH204", Error;
    /// Only restrictive policies: nothing passes.
    OnlyRestrictive = "RH205", Warning;
    /// A policy compares with the role, which all tenants share.
    ComparesRole = "RH206", Error;
    /// A policy reads a table that the role may write and nothing guards.
    ReadsWritableTable = "RH207", Error;
    /// A policy names one tenant or none at all.
    NoContext = "RH208", Error;
    /// A policy compares by pattern.
    MatchesPattern = "RH209", Error;
    /// A policy casts a setting that may be empty: an error on some connections.
    CastsEmptySetting = "RH210", Warning;
    /// A policy demands a setting that a session may not have.
    DemandsSetting = "RH211", Info;
    /// Several permissive policies for one command: they are OR-ed.
    SeveralPermissive = "RH212", Info;
    /// WITH CHECK is weaker than USING.
    CheckDiffers = "RH213", Info;
    /// A policy takes the tenant from a setting that is PostgreSQL's own.
    OwnSetting = "RH214", Warning;
    /// A policy compares the tenant through a function that makes different ones equal.
    FoldsTenant = "RH215", Warning;
    /// A context function is IMMUTABLE: plans keep one tenant's value for the next.
    ImmutableContext = "RH301", Error;
    /// A view reads tenant tables with its owner's rights.
    ViewOfOwner = "RH302", Error;
    /// A materialised view holds all tenants' rows.
    MaterializedView = "RH303", Error;
    /// A SECURITY DEFINER function runs past the policies.
    DefinerExempt = "RH304", Error;
    /// A SECURITY DEFINER function whose names the caller can redirect.
    DefinerSearchPath = "RH305", Error;
    /// A LEAKPROOF function of users' is run before the policies.
    Leakproof = "RH306", Warning;
    /// Code that leaves a setting behind on a pooled connection.
    SessionSetting = "RH307", Warning;
    /// A trigger on a tenant table runs with its owner's rights.
    DefinerTrigger = "RH308", Info;
    /// No index begins with the tenant.
    NoTenantIndex = "RH401", Warning;
    /// A policy asks for the context once for each row.
    ContextForEachRow = "RH402", Warning;
    /// A policy reads another table for each row.
    PolicyReadsTable = "RH403", Info;
    /// Never analysed: the planner guesses.
    NeverAnalyzed = "RH404", Info;
    /// SQL of the role can change the setting that policies read.
    ContextChangeable = "RH501", Info;
    /// Tables read different settings.
    SeveralSettings = "RH502", Info;
    /// The role may make temporary tables, which stand in for real ones.
    TemporaryRight = "RH601", Warning;
    /// The role may create in a schema.
    CreateRight = "RH602", Warning;
    /// The role may cancel and end other tenants' sessions.
    SignalRight = "RH603", Warning;
    /// The role sees other tenants' SQL.
    ActivityVisible = "RH604", Warning;
    /// The role sees other tenants' SQL in pg_stat_statements.
    StatementsVisible = "RH605", Warning;
    /// Large objects of the role are every tenant's.
    LargeObjects = "RH606", Warning;
    /// The role may use dblink or a foreign server.
    OutwardConnections = "RH607", Warning;
    /// The server lacks fixes that row-level security needs.
    ServerTooOld = "RH608", Error;
    /// EXPLAIN estimates tell how common a value is with all tenants.
    PlannerStatistics = "RH609", Info;
    /// Functions that run SQL from text.
    SqlFromText = "RH610", Info;
    /// Channels that all tenants share: advisory locks, notifications.
    SharedChannels = "RH611", Info;
    /// A part of the sealed context is missing or is not as it was made.
    SealPart = "RH701", Error;
    /// The role that owns the keys can do more than own them.
    SealRole = "RH702", Error;
    /// Somebody can read or change the keys.
    SealKeyReadable = "RH703", Error;
    /// A policy of a sealed database reads a setting that SQL can change.
    SealPlainPolicy = "RH704", Error;
    /// A function that a sealed database closes is open.
    SealFunction = "RH705", Warning;
    /// A view that a sealed database closes is open.
    SealRelation = "RH706", Warning;
    /// The role of a sealed database may run code in DO blocks.
    SealLanguage = "RH707", Warning;
}

impl Code {
    /// Reads a code as [`Code::as_str`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
