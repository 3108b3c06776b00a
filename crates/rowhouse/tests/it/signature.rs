//! AWS Signature Version 4, the client's half: written from the documentation and not from the
//! server's half, so that the two can disagree.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>

use std::net::SocketAddr;

use aws_lc_rs::{digest, hmac};

use crate::client::Request;
use crate::token;

/// What a request is signed with. Everything can be wrong.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The region of the scope.
    pub region: String,
    /// The service of the scope.
    pub service: String,
    /// Seconds since 1970 at the time of signing.
    pub time: u64,
    /// The session token, of temporary credentials.
    pub session_token: Option<String>,
    /// Headers that are left out of the signature.
    pub unsigned: Vec<String>,
}

impl Signer {
    /// As an SDK would sign.
    pub fn new(id: &str, secret: &str) -> Signer {
        Signer {
            id: id.to_owned(),
            secret: secret.to_owned(),
            region: "us-east-1".to_owned(),
            service: "rds-data".to_owned(),
            time: token::now(),
            session_token: None,
            unsigned: Vec::new(),
        }
    }

    /// The request with its signature.
    pub fn sign(&self, request: &Request, host: SocketAddr) -> Request {
        let time = basic_time(self.time);
        let day = time.get(..8).unwrap();
        let mut request = request.clone().header("X-Amz-Date", time.as_str());
        if request.values("host").is_empty() {
            request = request.header("Host", host.to_string());
        }
        if let Some(token) = &self.session_token {
            request = request.header("X-Amz-Security-Token", token.as_str());
        }
        let headers = self.signed_headers(&request);
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!(
            "{}\n{}\n\n{lines}\n{names}\n{}",
            request.method,
            request.path,
            hex(digest::digest(&digest::SHA256, &request.body).as_ref())
        );
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(first, |key, part| hmac(&key, part));
        let signature = hex(&hmac(&key, &to_sign));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id
        );
        request.header("Authorization", authorization)
    }

    fn signed_headers(&self, request: &Request) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(value)))
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(name, _)| !self.unsigned.contains(name))
            .collect();
        headers.sort();
        headers
    }
}

/// `20261121T095443Z`
fn basic_time(seconds: u64) -> String {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
    time.to_string().replace(['-', ':'], "")
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
