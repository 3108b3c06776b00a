//! Requests signed by others must pass as they are and must not pass with anything changed.
//!
//! `testdata/sigv4/aws.json` is AWS's published signing test suite (aws-c-auth, Apache-2.0,
//! `tests/aws-signing-test-suite/v4`: the header-signed requests with normalised paths);
//! `botocore.json` was recorded from the AWS SDK for Python with `record.py` beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hostile;
mod recorded;

use serde::Deserialize;

use super::{CLOCK_WINDOW_S, Refusal, SignedRequest, hex, parse_authorization, verify};
use crate::secret::Secret;

/// One request as it was on the wire, and for whom it was signed.
#[derive(Clone, Deserialize)]
struct Recorded {
    name: String,
    service: String,
    region: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<String>,
    body: String,
}

impl Recorded {
    /// `POST /Execute` as the SDK for Python signs it, to be spoilt by a test.
    fn execute() -> Self {
        recorded::botocore().into_iter().next().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let matches = |line: &&String| line.split(':').next().unwrap().eq_ignore_ascii_case(name);
        self.headers.iter().find(matches).map(|line| line.split_once(':').unwrap().1.trim())
    }

    fn replace(&mut self, name: &str, value: &str) {
        self.headers.retain(|line| !line.split(':').next().unwrap().eq_ignore_ascii_case(name));
        self.headers.push(format!("{name}: {value}"));
    }

    /// Verifies it at `now` with `secret`, as a door would.
    fn verify(&self, secret: &str, now: u64) -> Result<(), Refusal> {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        let authorization = parse_authorization(self.header("authorization").unwrap().as_bytes())?;
        let secret = Secret::from(secret);
        verify(&authorization, &request, &secret, &self.region, &self.service, now, CLOCK_WINDOW_S)
    }
}

#[test]
fn hex_is_lower_case_and_whole() {
    assert_eq!(hex(&[0, 1, 0x9a, 0xff]), "00019aff");
    assert_eq!(hex(&[]), "");
}
