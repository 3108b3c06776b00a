//! Several issuers side by side: a token's `iss` says whose keys may verify it, and no other's do.

use aws_lc_rs::digest;

use super::{KeyMark, Refusal, Unverified, VerificationKey, Verifier};
use crate::excerpt::Excerpt;
use crate::ids::TenantId;
use crate::principal::Principal;

/// Everybody who may sign tokens. It is immutable: a changed key set makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Issuers {
    verifiers: Vec<Verifier>,
}

/// What a token has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who sent it.
    pub principal: Principal,
    /// By whose key.
    pub proof: Proof,
}

/// The key that verified a token. A token remembered beyond one request is good only while
/// [`Issuers::holds`] its proof: an issuer withdraws a key by taking it out of its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    issuer: usize,
    key: KeyMark,
}

/// Which issuer vouches for a session that outlives its token, in a few bytes: a hash of the `iss`
/// that the configuration names, or of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerMark(pub(crate) [u8; ISSUER_MARK_BYTES]);

/// Who are confused by a collision are two issuers that one operator has chosen.
pub(crate) const ISSUER_MARK_BYTES: usize = 8;

impl IssuerMark {
    fn of(issuer: Option<&str>) -> Self {
        // No `iss` is empty (the configuration refuses it), so none is told from every name.
        let hash = digest::digest(&digest::SHA256, issuer.unwrap_or_default().as_bytes());
        let mut mark = [0; ISSUER_MARK_BYTES];
        for (byte, from) in mark.iter_mut().zip(hash.as_ref()) {
            *byte = *from;
        }
        Self(mark)
    }
}

impl Issuers {
    /// The issuers in the order of the configuration, which is their number from now on.
    pub fn new(verifiers: Vec<Verifier>) -> Self {
        Self { verifiers }
    }

    /// Whether there are none, and so no tokens.
    pub fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }

    /// The number of the issuer whose keys may verify this token: the one that its `iss` names
    /// exactly, else the one that takes any `iss`.
    pub fn issuer_of(&self, token: &Unverified<'_>) -> Result<usize, Refusal> {
        let issuer = token.claims().issuer()?;
        let position = |name| self.verifiers.iter().position(|one| one.issuer() == name);
        let named = issuer.and_then(|name| position(Some(name)));
        named.or_else(|| position(None)).ok_or_else(|| {
            issuer.map_or(Refusal::Missing("iss"), |name| Refusal::Issuer(Excerpt::of(name)))
        })
    }

    /// What `token` proves at `now` (Unix seconds) with the keys of this issuer.
    pub fn verify(
        &self,
        issuer: usize,
        token: &Unverified<'_>,
        now: u64,
    ) -> Result<Verified, Refusal> {
        let verifier = self.verifiers.get(issuer).ok_or(Refusal::Missing("iss"))?;
        let (principal, key) = verifier.check(token, now)?;
        Ok(Verified { principal, proof: Proof { issuer, key } })
    }

    /// Whether the key of a proof is still there.
    pub fn holds(&self, proof: &Proof) -> bool {
        let verifier = self.verifiers.get(proof.issuer);
        verifier.is_some_and(|verifier| verifier.keys().any(|key| key.mark() == proof.key))
    }

    /// The issuer that a proof is of.
    pub fn mark(&self, proof: &Proof) -> Option<IssuerMark> {
        Some(IssuerMark::of(self.verifiers.get(proof.issuer)?.issuer()))
    }

    /// Whether an issuer is still configured, and may still vouch for this tenant. Its keys may be
    /// others by now: who rotates them does not end the sessions of those who have come before.
    pub fn vouches(&self, mark: IssuerMark, tenant: Option<&TenantId>) -> bool {
        let mut verifiers = self.verifiers.iter();
        let verifier = verifiers.find(|verifier| IssuerMark::of(verifier.issuer()) == mark);
        verifier.is_some_and(|verifier| {
            let tenants = &verifier.config.tenants;
            tenants.is_empty() || tenant.is_some_and(|tenant| tenants.contains(tenant))
        })
    }

    /// The keys that were fetched last for this issuer.
    pub fn fetched(&self, issuer: usize) -> &[VerificationKey] {
        self.verifiers.get(issuer).map(|verifier| &*verifier.fetched).unwrap_or_default()
    }

    /// Puts what was fetched in the place of an issuer's last fetched keys. `None` when they are
    /// the same.
    pub fn with_fetched(&self, issuer: usize, keys: Vec<VerificationKey>) -> Option<Self> {
        let verifier = self.verifiers.get(issuer)?;
        let marks = |keys: &[VerificationKey]| keys.iter().map(|k| k.mark()).collect::<Vec<_>>();
        if marks(&verifier.fetched) == marks(&keys) {
            return None;
        }
        let mut verifiers = self.verifiers.clone();
        *verifiers.get_mut(issuer)? = verifier.with_fetched(keys);
        Some(Self { verifiers })
    }
}
