//! An issuer's page with its keys, served as badly as a trial wants.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::token;
use crate::wait;

/// A connection that nobody closes ends then: longer than a gateway ever waits.
const CONNECTION_MAX: Duration = Duration::from_secs(60);

/// How a path is answered.
#[derive(Clone)]
pub enum Reply {
    /// As it should be.
    Set(Value),
    /// The same, after a while.
    Late(Value, Duration),
    /// These bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// A good head, and then body for as long as anybody reads.
    Endless,
    /// Header lines for as long as anybody reads.
    Headers,
    /// Nothing.
    Silence,
}

/// A server of key sets. It stops when it is dropped.
pub struct KeyServer {
    /// Where it listens.
    pub address: SocketAddr,
    page: Arc<Page>,
}

struct Page {
    replies: Mutex<HashMap<String, Reply>>,
    asked: Mutex<HashMap<String, usize>>,
    tls: Option<Arc<ServerConfig>>,
    stopped: AtomicBool,
}

impl KeyServer {
    /// Serves on a free port.
    pub fn start() -> KeyServer {
        KeyServer::start_at("127.0.0.1:0".parse().unwrap(), None)
    }

    /// Serves at an address, by TLS if there is a configuration.
    pub fn start_at(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> KeyServer {
        // The port was somebody's until just now, when it is given.
        let listener =
            wait::until("the port is free", CONNECTION_MAX, || TcpListener::bind(address).ok());
        let address = listener.local_addr().unwrap();
        let page = Arc::new(Page {
            replies: Mutex::default(),
            asked: Mutex::default(),
            tls,
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&page);
        std::thread::spawn(move || accepting.accept(&listener));
        KeyServer { address, page }
    }

    /// From now on this path is answered so.
    pub fn set(&self, path: &str, reply: Reply) {
        self.page.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// How often this path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.page.asked.lock().unwrap().get(path).copied().unwrap_or_default()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.page.stopped.store(true, Ordering::SeqCst);
        // Wakes it up; if nobody is there any more, so much the better.
        let _ = TcpStream::connect(self.address);
    }
}

impl Page {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let page = Arc::clone(&self);
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(CONNECTION_MAX));
                // What a client makes of it, the trial sees at the gateway.
                let _ = match &page.tls {
                    None => page.answer(stream),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        page.answer(StreamOwned::new(connection, stream))
                    }
                };
            });
        }
    }

    fn answer(&self, mut stream: impl Read + Write) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        *self.asked.lock().unwrap().entry(path.clone()).or_default() += 1;
        let reply = self.replies.lock().unwrap().get(&path).cloned();
        match reply {
            Some(Reply::Set(set)) => stream.write_all(&json_answer(&set)),
            Some(Reply::Late(set, time)) => {
                wait::pause(time);
                stream.write_all(&json_answer(&set))
            }
            Some(Reply::Raw(bytes)) => stream.write_all(&bytes),
            Some(Reply::Endless) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[")?;
                loop {
                    stream.write_all(&[b' '; 1024])?;
                }
            }
            Some(Reply::Headers) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
                loop {
                    stream.write_all(b"X-More: and more and more and more\r\n")?;
                }
            }
            Some(Reply::Silence) => stream.read_exact(&mut [0]),
            None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        }
    }
}

/// A key set as an issuer sends it.
pub fn json_answer(set: &Value) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json\r\n", set.to_string().as_bytes())
}

/// An answer.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A key that signs tokens.
pub struct Key {
    kid: String,
    pair: Ed25519KeyPair,
}

impl Key {
    /// A fresh one of this name.
    pub fn new(kid: &str) -> Key {
        Key { kid: kid.to_owned(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    /// What its issuer publishes.
    pub fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": x})
    }

    /// The bytes that everybody has.
    pub fn public_text(&self) -> String {
        self.public()["x"].as_str().unwrap().to_owned()
    }

    /// A good token for a tenant.
    pub fn token(&self, issuer: &str, tenant: &str) -> String {
        let mut claims = token::claims(tenant);
        claims["iss"] = json!(issuer);
        self.sign(&claims)
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "EdDSA", "kid": self.kid}), claims)
    }

    /// A token with this header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = token::unsigned(header, claims);
        let signature = self.pair.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The set of these keys.
pub fn set_of(keys: &[&Key]) -> Value {
    json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()})
}
