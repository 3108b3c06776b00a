//! What the gateway reads in X.509 certificates itself (RFC 5280): whom one is for, and by which
//! hash it is signed. Whether it is genuine is TLS's to say, before anybody asks here.
//!
//! Nothing is followed deeper than it has to be, so that no certificate costs more than its length.

mod der;

use der::{Der, tag};

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureHash {
    /// MD5 or SHA-1, which nobody should believe any more.
    Broken,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The common name of its subject, where there is exactly one.
    pub common: Option<String>,
    /// Its alternative names as openssl writes them: `DNS:host`, `email:a@b`, `URI:spiffe://…`.
    pub alternative: Vec<String>,
}

/// 2.5.4.3, `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17, `id-ce-subjectAltName`.
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// 1.2.840.113549.1.1, before the number of a signature with RSA (RFC 8017, appendix A.2.4).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// RSASSA-PSS, which names its hash in its parameters (RFC 4055, section 3.1).
const RSA_PSS: u8 = 10;
/// 1.2.840.10045.4, before the number of a signature with ECDSA (RFC 5758, section 3.2).
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// 2.16.840.1.101.3.4.2, before the number of a hash of the SHA-2 family (RFC 4055, section 2.1).
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
/// Of one certificate; those with hundreds of hosts are not clients'.
const ALTERNATIVES_MAX: usize = 100;

/// The hash that a certificate is signed by. `None` for signatures without one of their own, as
/// Ed25519's, and for those nobody here knows.
#[must_use]
pub fn signature_hash(certificate: &[u8]) -> Option<SignatureHash> {
    let mut certificate = Der::new(certificate).only(tag::SEQUENCE)?;
    certificate.next(tag::SEQUENCE)?;
    let mut algorithm = certificate.next(tag::SEQUENCE)?;
    let id = algorithm.next(tag::OBJECT_ID)?.bytes();
    let by_sha2 = [SignatureHash::Sha256, SignatureHash::Sha384, SignatureHash::Sha512];
    match (id.strip_prefix(RSA), id.strip_prefix(ECDSA)) {
        (Some([4 | 5]), _) | (_, Some([1])) => Some(SignatureHash::Broken),
        (Some([14]), _) | (_, Some([3, 1])) => Some(SignatureHash::Sha224),
        (Some([number @ 11..=13]), _) => by_sha2.get(usize::from(number - 11)).copied(),
        (_, Some([3, number @ 2..=4])) => by_sha2.get(usize::from(number - 2)).copied(),
        (Some([RSA_PSS]), _) => match algorithm.next(tag::SEQUENCE)?.next(tag::explicit(0)) {
            // SHA-1, unless it says otherwise.
            None => Some(SignatureHash::Broken),
            Some(mut hash) => hash_named(hash.next(tag::SEQUENCE)?.next(tag::OBJECT_ID)?.bytes()),
        },
        _ => None,
    }
}

fn hash_named(id: &[u8]) -> Option<SignatureHash> {
    match id.strip_prefix(SHA2)? {
        [1] => Some(SignatureHash::Sha256),
        [2] => Some(SignatureHash::Sha384),
        [3] => Some(SignatureHash::Sha512),
        [4] => Some(SignatureHash::Sha224),
        _ => None,
    }
}

/// Whom a certificate is for. `None`: it cannot be read.
#[must_use]
pub fn names(certificate: &[u8]) -> Option<Names> {
    let mut content = Der::new(certificate).only(tag::SEQUENCE)?.next(tag::SEQUENCE)?;
    // The version may be left out; then come serial number, signature, issuer and validity.
    content.next(tag::explicit(0));
    content.next(tag::INTEGER)?;
    for _ in 0..3 {
        content.next(tag::SEQUENCE)?;
    }
    let common = common_name(content.next(tag::SEQUENCE)?)?;
    content.next(tag::SEQUENCE)?;
    let mut alternative = Vec::new();
    // Unique identifiers ([1], [2]) stand before the extensions.
    while let Some((found, mut body)) = content.any() {
        if found == tag::explicit(3) {
            alternative = alternative_names(body.next(tag::SEQUENCE)?)?;
        }
    }
    Some(Names { common, alternative })
}

/// The one common name. With two, one reader would take the first and another the last.
fn common_name(mut subject: Der<'_>) -> Option<Option<String>> {
    let mut found = Vec::new();
    while !subject.is_empty() {
        let mut set = subject.next(tag::SET)?;
        while !set.is_empty() {
            let mut attribute = set.next(tag::SEQUENCE)?;
            let id = attribute.next(tag::OBJECT_ID)?;
            let (kind, value) = attribute.any()?;
            if id.bytes() == COMMON_NAME {
                let is_text = [tag::UTF8, tag::PRINTABLE, tag::IA5].contains(&kind);
                found.push(plain_text(value.bytes()).filter(|_| is_text));
            }
        }
    }
    Some(if found.len() == 1 { found.pop().flatten() } else { None })
}

fn alternative_names(mut extensions: Der<'_>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while !extensions.is_empty() {
        let mut extension = extensions.next(tag::SEQUENCE)?;
        let id = extension.next(tag::OBJECT_ID)?;
        extension.next(tag::BOOLEAN);
        let value = extension.next(tag::OCTETS)?;
        if id.bytes() != ALTERNATIVE_NAME {
            continue;
        }
        let mut general = Der::new(value.bytes()).only(tag::SEQUENCE)?;
        while !general.is_empty() {
            let (kind, name) = general.any()?;
            let prefix = match kind {
                tag::EMAIL => "email:",
                tag::DNS => "DNS:",
                tag::URI => "URI:",
                _ => continue,
            };
            let name = plain_text(name.bytes()).map(|name| format!("{prefix}{name}"));
            names.extend(name.filter(|_| names.len() < ALTERNATIVES_MAX));
        }
    }
    Some(names)
}

/// A name that looks to every reader as it does here: a NUL ends it for some.
fn plain_text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = !text.is_empty() && !text.chars().any(char::is_control);
    plain.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
