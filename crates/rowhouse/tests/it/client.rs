//! HTTP/1.1 over a socket, by hand: what a well-behaved client sends, and what no library would.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::answer::Answer;

/// Longer than any timeout of the gateway: whoever waits longer waits for nothing.
const READ_MAX: Duration = Duration::from_secs(90);

/// A request, line by line.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, with the query if there is one.
    pub path: String,
    /// The headers, in order; `Content-Length` is added when there is a body.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of JSON, as the SDKs send it.
    pub fn post(path: &str, body: &Value) -> Request {
        Request::post_bytes(path, body.to_string())
    }

    /// A POST of whatever it is.
    pub fn post_bytes(path: &str, body: impl Into<Vec<u8>>) -> Request {
        Request {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: vec![("Content-Type".to_owned(), b"application/json".to_vec())],
            body: body.into(),
        }
    }

    /// A GET, as a probe sends it.
    pub fn get(path: &str) -> Request {
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The values of a header.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_slice()).collect()
    }

    /// The same request with another value of a header, or without it.
    pub fn replace(mut self, name: &str, value: Option<&str>) -> Request {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// The head, and then the body.
    pub fn parts(&self, host: SocketAddr) -> (Vec<u8>, &[u8]) {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        if self.values("host").is_empty() {
            line("Host", host.to_string().as_bytes());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        let framed = ["content-length", "transfer-encoding"];
        if framed.iter().all(|name| self.values(name).is_empty()) && !self.body.is_empty() {
            line("Content-Length", self.body.len().to_string().as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        (head, &self.body)
    }
}

/// What bytes go over: TCP, or TLS over it.
trait Wire: Read + Write + Send + fmt::Debug {}

impl<T: Read + Write + Send + fmt::Debug> Wire for T {}

/// One connection to a door.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<Box<dyn Wire>>,
    socket: TcpStream,
    address: SocketAddr,
    /// The last answer said that there will be no other.
    closing: bool,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).unwrap()
    }

    /// Connects, if somebody listens.
    pub fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let socket = socket(address)?;
        let stream: Box<dyn Wire> = Box::new(socket.try_clone()?);
        Ok(Client { stream: BufReader::new(stream), socket, address, closing: false })
    }

    /// Connects with TLS, and waits for the end of the handshake.
    pub fn try_connect_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Client> {
        let socket = socket(address)?;
        let name = "localhost".try_into().map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut stream = socket.try_clone()?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        let stream: Box<dyn Wire> = Box::new(StreamOwned::new(tls, stream));
        Ok(Client { stream: BufReader::new(stream), socket, address, closing: false })
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        self.send(request)?;
        self.receive()
    }

    /// Sends a request.
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        let (mut bytes, body) = request.parts(self.address);
        // In one piece: two small writes would wait for each other.
        bytes.extend_from_slice(body);
        self.send_bytes(&bytes)
    }

    /// Sends bytes, whatever they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&mut self) {
        // A door that has closed already need not be told.
        if let Err(error) = self.socket.shutdown(Shutdown::Write) {
            assert_eq!(error.kind(), io::ErrorKind::NotConnected, "{error}");
        }
    }

    /// Reads one answer.
    pub fn receive(&mut self) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let Some(status) = status else { return Err(odd(&status_line)) };
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| odd(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let value = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, v)| v);
        let length = value("content-length").and_then(|length| length.parse().ok());
        self.closing = value("connection").is_some_and(|value| value == "close");
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, headers, body })
    }

    /// Whether the next request can be sent on this connection, as far as the last answer told.
    pub fn is_kept(&self) -> bool {
        !self.closing
    }

    /// Whether the other side has closed, and sent nothing before it did.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before an answer"));
        }
        Ok(line.trim_end().to_owned())
    }
}

/// A connected socket that never waits for longer than any timeout of the gateway.
pub fn socket(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(READ_MAX))?;
    socket.set_write_timeout(Some(READ_MAX))?;
    Ok(socket)
}

fn odd(line: &str) -> io::Error {
    io::Error::other(format!("no HTTP: {line:?}"))
}
