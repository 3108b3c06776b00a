//! Where the server is, by a `postgresql://` URL: what of libpq's connection URIs concerns a
//! server, and for commands who logs in.
//!
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>. The gateway
//! does not take user, password and database from it: resources and secrets name them.

use std::path::PathBuf;

/// What a URL says about the server.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// Host name, address or socket directory.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// `sslmode`.
    pub tls: Option<TlsMode>,
    /// `sslrootcert`.
    pub ca_file: Option<PathBuf>,
}

/// The values of `sslmode` that leave no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS.
    Disable,
    /// The certificate is checked.
    VerifyCa,
    /// The certificate and the host name are checked.
    VerifyFull,
}

impl TlsMode {
    /// The words for them, in libpq as here.
    pub const WORDS: [(&'static str, TlsMode); 3] = [
        ("disable", TlsMode::Disable),
        ("verify-ca", TlsMode::VerifyCa),
        ("verify-full", TlsMode::VerifyFull),
    ];

    /// Reads one of the words.
    pub fn parse(text: &str) -> Option<TlsMode> {
        Self::WORDS.into_iter().find(|(word, _)| *word == text).map(|(_, mode)| mode)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            TlsMode::Disable => "disable",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        }
    }
}

impl DatabaseUrl {
    /// Reads a URL, or says what is wrong with it without repeating it: it may hold a password.
    pub fn parse(text: &str) -> Result<DatabaseUrl, String> {
        let rest = ["postgresql://", "postgres://"].iter().find_map(|s| text.strip_prefix(s));
        let rest = rest.ok_or("must begin with postgresql:// (or name the host in [[server]])")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = rest.split('/').next().unwrap_or_default();
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        let mut url = DatabaseUrl::default();
        url.take_place(place)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            url.take_parameter(name, &decode(value).ok_or("has a broken % escape")?)?;
        }
        Ok(url)
    }

    fn take_place(&mut self, place: &str) -> Result<(), String> {
        let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or(rest)),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        let host = decode(host).ok_or("has a broken % escape")?;
        if !host.is_empty() {
            self.take_parameter("host", &host)?;
        }
        if !port.is_empty() {
            self.take_parameter("port", port)?;
        }
        Ok(())
    }

    fn take_parameter(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "host" | "hostaddr" if value.contains(',') => {
                return Err("names several hosts: give each its own [[server]]".to_owned());
            }
            "host" => self.host = Some(value.to_owned()),
            "port" => {
                let port = value.parse().ok().filter(|port| *port != 0);
                self.port = Some(port.ok_or("has a port that is none")?);
            }
            "sslmode" => {
                let mode = TlsMode::parse(value).ok_or(
                    "has an sslmode that does not check who answers: use verify-full, verify-ca or \
                     disable",
                )?;
                self.tls = Some(mode);
            }
            "sslrootcert" => self.ca_file = Some(PathBuf::from(value)),
            _ => {}
        }
        Ok(())
    }
}

/// What a URL says about who logs in. It has no `Debug`: it holds a password.
#[derive(Default)]
pub struct UrlLogin {
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The database.
    pub database: Option<String>,
}

impl UrlLogin {
    /// Reads it from a URL that [`DatabaseUrl::parse`] has accepted.
    pub fn parse(text: &str) -> Result<UrlLogin, String> {
        let decoded = |text: &str| {
            let text = decode(text).ok_or("has a broken % escape")?;
            Ok::<_, String>(Some(text).filter(|text| !text.is_empty()))
        };
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let who = authority.rsplit_once('@').map_or("", |(who, _)| who);
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let mut login = UrlLogin {
            user: decoded(user)?,
            password: decoded(password)?,
            database: decoded(database)?,
        };
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "user" => login.user = decoded(value)?,
                "password" => login.password = decoded(value)?,
                "dbname" => login.database = decoded(value)?,
                _ => {}
            }
        }
        Ok(login)
    }
}

/// Undoes percent-encoding; `None` where it is broken or not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?].map(|digit| char::from(digit).to_digit(16));
        let [Some(high), Some(low)] = digits else { return None };
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
