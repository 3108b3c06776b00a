//! The keys of an issuer: written here, in a file, or published at a URL.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hyper::Uri;
use rowhouse_tenancy::jwt::{Algorithm, KeySet, Origin, VerificationKey};
use rowhouse_tenancy::secret::Secret;

use super::reader::Section;
use super::reader::secret::SECRET;
use super::{KeySetSource, raw};

/// More often than every second is a load on the issuer and no gain; a withdrawn key that is good
/// for more than a day is not withdrawn.
const REFRESH: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
/// How often a key set is fetched unless configured: what a withdrawn key may still do, at most.
const REFRESH_DEFAULT: Duration = Duration::from_secs(300);

/// Who signs for an issuer.
pub struct Keys {
    /// Those that the configuration holds.
    pub local: Vec<VerificationKey>,
    /// Where more are to be fetched.
    pub key_set: Option<KeySetSource>,
    /// Whether any were written, right or wrong.
    pub any: bool,
    /// Whether there is a URL, right or wrong.
    pub is_url: bool,
}

/// The keys that a section names.
pub fn keys(section: &Section<'_>) -> Keys {
    let allowed = algorithms(section);
    let key_set = key_set(section, allowed.as_deref());
    let mut local = file_keys(section, allowed.as_deref());
    let mut kids = BTreeSet::new();
    let written = section.sections("key", |section| key(section, allowed.as_deref(), &mut kids));

    let is_url = section.has("jwks_url");
    let any = is_url || section.has("jwks_file") || !written.is_empty();
    local.extend(written.into_iter().flatten());
    let only_url = is_url && !section.has("jwks_file") && local.is_empty();
    if only_url && allowed.is_some_and(|allowed| allowed.contains(&Algorithm::HS256)) {
        let message = "HS256 is never taken from jwks_url: a secret on a page is none. Take it \
                       out, or write the secret into a key of this issuer";
        section.problem("algorithms", message);
    }
    Keys { local, key_set, any, is_url }
}

/// What the issuer may sign with, if that is said.
fn algorithms(section: &Section<'_>) -> Option<Vec<Algorithm>> {
    let words = section.texts("algorithms");
    let mut allowed = Vec::new();
    for word in &words {
        match Algorithm::parse(word) {
            Some(one) if allowed.contains(&one) => {
                section.problem("algorithms", format!("{word:?} is there twice"));
            }
            Some(one) => allowed.push(one),
            None => {
                let names = Algorithm::ALL.map(Algorithm::as_str).join(", ");
                section.problem("algorithms", format!("{word:?} must be one of {names}"));
            }
        }
    }
    (!words.is_empty()).then_some(allowed)
}

fn key_set(section: &Section<'_>, allowed: Option<&[Algorithm]>) -> Option<KeySetSource> {
    let url = section.text("jwks_url");
    let ca_file = section.file("jwks_ca_file");
    let refresh = section.optional_duration("jwks_refresh", REFRESH).unwrap_or(REFRESH_DEFAULT);
    let allow_private = section.switch("jwks_allow_private");

    if let Some(file) = &ca_file
        && let Err(error) = raw::check_readable(file)
    {
        section.problem("jwks_ca_file", format!("cannot read {}: {error}", file.display()));
    }
    let url = match checked_url(&url?, allow_private) {
        Ok(url) => url,
        Err(message) => {
            section.problem("jwks_url", message);
            return None;
        }
    };
    let allowed = allowed.unwrap_or(&Algorithm::OF_KEY_SETS).to_vec();
    Some(KeySetSource { url, ca_file, refresh, allow_private, allowed })
}

fn checked_url(text: &str, allow_private: bool) -> Result<Uri, String> {
    let shape = "must be a URL such as \"https://issuer.example/.well-known/jwks.json\"";
    let url: Uri = text.parse().map_err(|_| shape.to_owned())?;
    let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
    let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if host.is_empty() || text.contains(['#', '\\']) || authority.contains('@') {
        return Err(format!("{shape}, without user, password and fragment"));
    }
    if authority != host && url.port_u16().is_none_or(|port| port == 0) {
        return Err(format!("{shape}, with a port from 1 to 65535 if with any"));
    }
    match scheme {
        "https" => Ok(url),
        "http" if allow_private && is_loopback(host) => Ok(url),
        "http" => {
            Err("must begin with https://: whoever is on the way could put keys of their own \
                       into the set. http:// is for localhost, with jwks_allow_private = true"
                .to_owned())
        }
        _ => Err(shape.to_owned()),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn file_keys(section: &Section<'_>, allowed: Option<&[Algorithm]>) -> Vec<VerificationKey> {
    const KEY: &str = "jwks_file";
    let Some(text) = section.text(KEY).and_then(|name| section.file_text(KEY, &name)) else {
        return Vec::new();
    };
    let allowed = allowed.unwrap_or(&Algorithm::OF_KEY_SETS);
    let set = match KeySet::parse(text.as_bytes(), allowed, Origin::File) {
        Ok(set) => set,
        Err(error) => {
            section.problem(KEY, error.to_string());
            return Vec::new();
        }
    };
    if set.keys.is_empty() {
        let why: Vec<String> = set.skipped.iter().map(ToString::to_string).collect();
        section.problem(KEY, format!("holds no key that can be used: {}", why.join("; ")));
    }
    set.keys
}

/// One `[[jwt.key]]` or `[[issuer.key]]`.
fn key(
    section: &Section<'_>,
    allowed: Option<&[Algorithm]>,
    kids: &mut BTreeSet<String>,
) -> Option<VerificationKey> {
    let kid = section.text("kid");
    let algorithm = section.word("algorithm", &Algorithm::ALL.map(|one| (one.as_str(), one)));
    let material = Material::read(section);

    if let Some(kid) = &kid {
        section.unique("kid", kid, kids);
    }
    if algorithm.is_none() && !section.has("algorithm") {
        section.problem("algorithm", "is needed: \"RS256\", \"ES256\", \"EdDSA\" or \"HS256\"");
    }
    let algorithm = algorithm?;
    if allowed.is_some_and(|allowed| !allowed.contains(&algorithm)) {
        section.problem("algorithm", "is not among the algorithms of this issuer: add it there");
    }
    let (text, key) = material.of(section, algorithm)?;
    let key_of = VerificationKey::new(kid, algorithm, text.as_bytes());
    key_of.map_err(|error| section.problem(key, error.to_string())).ok()
}

/// What a key may be made of.
struct Material {
    secret: Option<Secret>,
    public_key: Option<String>,
    public_key_file: Option<String>,
}

impl Material {
    fn read(section: &Section<'_>) -> Material {
        Material {
            secret: section.optional_secret(&SECRET),
            public_key: section.text("public_key"),
            public_key_file: section.text("public_key_file"),
        }
    }

    /// What this algorithm needs, and the setting that holds it.
    fn of(self, section: &Section<'_>, algorithm: Algorithm) -> Option<(String, &'static str)> {
        let shared = [SECRET.inline, SECRET.file, SECRET.variable].map(|key| section.has(key));
        let is_shared = algorithm == Algorithm::HS256;
        match (is_shared, shared.contains(&true), self.public_key, self.public_key_file) {
            (true, true, None, None) => Some((self.secret?.expose().to_owned(), SECRET.inline)),
            (false, false, Some(text), None) => Some((text, "public_key")),
            (false, false, None, Some(name)) => {
                let key = "public_key_file";
                Some((section.file_text(key, &name)?, key))
            }
            (true, ..) => {
                let message = "HS256 needs secret, secret_file or secret_env, and no public key";
                section.problem("algorithm", message);
                None
            }
            (false, ..) => {
                let message = format!(
                    "{} needs public_key or public_key_file, and no secret",
                    algorithm.as_str()
                );
                section.problem("algorithm", message);
                None
            }
        }
    }
}
