//! Certificates, as clients show them and operators write them down.

use rowhouse_tenancy::certificate::{names, signature_hash};

/// Reads whom one is for, and how it is signed.
pub fn certificate(data: &[u8]) {
    let _ = signature_hash(data);
    let Some(names) = names(data) else {
        return;
    };
    let plain = |name: &str| !name.is_empty() && !name.chars().any(char::is_control);
    assert!(names.common.as_deref().is_none_or(plain), "{names:?}");
    for name in &names.alternative {
        // Of which kind a name is, nothing in the name itself can say.
        let rest = ["DNS:", "email:", "URI:"].iter().find_map(|kind| name.strip_prefix(kind));
        assert!(rest.is_some_and(plain), "{name:?}");
    }
    assert!(names.alternative.len() <= data.len() / 2);
}
