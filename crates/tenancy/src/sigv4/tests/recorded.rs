//! Signatures of AWS's test suite and of the AWS SDK for Python.

use super::{Recorded, Refusal};

const SUITE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z
const SUITE_NOW: u64 = 1_440_938_160;

pub(super) const BOTOCORE_SECRET: &str = "rowhouse-dev-secret";
/// 2026-11-21T23:59:58Z
pub(super) const BOTOCORE_NOW: u64 = 1_795_305_598;

pub(super) fn botocore() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../../../testdata/sigv4/botocore.json")).unwrap()
}

fn suite() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../../../testdata/sigv4/aws.json")).unwrap()
}

#[test]
fn the_suite_of_aws() {
    for case in suite() {
        // Its client adds the session token after signing; here a token has to be signed.
        let expected = match case.name.as_str() {
            "post-sts-header-after" => Err(Refusal::NotSigned("X-Amz-Security-Token")),
            _ => Ok(()),
        };
        assert_eq!(case.verify(SUITE_SECRET, SUITE_NOW), expected, "{}", case.name);
    }
}

#[test]
fn the_sdk_for_python() {
    let cases = botocore();
    assert!(cases.len() > 10);
    for case in cases {
        assert_eq!(case.verify(BOTOCORE_SECRET, BOTOCORE_NOW), Ok(()), "{}", case.name);
    }
}

#[test]
fn nothing_passes_with_another_secret() {
    for case in suite().into_iter().filter(|case| case.name != "post-sts-header-after") {
        assert_eq!(case.verify("wrong", SUITE_NOW), Err(Refusal::Signature), "{}", case.name);
    }
    for case in botocore() {
        assert_eq!(case.verify("", BOTOCORE_NOW), Err(Refusal::Signature), "{}", case.name);
    }
}

#[test]
fn nothing_passes_with_another_method_path_query_or_body() {
    let changes: [fn(&mut Recorded); 6] = [
        |case| case.method = "PATCH".to_owned(),
        |case| case.path.push('x'),
        |case| case.path = case.path.to_uppercase() + "/A",
        |case| case.query.push_str("&zz"),
        |case| case.body.push(' '),
        |case| case.body.insert(0, '\0'),
    ];
    for case in botocore() {
        for (number, change) in changes.iter().enumerate() {
            let mut spoilt = case.clone();
            change(&mut spoilt);
            let result = spoilt.verify(BOTOCORE_SECRET, BOTOCORE_NOW);
            assert_eq!(result, Err(Refusal::Signature), "{} {number}", case.name);
        }
    }
}

#[test]
fn nothing_passes_with_another_signed_header() {
    for case in botocore() {
        for name in ["Host", "Content-Type", "X-Amz-Security-Token"] {
            let mut spoilt = case.clone();
            if spoilt.header(name).is_some() {
                spoilt.replace(name, "other");
                let result = spoilt.verify(BOTOCORE_SECRET, BOTOCORE_NOW);
                assert_eq!(result, Err(Refusal::Signature), "{} {name}", case.name);
            }
        }
    }
}

#[test]
fn headers_that_proxies_add_do_not_matter() {
    for mut case in botocore() {
        case.replace("X-Forwarded-For", "10.0.0.1");
        case.replace("User-Agent", "anything");
        case.headers.reverse();
        assert_eq!(case.verify(BOTOCORE_SECRET, BOTOCORE_NOW), Ok(()), "{}", case.name);
    }
}
