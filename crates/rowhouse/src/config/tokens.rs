//! The local key that `rowhouse token` signs with.

use rowhouse_tenancy::jwt::Signer;

use super::Token;
use super::issuers::Rules;
use super::reader::Section;
use super::reader::secret::SECRET;

/// `[token]`. What it leaves out is as `[jwt]` has it.
pub fn token(section: &Section<'_>, jwt: &Rules) -> Option<Token> {
    let kid = section.text("kid");
    let secret = section.required_secret(&SECRET);
    let audience = section.text("audience").or_else(|| jwt.audiences.first().cloned());
    let issuer = section.text("issuer").or_else(|| jwt.issuer.clone());

    if audience.is_none() {
        section.problem("audience", "is needed, here or in [jwt]: what tokens are made for");
    }
    let signer = Signer::hs256(&secret?, kid.as_deref())
        .map_err(|error| section.problem(SECRET.inline, error.to_string()));
    let (tenant_claim, role_claim) = (jwt.tenant_claim.clone(), jwt.role_claim.clone());
    Some(Token { signer: signer.ok()?, audience: audience?, issuer, tenant_claim, role_claim })
}
