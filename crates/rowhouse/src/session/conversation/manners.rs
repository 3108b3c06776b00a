//! What a client asks for when it begins: by parameters of its start, and by `options`. It is held
//! for that client alone; what cannot be honoured is an error, never silence.

use std::sync::Arc;

use rowhouse_protocol::options;
use rowhouse_tenancy::ids::{SettingName, TenantId};
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use rowhouse_tenancy::prologue::{Context, Prologue};

use crate::error::{Error, Kind};

/// Bytes of one value; they are sent with every transaction.
const VALUE_BYTES_MAX: usize = 1024;
/// What a client's session may begin with, beside settings of its own making (`app.x`). Not here:
/// what changes who it is (`role`), and how statements are read (`standard_conforming_strings`).
const ACCEPTED: [&str; 24] = [
    "bytea_output",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "max_parallel_workers_per_gather",
    "plan_cache_mode",
    "random_page_cost",
    "search_path",
    "statement_timeout",
    "timezone",
    "transaction_timeout",
    "work_mem",
    "xmloption",
];
/// The same in a sealed database, where strangers say it: how results look, and of what kind
/// transactions are. What limits a session (`statement_timeout`, `work_mem`) is not theirs to
/// choose there, what names mean is pinned, and what messages from inside the server tell
/// (`debug1`) is not for them.
const ACCEPTED_SEALED: [&str; 13] = [
    "bytea_output",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "intervalstyle",
    "jit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "timezone",
    "xmloption",
];
/// What every session here begins with anyway, so that nothing need be set.
const USUAL: [(&str, &[&str]); 6] = [
    ("datestyle", &["iso", "iso, mdy", "iso,mdy"]),
    // From 1 on, all digits that are needed are shown (PostgreSQL docs, extra_float_digits).
    ("extra_float_digits", &["1", "2", "3"]),
    ("timezone", &["utc", "etc/utc"]),
    ("intervalstyle", &["postgres"]),
    ("bytea_output", &["hex"]),
    ("client_min_messages", &["notice"]),
];

/// What a client's session is to be like.
#[derive(Debug, Clone)]
pub struct Manners {
    /// What goes before each of its transactions.
    pub prologue: Prologue,
    /// What its session begins with.
    pub settings: Vec<(String, String)>,
    /// What it is told of its own parameters.
    pub told: Vec<(String, String)>,
    /// The tenant that an application has chosen in a sealed database, and by which setting.
    chosen: Option<(SettingName, TenantId)>,
}

/// What there is to know of the database that a client asks for.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// What its policies believe.
    pub context: Context,
    /// The settings that hold the tenant there.
    pub own: &'a Arc<[SettingName]>,
    /// The settings that hold the tenant in any database.
    pub all: &'a [SettingName],
}

/// Reads the parameters of a start.
pub fn read(
    parameters: &[(&str, &str)],
    principal: &Principal,
    place: Place<'_>,
) -> Result<Manners, Error> {
    let mut manners = Manners {
        prologue: Prologue::for_principal(principal, place.own, place.context),
        // The connections of the pool are silent, for nobody reads notices elsewhere.
        settings: vec![("client_min_messages".to_owned(), "notice".to_owned())],
        told: Vec::new(),
        chosen: None,
    };
    let options = parameters.iter().filter(|(name, _)| *name == "options");
    for (_, text) in options {
        let read = options::settings(text);
        for setting in read.map_err(|error| Error::new(Kind::Invalid, error.to_string()))? {
            manners.take(&setting.name, &setting.value, principal, place)?;
        }
    }
    for (name, value) in parameters {
        if !matches!(*name, "user" | "database" | "options") {
            manners.take(name, value, principal, place)?;
        }
    }
    Ok(manners)
}

impl Manners {
    /// The tenant that an application has chosen in a sealed database.
    pub fn chosen(&self) -> Option<&TenantId> {
        self.chosen.as_ref().map(|(_, tenant)| tenant)
    }

    fn take(
        &mut self,
        name: &str,
        value: &str,
        principal: &Principal,
        place: Place<'_>,
    ) -> Result<(), Error> {
        let folded = name.to_ascii_lowercase();
        if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(invalid(&folded));
        }
        match folded.as_str() {
            "application_name" => {
                self.told.push(("application_name".to_owned(), value.to_owned()));
                return Ok(());
            }
            "client_encoding" if is_utf8(value) => return Ok(()),
            "replication" if matches!(value, "false" | "off" | "no" | "0") => return Ok(()),
            _ => {}
        }
        let is_strange =
            place.context == Context::Sealed && principal.kind() == PrincipalKind::Tenant;
        if let Ok(setting) = SettingName::parse(&folded) {
            if place.all.contains(&setting) {
                return self.take_tenant(&setting, value, principal, place);
            }
            if is_strange {
                return Err(not_accepted(&folded));
            }
            self.set(&folded, value);
            return Ok(());
        }
        let usual = USUAL.iter().find(|(usual, _)| *usual == folded);
        let is_usual = usual.is_some_and(|(_, values)| {
            values.iter().any(|usual| value.eq_ignore_ascii_case(usual))
        });
        if is_usual {
            return Ok(());
        }
        // SET would take all of a path for one name.
        let is_path = place.context == Context::Sealed && folded == "search_path";
        let accepted: &[&str] = if is_strange { &ACCEPTED_SEALED } else { &ACCEPTED };
        if is_path || !accepted.contains(&folded.as_str()) {
            return Err(not_accepted(&folded));
        }
        if let Some(told) = reported(&folded) {
            self.told.push((told.to_owned(), value.to_owned()));
        }
        self.set(&folded, value);
        Ok(())
    }

    /// A setting that holds the tenant: fixed for a tenant, a choice of an application.
    fn take_tenant(
        &mut self,
        setting: &SettingName,
        value: &str,
        principal: &Principal,
        place: Place<'_>,
    ) -> Result<(), Error> {
        match principal.tenant() {
            Some(tenant) if tenant.as_str() == value => Ok(()),
            Some(_) => {
                let text = format!(
                    "\"{}\" is fixed by your credential and is another value; leave it out",
                    setting.as_str()
                );
                Err(Error::new(Kind::ContextProtected, text))
            }
            None if principal.kind() == PrincipalKind::App && place.own.contains(setting) => {
                if value.is_empty() {
                    return Ok(());
                }
                let chosen = TenantId::parse(value).map_err(|_| invalid(setting.as_str()))?;
                self.prologue = self.prologue.choosing(principal, setting, &chosen);
                match place.context {
                    Context::Standard => Ok(()),
                    Context::Sealed => self.choose(setting, chosen),
                }
            }
            None => {
                self.set(setting.as_str(), value);
                Ok(())
            }
        }
    }

    /// A token is for one tenant, however many settings there are for it. The last word for each
    /// of them counts.
    fn choose(&mut self, setting: &SettingName, tenant: TenantId) -> Result<(), Error> {
        match &self.chosen {
            Some((other, chosen)) if other != setting && *chosen != tenant => {
                let text = "one connection to a sealed database has one tenant: its settings must \
                            not name two";
                Err(Error::new(Kind::Invalid, text))
            }
            _ => {
                self.chosen = Some((setting.clone(), tenant));
                Ok(())
            }
        }
    }

    /// The last word counts, as with PostgreSQL.
    fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(own, _)| own != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }
}

/// Only UTF-8 is spoken; what says nothing about the encoding means it as well.
fn is_utf8(value: &str) -> bool {
    // PostgreSQL looks at letters and digits only (`clean_encoding_name`).
    let plain: String =
        value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    matches!(plain.as_str(), "utf8" | "unicode" | "sqlascii")
}

/// How PostgreSQL writes the names of parameters that it tells clients of.
fn reported(folded: &str) -> Option<&'static str> {
    match folded {
        "timezone" => Some("TimeZone"),
        "datestyle" => Some("DateStyle"),
        "intervalstyle" => Some("IntervalStyle"),
        "default_transaction_read_only" => Some("default_transaction_read_only"),
        "search_path" => Some("search_path"),
        _ => None,
    }
}

fn not_accepted(name: &str) -> Error {
    let text = format!(
        "the parameter \"{name}\" cannot be set when connecting here; leave it out, or use SET"
    );
    Error::new(Kind::NotSupported, text)
}

fn invalid(name: &str) -> Error {
    Error::new(Kind::Invalid, format!("the value of \"{name}\" cannot be used; choose another"))
}

#[cfg(test)]
mod tests;
