//! Who has a name of their own at the PostgreSQL door, and how they prove it.

use std::collections::BTreeSet;

use rowhouse_protocol::scram::server::Verifier;
use rowhouse_tenancy::certificate::Names;
use rowhouse_tenancy::ids::RoleName;
use rowhouse_tenancy::principal::Principal;

use super::client_certificates::ClientAuth;
use super::reader::Section;
use super::reader::secret::PASSWORD;
use super::wire::check_secret;
use super::{RoleSecret, Wire, grant};

/// The passwords of the users of `rowhouse dev`, which everybody knows, so they work on loopback
/// only.
pub const DEV_PASSWORDS: [&str; 2] = ["app_user", "TestPW123!"];
/// How openssl writes the names that a certificate may have beside its common one.
const ALTERNATIVES: [&str; 3] = ["DNS:", "email:", "URI:"];

/// Somebody with a name of their own. At least one of the two proofs is asked for.
#[derive(Debug)]
pub struct User {
    /// The name that clients give.
    pub name: String,
    /// What is kept of the password, where one is asked for.
    pub verifier: Option<Verifier>,
    /// Whose certificate it has to show, where one is asked for.
    pub certificate: Option<CertificateName>,
    /// Who it is.
    pub principal: Principal,
    /// The secret it uses.
    pub secret: String,
}

/// Whom a client's certificate has to be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// The common name of its subject.
    Common(String),
    /// One of its alternative names, as openssl writes them.
    Alternative(String),
}

impl CertificateName {
    /// Whether a certificate for these is the one.
    pub fn is_among(&self, names: &Names) -> bool {
        match self {
            CertificateName::Common(name) => names.common.as_ref() == Some(name),
            CertificateName::Alternative(name) => names.alternative.contains(name),
        }
    }
}

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Password,
    Certificate,
    Both,
}

/// One `[[user]]`.
pub fn user(
    section: &Section<'_>,
    door: &Wire,
    secrets: &[Option<RoleSecret>],
    names: &mut BTreeSet<String>,
) -> Option<User> {
    let name = section.required_text("name");
    section.unique("name", &name, names);
    let words =
        [("scram", Proof::Password), ("certificate", Proof::Certificate), ("both", Proof::Both)];
    let proof = section.word("auth", &words);
    // What is no word at all has a problem of its own.
    let proof = proof.unwrap_or(Proof::Password);
    let verifier = verifier(section, proof, door);
    let certificate = certificate(section, proof, &name, door);
    let kind = grant::kind(section);
    let tenant = section.text("tenant");
    let secret = section.required_text("secret");

    if let Err(error) = RoleName::parse(&name) {
        section.problem("name", error.to_string());
    }
    if let Some(kind) = kind {
        check_secret(section, "secret", &secret, kind, secrets);
    }
    let grant = grant::grant(section, kind, tenant.as_deref(), "user")?;
    let principal = grant.principal(&name);
    Some(User { verifier: verifier?, certificate: certificate?, principal, secret, name })
}

/// The password, if there is to be one. `None`: a problem.
fn verifier(section: &Section<'_>, proof: Proof, door: &Wire) -> Option<Option<Verifier>> {
    if proof == Proof::Certificate {
        let given = section.optional_secret(&PASSWORD);
        if given.is_some() {
            let message = "is not asked for with auth = \"certificate\": take it out, or write \
                           \"both\"";
            section.problem(PASSWORD.inline, message);
        }
        return Some(None);
    }
    let password = section.required_secret(&PASSWORD)?;
    if DEV_PASSWORDS.contains(&password.expose()) {
        grant::refuse_public(section, PASSWORD.inline, "password", ("wire.listen", door.listen));
    }
    let verifier = Verifier::parse(password.expose());
    let verifier = verifier.or_else(|| Verifier::of_password(password.expose()));
    if verifier.is_none() {
        section.problem(PASSWORD.inline, "cannot be used for SCRAM-SHA-256: choose another");
    }
    verifier.map(Some)
}

/// Whose certificate, if there is to be one: the user's own name, as `pg_hba.conf` has it, unless
/// another is given. `None`: a problem.
fn certificate(
    section: &Section<'_>,
    proof: Proof,
    user: &str,
    door: &Wire,
) -> Option<Option<CertificateName>> {
    let common = section.text("certificate_cn");
    let alternative = section.text("certificate_san");
    let keys = [("certificate_cn", &common), ("certificate_san", &alternative)];
    let given = keys.into_iter().find(|(_, value)| value.is_some()).map(|(key, _)| key);
    if proof == Proof::Password {
        if let Some(key) = given {
            let message = "is for auth = \"certificate\" or \"both\": write one of them, or take \
                           it out";
            section.problem(key, message);
        }
        return Some(None);
    }
    if door.client_auth == ClientAuth::None {
        let message = "needs wire.tls_client_auth = \"optional\" or \"required\": otherwise no \
                       client is asked for a certificate";
        section.problem("auth", message);
    }
    match (common, alternative) {
        (Some(_), Some(_)) => {
            section.problem("certificate_san", "take this out, or certificate_cn: one decides");
            None
        }
        (_, Some(name)) => {
            if !ALTERNATIVES.iter().any(|kind| name.len() > kind.len() && name.starts_with(kind)) {
                let message = "must say of which kind it is, as \"DNS:host.example\", \
                               \"email:a@b.example\" or \"URI:spiffe://a/b\"";
                section.problem("certificate_san", message);
            }
            Some(Some(CertificateName::Alternative(name)))
        }
        (common, None) => {
            let name = common.unwrap_or_else(|| user.to_owned());
            Some(Some(CertificateName::Common(name)))
        }
    }
}
