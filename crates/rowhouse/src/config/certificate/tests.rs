//! Certificates in, dates out; whatever is no certificate has none.

use super::*;

/// Ends within the century that two digits can name.
const SOON: &str = "\
MIIBLDCB36ADAgECAhQRwMPZ0TotZqJGCU66QMq9LhwiCDAFBgMrZXAwDDEKMAgG\
A1UEAwwBeDAeFw0yNjExMjExMjQxNDVaFw0yNjExMjIxMjQxNDVaMAwxCjAIBgNV\
BAMMAXgwKjAFBgMrZXADIQAsclp/3c6ANAo2EZYD0u00YZMRbBHiuOXDcZeQfk6U\
V6NTMFEwHQYDVR0OBBYEFB/sUB2ymx9TTxNBWKNx4HwqAU7qMB8GA1UdIwQYMBaA\
FB/sUB2ymx9TTxNBWKNx4HwqAU7qMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA\
PhyR5/i/M1z78BgbRal/nnc3oEwwKGoycHS6/IBuWeLwibiiHigBZnqxQHb0/uMe\
gYGeqhMc/FAqCNSDnZScCw==";
/// Ends after 2049, which takes four (RFC 5280, 4.1.2.5).
const LATER: &str = "\
MIIBLjCB4aADAgECAhQjlBtnEi7zdY6qTRhy5xTXw6HmXTAFBgMrZXAwDDEKMAgG\
A1UEAwwBeDAgFw0yNjExMjExMjQxNDVaGA8yMDgxMDgyNDEyNDE0NVowDDEKMAgG\
A1UEAwwBeDAqMAUGAytlcAMhAPPGbeapogJmo/9+O3sU63ViszSS5VGlfg9oUf0J\
S9H7o1MwUTAdBgNVHQ4EFgQUvzSEeviqGdfgEUakNCeLtjhQKwMwHwYDVR0jBBgw\
FoAUvzSEeviqGdfgEUakNCeLtjhQKwMwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD\
QQBhJKRKWy0Ug+ulTT2JujfMqEHq0wBn30fo8wFIz/t+RV07NuVYqwJDiRh3WZR/\
CH+Q4C6iqZCLq2JnrG4eMNkI";

fn der(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

#[test]
fn dates_are_read() {
    for (certificate, until) in [(SOON, "2026-11-22T12:41:45Z"), (LATER, "2081-08-24T12:41:45Z")] {
        let (from, to) = validity(&der(certificate)).unwrap();
        assert_eq!(from.to_string(), "2026-11-21T12:41:45Z");
        assert_eq!(to.to_string(), until);
    }
}

#[test]
fn what_is_cut_off_has_none() {
    let whole = der(SOON);
    for length in 0..whole.len() {
        assert_eq!(validity(whole.get(..length).unwrap()), None, "{length}");
    }
    assert_eq!(validity(&[0x30; 64]), None);
}
