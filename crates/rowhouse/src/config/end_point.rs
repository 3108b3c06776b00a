//! What a client binds its password to: `tls-server-end-point`, the hash of the server's
//! certificate by the hash of its own signature (RFC 5929, section 4).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA224, SHA256, SHA384, SHA512, digest};
use rowhouse_tenancy::certificate::{SignatureHash, signature_hash};

/// The hash of a certificate. `None` for signatures without a hash of their own, as Ed25519's: the
/// RFC leaves their binding undefined, so none is offered.
pub fn hash(certificate: &[u8]) -> Option<Arc<[u8]>> {
    let algorithm = match signature_hash(certificate)? {
        // What signs by MD5 or SHA-1 is hashed by SHA-256 all the same.
        SignatureHash::Broken | SignatureHash::Sha256 => &SHA256,
        SignatureHash::Sha224 => &SHA224,
        SignatureHash::Sha384 => &SHA384,
        SignatureHash::Sha512 => &SHA512,
    };
    Some(digest(algorithm, certificate).as_ref().into())
}
