//! PostgreSQL servers, and what callers name in `resourceArn`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rowhouse_tenancy::ids::{SchemaName, SettingName};
use rowhouse_tenancy::prologue::Context;

use super::database_url::{DatabaseUrl, TlsMode};
use super::reader::Section;
use super::{Database, Resource, Server, ServerAddress, ServerTls, raw, suggest};

/// What the sealed context is kept in. A caller must not be able to name it.
const RESERVED_PREFIX: &str = "rowhouse.";
/// PostgreSQL's own, <https://www.postgresql.org/docs/current/runtime-config-client.html>.
const SEARCH_PATH_DEFAULT: &str = "\"$user\", public";
/// PostgreSQL's own port.
const PORT_DEFAULT: u16 = 5432;
/// `sun_path` has 104 bytes on macOS and 108 on Linux, with the NUL at the end.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// Each is sent with every transaction; a database has one or two.
const TENANT_SETTINGS_MAX: usize = 16;

/// One `[[server]]`.
pub fn server(section: &Section<'_>, names: &mut BTreeSet<String>) -> Arc<Server> {
    let name = section.required_text("name");
    section.unique("name", &name, names);
    let host = section.text("host");
    let port = section.optional_integer("port", 1..=65_535);
    let tls = section.word("tls", &TlsMode::WORDS);
    let ca_file = section.file("ca_file");
    let surroundings = match host {
        None => from_environment(section),
        Some(_) => DatabaseUrl::default(),
    };
    let host = host.or(surroundings.host).unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = port.and_then(|port| u16::try_from(port).ok()).or(surroundings.port);
    let address = address(section, host, port.unwrap_or(PORT_DEFAULT));
    let tls = tls.or(surroundings.tls).unwrap_or_else(|| default_mode(&address));
    let ca_file = ca_file.or(surroundings.ca_file);
    let tls = checked_tls(section, &address, tls, ca_file);
    Arc::new(Server { name, address, tls })
}

/// One `[[resource]]`.
pub fn resource(
    section: &Section<'_>,
    servers: &[Arc<Server>],
    arns: &mut BTreeSet<String>,
) -> Option<Resource> {
    let arn = section.required_text("arn");
    section.unique("arn", &arn, arns);
    let server_name = section.required_text("server");
    let default_database = section.text("default_database");
    let mut names = BTreeSet::new();
    let databases: Vec<Arc<Database>> =
        section.sections("database", |section| Arc::new(database(section, &mut names)));

    let server = servers.iter().find(|server| server.name == server_name);
    if server.is_none() && !server_name.is_empty() {
        let near = suggest::nearest(&server_name, servers.iter().map(|s| s.name.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        section.problem("server", format!("there is no [[server]] named {server_name:?}{hint}"));
    }
    let Some(first) = databases.first() else {
        section.problem("database", "is needed: add a [[resource.database]] with its name");
        return None;
    };
    let default_database = default_database.unwrap_or_else(|| first.name.clone());
    if !databases.iter().any(|database| database.name == default_database) {
        let message = format!("{default_database:?} is not among the databases of this resource");
        section.problem("default_database", message);
    }
    Some(Resource { arn, server: Arc::clone(server?), default_database, databases })
}

fn database(section: &Section<'_>, names: &mut BTreeSet<String>) -> Database {
    let name = section.required_text("name");
    section.unique("name", &name, names);
    let strict = section.switch("strict");
    let contexts = [("standard", Context::Standard), ("sealed", Context::Sealed)];
    let context = section.word("context", &contexts).unwrap_or_default();
    let texts = section.texts("tenant_settings");
    let mut tenant_settings = Vec::new();
    for text in &texts {
        match SettingName::parse(text) {
            Ok(setting) if tenant_settings.contains(&setting) => {
                section.problem("tenant_settings", format!("{text:?} is there twice"));
            }
            Ok(setting) if setting.as_str().starts_with(RESERVED_PREFIX) => {
                let message = format!("{text:?}: settings of {RESERVED_PREFIX} are the gateway's");
                section.problem("tenant_settings", message);
            }
            Ok(setting) => tenant_settings.push(setting),
            Err(error) => section.problem("tenant_settings", format!("{text:?}: {error}")),
        }
    }
    // Policies of a sealed database read no setting; who has others can do with none.
    if texts.is_empty() && context == Context::Standard {
        let message = "is needed: name the setting that the policies read, as app.tenant_id";
        section.problem("tenant_settings", message);
    }
    if texts.len() > TENANT_SETTINGS_MAX {
        section.problem("tenant_settings", format!("more than {TENANT_SETTINGS_MAX} names"));
    }
    Database {
        name,
        tenant_settings: tenant_settings.into(),
        context,
        search_path: search_path(section, context),
        strict,
    }
}

/// The value of `search_path` for sessions. Where tenants' SQL is anybody's it is always said, so
/// that `ALTER ROLE … SET` decides nothing; then it is PostgreSQL's own, if not another.
fn search_path(section: &Section<'_>, context: Context) -> Option<String> {
    let names = section.texts("search_path");
    let mut quoted = Vec::new();
    for name in &names {
        match SchemaName::parse(name) {
            Ok(schema) => quoted.push(schema.search_path()),
            Err(error) => section.problem("search_path", format!("{name:?}: {error}")),
        }
    }
    match context {
        Context::Sealed if quoted.is_empty() => Some(SEARCH_PATH_DEFAULT.to_owned()),
        _ if quoted.is_empty() => None,
        _ => Some(quoted.join(", ")),
    }
}

/// DATABASE_URL, and what it does not say from PGHOST and its kin, as libpq takes them
/// (<https://www.postgresql.org/docs/current/libpq-envars.html>).
fn from_environment(section: &Section<'_>) -> DatabaseUrl {
    let url = section.foreign_variable("DATABASE_URL").map(DatabaseUrl::parse);
    let mut found = match url {
        None => DatabaseUrl::default(),
        Some(Ok(url)) => url,
        Some(Err(message)) => {
            section.problem_in_variable("DATABASE_URL", "host", message);
            DatabaseUrl::default()
        }
    };
    if found.host.is_none() {
        found.host = section.foreign_variable("PGHOST").map(str::to_owned);
    }
    if found.port.is_none() {
        found.port = foreign(section, "PGPORT", "port", "a port number", |text| text.parse().ok());
    }
    if found.tls.is_none() {
        let expected = "disable, verify-ca or verify-full: the others do not check who answers";
        found.tls = foreign(section, "PGSSLMODE", "tls", expected, TlsMode::parse);
    }
    if found.ca_file.is_none() {
        found.ca_file = section.foreign_variable("PGSSLROOTCERT").map(PathBuf::from);
    }
    found
}

fn foreign<T>(
    section: &Section<'_>,
    variable: &str,
    key: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = section.foreign_variable(variable)?;
    let value = parse(text);
    if value.is_none() {
        let message = format!("must be {expected}, not {text:?}; or set {key} in the [[server]]");
        section.problem_in_variable(variable, key, message);
    }
    value
}

fn address(section: &Section<'_>, host: String, port: u16) -> ServerAddress {
    if host.is_empty() || host.contains(',') || host.chars().any(char::is_control) {
        section.problem("host", "must be one host name, one address or one directory");
    }
    if !host.starts_with('/') {
        return ServerAddress::Tcp { host, port };
    }
    let directory = PathBuf::from(host);
    let socket = directory.join(format!(".s.PGSQL.{port}"));
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        let message = format!("the socket's path is over {SOCKET_PATH_BYTES_MAX} bytes: move it");
        section.problem("host", message);
    }
    ServerAddress::Unix { directory, port }
}

/// Nothing to protect where nobody can listen in; everything else is checked by default.
fn default_mode(address: &ServerAddress) -> TlsMode {
    let private = match address {
        ServerAddress::Unix { .. } => true,
        ServerAddress::Tcp { host, .. } => {
            host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    };
    if private { TlsMode::Disable } else { TlsMode::VerifyFull }
}

fn checked_tls(
    section: &Section<'_>,
    address: &ServerAddress,
    mode: TlsMode,
    ca_file: Option<PathBuf>,
) -> ServerTls {
    if let (ServerAddress::Unix { .. }, TlsMode::VerifyCa | TlsMode::VerifyFull) = (address, mode) {
        section.problem("tls", "a unix socket has no TLS: take this out");
    }
    if mode == TlsMode::Disable {
        return ServerTls::Disable;
    }
    if ca_file.is_none() {
        let message = format!(
            "is needed with tls = {:?}: name a PEM file with the roots of the server's certificate",
            mode.as_str()
        );
        section.problem("ca_file", message);
    }
    let ca_file = ca_file.unwrap_or_default();
    check_ca_file(section, &ca_file);
    match mode {
        TlsMode::VerifyCa => ServerTls::VerifyCa { ca_file },
        _ => ServerTls::VerifyFull { ca_file },
    }
}

fn check_ca_file(section: &Section<'_>, ca_file: &Path) {
    if ca_file.as_os_str().is_empty() {
        return;
    }
    if let Err(error) = raw::check_readable(ca_file) {
        section.problem("ca_file", format!("cannot read {}: {error}", ca_file.display()));
    }
}
