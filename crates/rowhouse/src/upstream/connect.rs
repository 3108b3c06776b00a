//! Opening a connection: socket, TLS, start-up, SCRAM; and asking one thing at a time on it.
//!
//! None of the futures here may be dropped half-way and used again: they are run to their end or
//! the connection goes with them.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rowhouse_protocol::backend::{
    Authentication, BackendKeyData, DataRow, ErrorFields, ParameterStatus, ReadyForQuery,
    TransactionStatus, tag,
};
use rowhouse_protocol::frame;
use rowhouse_protocol::frontend::{self, Parameter};
use rowhouse_protocol::scram::{ChannelBinding, SCRAM_SHA_256, ScramClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::tls::{HostCheck, handshake};
use super::{Login, UpstreamError};
use crate::config::{Server, ServerAddress, ServerTls};
use crate::net::Stream;

/// The largest answer a start-up step or a one-thing-at-a-time query may have.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Parameters that a server tells about itself; PostgreSQL 18 has sixteen.
const TOLD_MAX: usize = 64;
/// How long a cancel request may take; nobody waits for it.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Parameters every session starts with. They are the values `RESET ALL` goes back to, they win
/// over `ALTER ROLE … SET`, and the scanner and the result writer rely on them
/// (PostgreSQL docs, "Message Flow", start-up; "Parameter Interaction via the Configuration File").
const SESSION_PARAMETERS: [(&str, &str); 9] = [
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("row_security", "on"),
    // Nobody reads notices here; a statement that raises a million of them need not send them.
    ("client_min_messages", "error"),
];

/// What a cancel request must carry (PostgreSQL docs, "Canceling Requests in Progress").
#[derive(Debug, Clone)]
pub struct BackendKey {
    /// Process id of the backend.
    pub pid: i32,
    /// Its secret.
    pub secret: Bytes,
}

/// A connection that asks one thing at a time.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    incoming: BytesMut,
    backend: BackendKey,
    /// What the server told about itself at the start.
    parameters: Vec<(String, String)>,
    /// A notification has come that nobody has asked for yet.
    notified: bool,
}

/// One row in text format.
pub type TextRow = Vec<Option<String>>;

/// Connects, authenticates and waits until the server is ready.
pub async fn connect(login: &Login, timeout: Duration) -> Result<Connection, UpstreamError> {
    connect_with(login, timeout, &[]).await
}

/// The same with further session parameters.
pub async fn connect_with(
    login: &Login,
    timeout: Duration,
    parameters: &[(&str, &str)],
) -> Result<Connection, UpstreamError> {
    tokio::time::timeout(timeout, connect_unhurried(login, parameters))
        .await
        .unwrap_or_else(|_| Err(UpstreamError::Network(format!("no answer within {timeout:?}"))))
}

async fn connect_unhurried(
    login: &Login,
    parameters: &[(&str, &str)],
) -> Result<Connection, UpstreamError> {
    let stream = open(&login.server).await?;
    let backend = BackendKey { pid: 0, secret: Bytes::new() };
    let mut connection = Connection {
        stream,
        incoming: BytesMut::new(),
        backend,
        parameters: Vec::new(),
        notified: false,
    };
    connection.start_up(login, parameters).await?;
    connection.authenticate(login).await?;
    connection.wait_until_ready().await?;
    Ok(connection)
}

async fn open(server: &Server) -> Result<Stream, UpstreamError> {
    match &server.address {
        ServerAddress::Unix { directory, port } => {
            let path = directory.join(format!(".s.PGSQL.{port}"));
            Ok(Stream::Unix(UnixStream::connect(path).await?))
        }
        ServerAddress::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let (ca_file, check) = match &server.tls {
                ServerTls::Disable => return Ok(Stream::Tcp(stream)),
                ServerTls::VerifyCa { ca_file } => (ca_file, HostCheck::AnyName),
                ServerTls::VerifyFull { ca_file } => (ca_file, HostCheck::Name),
            };
            let stream = ask_for_tls(stream).await?;
            Ok(Stream::Tls(Box::new(handshake(stream, host, ca_file, check).await?)))
        }
    }
}

/// `SSLRequest`, answered by one byte (PostgreSQL docs, "SSL Session Encryption"). The byte is read
/// alone, so that nothing sent before the handshake can pass for encrypted (CVE-2021-23222).
async fn ask_for_tls(mut stream: TcpStream) -> Result<TcpStream, UpstreamError> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    match stream.read_u8().await? {
        b'S' => Ok(stream),
        b'N' => Err(UpstreamError::Network(
            "the server does not speak TLS, which the configuration asks for".to_owned(),
        )),
        other => Err(UpstreamError::Protocol(format!("answer {other:#04x} to SSLRequest"))),
    }
}

/// Whether a server is there, without logging in: it answers a question about TLS.
pub async fn knock(server: &Server, timeout: Duration) -> bool {
    let attempt = async {
        match open(server).await? {
            // The way through TLS has answered already.
            Stream::Tls(_) => Ok(()),
            mut stream => {
                let mut request = BytesMut::new();
                frontend::ssl_request(&mut request);
                stream.write_all(&request).await?;
                stream.read_u8().await.map(drop).map_err(UpstreamError::from)
            }
        }
    };
    matches!(tokio::time::timeout(timeout, attempt).await, Ok(Ok(())))
}

/// Asks the server to cancel what a backend runs. Whether it hit anything is not told.
pub async fn cancel(server: &Server, key: &BackendKey) {
    let attempt = async {
        let mut stream = open(server).await?;
        let mut request = BytesMut::new();
        frontend::cancel_request(&mut request, key.pid, &key.secret)
            .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
        stream.write_all(&request).await?;
        // The server closes when the signal is sent; before that a new statement could be hit.
        let _ = stream.read_u8().await;
        Ok::<(), UpstreamError>(())
    };
    let _ = tokio::time::timeout(CANCEL_TIMEOUT, attempt).await;
}

impl Connection {
    /// The process id of the server's side.
    pub fn pid(&self) -> i32 {
        self.backend.pid
    }

    /// Runs SQL in the simple protocol; several statements are allowed. The rows of the last
    /// result.
    pub async fn query_text(&mut self, sql: &str) -> Result<Vec<TextRow>, UpstreamError> {
        let mut message = BytesMut::new();
        frontend::query(&mut message, sql).map_err(|e| UpstreamError::Protocol(e.to_string()))?;
        self.ask(&message).await
    }

    /// Runs one statement with values, in text form, which are no part of its text.
    pub async fn call(
        &mut self,
        sql: &str,
        values: &[&str],
    ) -> Result<Vec<TextRow>, UpstreamError> {
        let values: Vec<Parameter<'_>> =
            values.iter().map(|value| Parameter::text(value)).collect();
        let mut message = BytesMut::new();
        let written = frontend::parse(&mut message, "", sql, &[])
            .and_then(|()| frontend::bind(&mut message, "", "", &values))
            .and_then(|()| frontend::execute(&mut message, "", 0));
        written.map_err(|error| UpstreamError::Protocol(error.to_string()))?;
        frontend::sync(&mut message);
        self.ask(&message).await
    }

    async fn ask(&mut self, message: &[u8]) -> Result<Vec<TextRow>, UpstreamError> {
        self.send(message).await?;
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            let (tag_byte, body) = self.read_frame().await?;
            match tag_byte {
                tag::ROW_DESCRIPTION => rows.clear(),
                tag::DATA_ROW => rows.push(text_row(&body)?),
                tag::ERROR_RESPONSE => failed = Some(server_error(&body)),
                tag::READY_FOR_QUERY => break,
                tag::NOTIFICATION_RESPONSE => self.notified = true,
                tag::COPY_IN_RESPONSE | tag::COPY_OUT_RESPONSE => {
                    return Err(UpstreamError::Protocol("COPY is not possible here".to_owned()));
                }
                _ => {}
            }
        }
        failed.map_or(Ok(rows), Err)
    }

    /// Waits until a notification has come since the last call, whoever sent it. Nothing else may
    /// be outstanding; may be dropped and called again.
    pub async fn notified(&mut self) -> Result<(), UpstreamError> {
        while !std::mem::take(&mut self.notified) {
            let (tag_byte, body) = self.read_frame().await?;
            match tag_byte {
                tag::NOTIFICATION_RESPONSE => self.notified = true,
                // The server says goodbye.
                tag::ERROR_RESPONSE => return Err(server_error(&body)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends messages that end in a `Sync` or are one `Query`, and gives the frames of the answer.
    /// `copied` is what a COPY FROM STDIN is given; without it, that fails.
    pub async fn exchange(
        &mut self,
        messages: &[u8],
        copied: Option<&[u8]>,
    ) -> Result<Vec<(u8, Bytes)>, UpstreamError> {
        self.send(messages).await?;
        let mut frames = Vec::new();
        let mut room = ANSWER_BYTES_MAX;
        loop {
            let (tag_byte, body) = self.read_frame().await?;
            match tag_byte {
                tag::COPY_IN_RESPONSE => {
                    let mut data = BytesMut::new();
                    let written = match copied {
                        Some(bytes) => frontend::copy_data(&mut data, bytes),
                        None => frontend::copy_fail(&mut data, "there is nothing to copy"),
                    };
                    written.map_err(|error| UpstreamError::Protocol(error.to_string()))?;
                    if copied.is_some() {
                        frontend::copy_done(&mut data);
                    }
                    self.send(&data).await?;
                }
                _ => {
                    room = room.checked_sub(body.len()).ok_or_else(|| {
                        UpstreamError::Protocol("an answer that is too large".to_owned())
                    })?;
                    frames.push((tag_byte, body));
                }
            }
            if tag_byte == tag::READY_FOR_QUERY {
                return Ok(frames);
            }
        }
    }

    /// What the server told about itself when the session began.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The server's major version; `None` where it says none that can be read.
    pub fn server_major(&self) -> Option<u32> {
        let told = self.parameters.iter().find(|(name, _)| name == "server_version");
        told?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Takes the connection apart for a driver.
    pub(super) fn into_parts(self) -> (Stream, BytesMut, BackendKey) {
        (self.stream, self.incoming, self.backend)
    }

    async fn start_up(
        &mut self,
        login: &Login,
        parameters: &[(&str, &str)],
    ) -> Result<(), UpstreamError> {
        let mut all = vec![
            ("user", login.role.as_str()),
            ("database", login.database.as_str()),
            ("application_name", "rowhouse"),
        ];
        all.extend(SESSION_PARAMETERS);
        all.extend_from_slice(parameters);
        let mut message = BytesMut::new();
        frontend::startup(&mut message, &all)
            .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
        self.send(&message).await
    }

    async fn authenticate(&mut self, login: &Login) -> Result<(), UpstreamError> {
        let mut scram: Option<ScramClient> = None;
        let mut proven = false;
        loop {
            let (tag_byte, body) = self.read_frame().await?;
            match tag_byte {
                tag::AUTHENTICATION => {}
                tag::ERROR_RESPONSE => return Err(server_error(&body)),
                tag::NOTICE_RESPONSE => continue,
                other => return Err(unexpected(other, "authentication")),
            }
            let request = Authentication::decode(&body)
                .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
            let mut answer = BytesMut::new();
            match request {
                // A server that skips SCRAM's last step has not proven that it knows the password.
                Authentication::Ok if scram.is_some() && !proven => {
                    return Err(UpstreamError::Protocol("SCRAM was cut short".to_owned()));
                }
                Authentication::Ok => return Ok(()),
                Authentication::Sasl { mechanisms } => {
                    if !mechanisms.contains(&SCRAM_SHA_256) {
                        return Err(refused_method("SASL without SCRAM-SHA-256"));
                    }
                    let client =
                        ScramClient::new(login.password.expose(), ChannelBinding::Unsupported);
                    let first = client.client_first().map_err(scram_failed)?;
                    frontend::sasl_initial(&mut answer, client.mechanism(), &first)
                        .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
                    scram = Some(client);
                }
                Authentication::SaslContinue(data) => {
                    let client = scram.as_mut().ok_or_else(|| unexpected(b'R', "SCRAM"))?;
                    let proof = client.on_continue(data).map_err(scram_failed)?;
                    frontend::sasl_response(&mut answer, &proof)
                        .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
                }
                Authentication::SaslFinal(data) => {
                    let client = scram.as_mut().ok_or_else(|| unexpected(b'R', "SCRAM"))?;
                    client.on_final(data).map_err(scram_failed)?;
                    proven = true;
                    continue;
                }
                Authentication::CleartextPassword => return Err(refused_method("cleartext")),
                Authentication::Md5Password { .. } => return Err(refused_method("MD5")),
                Authentication::Unsupported(code) => {
                    return Err(refused_method(&format!("method {code}")));
                }
            }
            self.send(&answer).await?;
        }
    }

    async fn wait_until_ready(&mut self) -> Result<(), UpstreamError> {
        loop {
            let (tag_byte, body) = self.read_frame().await?;
            match tag_byte {
                tag::BACKEND_KEY_DATA => {
                    let key = BackendKeyData::decode(&body)
                        .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
                    let secret = Bytes::copy_from_slice(key.secret);
                    self.backend = BackendKey { pid: key.pid, secret };
                }
                tag::READY_FOR_QUERY => {
                    let ready = ReadyForQuery::decode(&body)
                        .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
                    if ready.status != TransactionStatus::Idle {
                        return Err(unexpected(tag_byte, "start-up"));
                    }
                    return Ok(());
                }
                tag::ERROR_RESPONSE => return Err(server_error(&body)),
                tag::PARAMETER_STATUS => {
                    let told = ParameterStatus::decode(&body)
                        .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
                    if self.parameters.len() < TOLD_MAX {
                        self.parameters.push((told.name.to_owned(), told.value.to_owned()));
                    }
                }
                tag::NOTICE_RESPONSE => {}
                other => return Err(unexpected(other, "start-up")),
            }
        }
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), UpstreamError> {
        self.stream.write_all(message).await?;
        self.stream.flush().await?;
        Ok(())
    }

    async fn read_frame(&mut self) -> Result<(u8, Bytes), UpstreamError> {
        self.read_frame_within(ANSWER_BYTES_MAX).await
    }

    pub(super) async fn read_frame_within(
        &mut self,
        bytes_max: usize,
    ) -> Result<(u8, Bytes), UpstreamError> {
        loop {
            let header = frame::peek(&self.incoming, bytes_max)
                .map_err(|error| UpstreamError::Protocol(error.to_string()))?;
            if let Some(header) = header
                && self.incoming.len() >= header.len
            {
                let mut whole = self.incoming.split_to(header.len).freeze();
                whole.advance(5);
                return Ok((header.tag, whole));
            }
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(UpstreamError::Network("the server closed the connection".to_owned()));
            }
        }
    }
}

fn text_row(body: &[u8]) -> Result<TextRow, UpstreamError> {
    let row = DataRow::decode(body).map_err(|error| UpstreamError::Protocol(error.to_string()))?;
    Ok(row
        .iter()
        .map(|value| value.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        .collect())
}

pub(super) fn server_error(body: &[u8]) -> UpstreamError {
    match ErrorFields::decode(body) {
        Ok(fields) => UpstreamError::Server(Box::new(fields.to_owned())),
        Err(error) => UpstreamError::Protocol(error.to_string()),
    }
}

fn unexpected(tag_byte: u8, place: &str) -> UpstreamError {
    UpstreamError::Protocol(format!("unexpected {:?} during {place}", char::from(tag_byte)))
}

fn scram_failed(error: impl std::fmt::Display) -> UpstreamError {
    UpstreamError::Protocol(format!("SCRAM failed: {error}"))
}

/// Only SCRAM is accepted: cleartext and MD5 would hand the role's password, or a replayable hash
/// of it, to whoever answers at the server's address.
fn refused_method(method: &str) -> UpstreamError {
    UpstreamError::Network(format!(
        "the server asks for {method} authentication; set password_encryption and pg_hba.conf to \
         scram-sha-256"
    ))
}
