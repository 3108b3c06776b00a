//! From what was written to [`Config`], or to every problem at once.

use std::collections::BTreeSet;
use std::path::Path;

use super::problem::{Place, Problem};
use super::raw::Source;
use super::reader::{Findings, Reader, Section};
use super::values::Values;
use super::{
    Config, admission, credentials, doors, issuers, registry, role_secret, seal, servers, sts,
    tokens, usage, users, wire,
};

/// The commented default file; what a configuration leaves out is taken from it.
pub const DEFAULT_FILE: &str = include_str!("../../config.default.toml");

/// A configuration and what of it is in force.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every value in force as TOML, secrets masked, with the place each comes from.
    pub listing: String,
    /// What is in force, to compare it with another reading.
    pub values: Values,
    /// What is odd and does not keep it from being used.
    pub warnings: Vec<Problem>,
}

/// Checks a configuration file and its environment. `path` names it in problems, and files that it
/// names are looked for beside it.
pub fn load(
    text: &str,
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Vec<Problem>> {
    let source = Source { text, path, environment: environment.into_iter().collect() };
    let reader = Reader::new(&source, DEFAULT_FILE).map_err(|problem| vec![problem])?;
    let (config, Findings { problems, warnings, listing, values, .. }) = reader.read(read);
    match config {
        Some(mut config) if problems.is_empty() => {
            config.listing.clone_from(&listing);
            Ok(Loaded { config, listing, values, warnings })
        }
        _ if problems.is_empty() => Err(vec![Problem {
            place: Place::File { line: None, name: source.name() },
            key: String::new(),
            message: "cannot be used, for a reason that went missing: please report this".into(),
        }]),
        _ => Err(problems),
    }
}

/// The whole file. `None` only beside a problem.
pub(super) fn read(file: &Section<'_>) -> Option<Config> {
    let http = file.section("http", doors::http);
    let admin = file.section("admin", doors::admin);
    let log = file.section("log", doors::log);
    let pool = file.section("pool", doors::pool);
    let limits = file.section("limits", doors::limits);
    let region = file.section("aws", doors::region);
    let gate_accept = file.section("gate", doors::gate_accept);
    let seal = file.section("seal", seal::seal);
    let mut names = BTreeSet::new();
    let jwt = file.section("jwt", |section| issuers::jwt(section, &mut names));
    let others =
        file.sections("issuer", |section| issuers::issuer(section, &jwt.rules, &mut names));
    let sts = file.section("sts", sts::sts);
    let token = file.optional_section("token", |section| tokens::token(section, &jwt.rules));
    let usage = file.section("usage", usage::usage);
    let admission = admission::read(file);

    let mut names = BTreeSet::new();
    let servers = file.sections("server", |section| servers::server(section, &mut names));
    let mut arns = BTreeSet::new();
    let resources =
        file.sections("resource", |section| servers::resource(section, &servers, &mut arns));
    let mut arns = BTreeSet::new();
    let secrets = file.sections("secret", |section| role_secret::role_secret(section, &mut arns));
    let mut ids = BTreeSet::new();
    let access_keys = file
        .sections("access_key", |section| credentials::access_key(section, http.listen, &mut ids));

    if seal.is_none() {
        seal::check(file, resources.iter().flatten());
    }
    let registry =
        file.section("registry", |section| registry::registry(section, &resources, &secrets));
    usage::check(file, &usage, registry.is_some());
    let mut door = file.section("wire", |section| wire::wire(section, &resources, &secrets));
    let mut names = BTreeSet::new();
    let users = file.sections("user", |section| users::user(section, &door, &secrets, &mut names));

    demand(file, "resource", &resources, "add a [[resource]], which callers ask for");
    demand(file, "secret", &secrets, "add a [[secret]], the role that statements run as");
    let no_issuer = jwt.issuer.is_none() && others.is_empty() && !file.has("jwt");
    if access_keys.is_empty() && users.is_empty() && door.auth_query.is_none() && no_issuer {
        let message = "nobody could prove who they are: add an [[access_key]] or an [[issuer]]";
        file.problem("access_key", message);
    }
    door.users = users.into_iter().collect::<Option<_>>()?;
    Some(Config {
        http,
        wire: door,
        admin,
        log,
        pool,
        limits,
        admission: admission?,
        servers,
        resources: resources.into_iter().collect::<Option<_>>()?,
        secrets: secrets.into_iter().collect::<Option<_>>()?,
        access_keys: access_keys.into_iter().collect::<Option<_>>()?,
        region,
        issuers: jwt.issuer.into_iter().map(Some).chain(others).collect::<Option<_>>()?,
        sts,
        token: token.flatten(),
        seal: seal.flatten(),
        registry,
        usage,
        gate_accept,
        listing: String::new(),
    })
}

/// Nothing works without one of these.
fn demand<T>(file: &Section<'_>, key: &str, all: &[T], remedy: &str) {
    if all.is_empty() {
        file.problem(key, format!("none is there: {remedy}"));
    }
}

#[cfg(test)]
mod tests;
