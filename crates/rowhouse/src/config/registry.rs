//! `[registry]`: where it stands which tenants there are, and who may look.

use std::path::PathBuf;
use std::sync::Arc;

use super::reader::Section;
use super::{PrincipalKind, Resource, RoleSecret, Server};

/// The keys that make a registry of the section; with none of them there is none.
const KEYS: [&str; 4] = ["secret", "resource", "database", "cache_file"];

/// Where the schema `rowhouse` is, and the operator's login there.
#[derive(Debug, Clone)]
pub struct Registry {
    /// The server.
    pub server: Arc<Server>,
    /// The database.
    pub database: String,
    /// The place of the secret in the configuration.
    pub secret: usize,
    /// Whether tenants without a record are served.
    pub open: bool,
    /// Where the last known records are kept for a start without the database.
    pub cache_file: Option<PathBuf>,
}

/// `[registry]`. `None`: nothing is written there, or nothing that can be used.
pub fn registry(
    section: &Section<'_>,
    resources: &[Option<Resource>],
    secrets: &[Option<RoleSecret>],
) -> Option<Registry> {
    let open = section.switch("open");
    let (resource, database) = (section.text("resource"), section.text("database"));
    let (secret, cache_file) = (section.text("secret"), section.file("cache_file"));
    if !KEYS.iter().any(|key| section.has(key)) {
        if !open {
            let message = "is for a registry: name the secret of who may read it, or take this out";
            section.problem("open", message);
        }
        return None;
    }
    let resource = found(section, resource.as_deref(), resources);
    if database.as_deref() == Some("") {
        section.problem("database", "must not be empty");
    }
    let secret = operator(section, secret.as_deref(), secrets);
    let (resource, secret) = (resource?, secret?);
    let database = database.unwrap_or_else(|| resource.default_database.clone());
    let server = Arc::clone(&resource.server);
    Some(Registry { server, database, secret, open, cache_file })
}

fn found<'r>(
    section: &Section<'_>,
    arn: Option<&str>,
    resources: &'r [Option<Resource>],
) -> Option<&'r Resource> {
    let Some(arn) = arn else { return resources.first()?.as_ref() };
    let found = resources.iter().flatten().find(|resource| resource.arn == arn);
    // What could not be read has a problem of its own.
    if found.is_none() && resources.iter().all(Option::is_some) {
        section.problem("resource", format!("{arn:?} is no [[resource]]: name one by its arn"));
    }
    found
}

/// The secret of somebody who is nobody else: whose role tenants or applications use could take a
/// suspension back.
fn operator(
    section: &Section<'_>,
    arn: Option<&str>,
    secrets: &[Option<RoleSecret>],
) -> Option<usize> {
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else {
        let message = "is needed: name the [[secret]] of an operator, for \"admin\" alone";
        section.problem("secret", message);
        return None;
    };
    let place = secrets.iter().position(|one| one.as_ref().is_some_and(|one| one.arn == arn));
    let Some(secret) = place.and_then(|place| secrets.get(place)?.as_ref()) else {
        if secrets.iter().all(Option::is_some) {
            section.problem("secret", format!("{arn:?} is no [[secret]]: name one by its arn"));
        }
        return None;
    };
    if secret.principals != [PrincipalKind::Admin] || secret.per_tenant {
        let message = "that secret is not for \"admin\" alone: whoever else has it could change \
                       the registry; make one of an operator's own";
        section.problem("secret", message);
        return None;
    }
    place
}
