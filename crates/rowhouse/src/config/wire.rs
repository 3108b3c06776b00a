//! The PostgreSQL door.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::auth_query::{AuthQuery, auth_query};
use super::certificate::{self, ALPN_POSTGRESQL};
use super::client_certificates::{ClientAuth, client_certificates};
use super::doors::{LONGEST, SHORTEST, address};
use super::reader::Section;
use super::{PrincipalKind, Resource, RoleSecret, Tls, User};

/// PostgreSQL itself takes no message above 1 GiB.
const MESSAGE_BYTES_MAX: u64 = 1 << 30;

/// The PostgreSQL door.
#[derive(Debug)]
pub struct Wire {
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Client connections held at once, over all shards.
    pub connections_max: usize,
    /// How long a client may take until it has proven who it is.
    pub login_timeout: Duration,
    /// A client outside a transaction that says nothing for this long is let go.
    pub idle_timeout: Duration,
    /// The same for a client that keeps a connection of PostgreSQL to itself.
    pub pinned_timeout: Duration,
    /// How long a client waits for a connection while an operator has paused its database.
    pub paused_timeout: Duration,
    /// A client that takes nothing of its answer for this long is let go.
    pub write_timeout: Duration,
    /// Bytes of one message of a client.
    pub message_bytes_max: usize,
    /// Bytes of the text of one statement, or of several in one message.
    pub sql_bytes_max: usize,
    /// Bytes of all prepared statements that one client keeps.
    pub prepared_bytes_max: usize,
    /// The database in whose place operators find the console. `None`: there is none.
    pub console_database: Option<String>,
    /// The resource whose databases clients connect to.
    pub resource: String,
    /// The secret of clients whose password is a JWT. `None`: there are no such clients.
    pub token_secret: Option<String>,
    /// How users are looked up that have no `[[user]]`. `None`: they are not.
    pub auth_query: Option<AuthQuery>,
    /// The certificate and its key. `None`: no TLS.
    pub tls: Option<Tls>,
    /// Whether passwords are bound to the channel.
    pub channel_binding: ChannelBinding,
    /// Whether clients are asked for a certificate.
    pub client_auth: ClientAuth,
    /// Wrong passwords that one address may have in a minute; 0 for any number.
    pub failed_logins_max: usize,
    /// Who has a name of their own.
    pub users: Vec<User>,
}

/// Whether passwords are bound to the channel, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// It is not offered.
    Disable,
    /// It is offered over TLS, and clients that cannot do without.
    Prefer,
    /// Without it no password is taken.
    Require,
}

impl Wire {
    /// Whether this is the name of the console.
    pub fn is_console(&self, database: &str) -> bool {
        self.console_database.as_deref() == Some(database)
    }

    /// Whether anybody could come in. Otherwise the door stays closed.
    pub fn is_open(&self) -> bool {
        !self.users.is_empty() || self.token_secret.is_some() || self.auth_query.is_some()
    }
}

/// `[wire]`; its users are put in afterwards.
pub fn wire(
    section: &Section<'_>,
    resources: &[Option<Resource>],
    secrets: &[Option<RoleSecret>],
) -> Wire {
    let listen = address(section);
    let first = || resources.iter().flatten().next().map(|resource| resource.arn.clone());
    let resource = section.text("resource");
    let token_secret = section.text("token_secret");
    if let Some(arn) = &resource
        && !resources.iter().flatten().any(|resource| resource.arn == *arn)
    {
        section.problem("resource", format!("{arn:?} is no [[resource]]: name one by its arn"));
    }
    let own =
        resources.iter().flatten().find(|own| resource.as_ref().is_none_or(|arn| own.arn == *arn));
    let console_database = section.text("console_database").filter(|name| !name.is_empty());
    if let Some(name) = &console_database
        && own.is_some_and(|own| own.databases.iter().any(|database| database.name == *name))
    {
        let text = format!(
            "{name:?} is a database of the resource as well: choose another name for \
                            the console, or \"\" for none"
        );
        section.problem("console_database", text);
    }
    if let Some(arn) = &token_secret {
        check_secret(section, "token_secret", arn, PrincipalKind::Tenant, secrets);
    }
    let resource = resource.or_else(first).unwrap_or_default();
    let named = resources.iter().flatten().find(|named| named.arn == resource);
    let auth_query = auth_query(section, named, secrets);
    let binding = channel_binding(section);
    let (client_auth, judge) = client_certificates(section);
    let tls = certificate::tls(section, Timestamp::now(), &[ALPN_POSTGRESQL], judge);
    check_binding(section, binding, tls.as_ref());
    Wire {
        listen,
        connections_max: section.integer("connections_max", 1..=1_000_000),
        login_timeout: section.duration("login_timeout", SHORTEST..=LONGEST),
        idle_timeout: section.duration("idle_timeout", SHORTEST..=LONGEST),
        pinned_timeout: section.duration("pinned_timeout", SHORTEST..=LONGEST),
        paused_timeout: section.duration("paused_timeout", SHORTEST..=LONGEST),
        write_timeout: section.duration("write_timeout", SHORTEST..=LONGEST),
        console_database,
        message_bytes_max: section.size("message_bytes_max", 1024..=MESSAGE_BYTES_MAX),
        sql_bytes_max: section.size("sql_bytes_max", 1024..=MESSAGE_BYTES_MAX),
        prepared_bytes_max: section.size("prepared_bytes_max", 1024..=MESSAGE_BYTES_MAX),
        resource,
        token_secret,
        auth_query,
        tls,
        channel_binding: binding,
        client_auth,
        failed_logins_max: section.integer("failed_logins_max", 0..=1_000_000),
        users: Vec::new(),
    }
}

fn channel_binding(section: &Section<'_>) -> ChannelBinding {
    let words = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    section.word("channel_binding", &words).unwrap_or(ChannelBinding::Prefer)
}

/// A door that requires what it cannot offer would let nobody in.
fn check_binding(section: &Section<'_>, binding: ChannelBinding, tls: Option<&Tls>) {
    if binding != ChannelBinding::Require {
        return;
    }
    match tls {
        Some(tls) if tls.end_point.is_none() => {
            let message = "cannot be required: the signature of the certificate has no hash of its \
                           own (Ed25519 has none), so that there is nothing to bind to";
            section.problem("channel_binding", message);
        }
        None if !section.has("tls_certificate_file") => {
            let message = "cannot be required without TLS: add tls_certificate_file";
            section.problem("channel_binding", message);
        }
        _ => {}
    }
}

/// A secret that is named must be there, and for principals of this kind.
pub fn check_secret(
    section: &Section<'_>,
    key: &str,
    arn: &str,
    kind: PrincipalKind,
    secrets: &[Option<RoleSecret>],
) {
    let Some(secret) = secrets.iter().flatten().find(|secret| secret.arn == arn) else {
        // What could not be read has a problem of its own.
        if secrets.iter().all(Option::is_some) {
            section.problem(key, format!("{arn:?} is no [[secret]]: name one by its arn"));
        }
        return;
    };
    if !secret.principals.contains(&kind) {
        let word = kind.as_str();
        section
            .problem(key, format!("that secret is not for {word} principals: add {word:?} there"));
    }
}
