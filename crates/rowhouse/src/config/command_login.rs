//! Where a command that works on a database connects: `--database-url`, and libpq's environment for
//! what the URL leaves out.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rowhouse_tenancy::secret::Secret;

use super::database_url::{DatabaseUrl, TlsMode, UrlLogin};
use super::{Login, Server, ServerAddress, ServerTls};

/// PostgreSQL's own port.
const PORT_DEFAULT: u16 = 5432;

/// Builds a login from a URL, and from PGHOST and its kin where it is silent
/// (<https://www.postgresql.org/docs/current/libpq-envars.html>). `variable` looks one up.
pub fn command_login(
    url: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Login, String> {
    let text = url.map(str::to_owned).or_else(|| variable("DATABASE_URL"));
    let (place, login) = match &text {
        Some(text) => (
            DatabaseUrl::parse(text).map_err(|error| format!("the database URL {error}"))?,
            UrlLogin::parse(text).map_err(|error| format!("the database URL {error}"))?,
        ),
        None => (DatabaseUrl::default(), UrlLogin::default()),
    };
    let host = place.host.or_else(|| variable("PGHOST")).unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = match (place.port, variable("PGPORT")) {
        (Some(port), _) => port,
        (None, Some(text)) => text.parse().map_err(|_| "PGPORT is no port number".to_owned())?,
        (None, None) => PORT_DEFAULT,
    };
    let role = login.user.or_else(|| variable("PGUSER")).ok_or(
        "no user is named: write postgresql://USER@HOST/DATABASE, or set PGUSER".to_owned(),
    )?;
    let database = login.database.or_else(|| variable("PGDATABASE"));
    let password = login.password.or_else(|| variable("PGPASSWORD")).unwrap_or_default();
    let tls = tls(
        &host,
        place.tls,
        place.ca_file.or_else(|| variable("PGSSLROOTCERT").map(PathBuf::from)),
    )?;
    let address = match host.starts_with('/') {
        true => ServerAddress::Unix { directory: PathBuf::from(&host), port },
        false => ServerAddress::Tcp { host: host.clone(), port },
    };
    Ok(Login {
        server: Arc::new(Server { name: host, address, tls }),
        // As libpq does: a user's database has its name.
        database: database.unwrap_or_else(|| role.clone()),
        role,
        password: Secret::from(password),
    })
}

fn tls(host: &str, mode: Option<TlsMode>, ca_file: Option<PathBuf>) -> Result<ServerTls, String> {
    let private = host.starts_with('/')
        || host == "localhost"
        || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let mode = mode.unwrap_or(if private { TlsMode::Disable } else { TlsMode::VerifyFull });
    let ca_file = || {
        ca_file.ok_or_else(|| {
            format!(
                "sslmode={} needs sslrootcert=FILE in the URL (or PGSSLROOTCERT): a PEM file with \
                 the roots of the server's certificate",
                mode.as_str()
            )
        })
    };
    Ok(match mode {
        TlsMode::Disable => ServerTls::Disable,
        TlsMode::VerifyCa => ServerTls::VerifyCa { ca_file: ca_file()? },
        TlsMode::VerifyFull => ServerTls::VerifyFull { ca_file: ca_file()? },
    })
}

#[cfg(test)]
mod tests;
