//! A client of the PostgreSQL door, by hand: what drivers send, and what no driver would.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rowhouse_protocol::backend::{
    Authentication, BackendKeyData, CommandTag, DataRow, ErrorFields, ParameterStatus,
    ReadyForQuery, ServerError, TransactionStatus, tag,
};
use rowhouse_protocol::scram::{ChannelBinding, ScramClient};
use rowhouse_protocol::{frame, frontend};
use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection};

use crate::client::socket;
use crate::gateway::{Gateway, KEY_SECRET};

/// No answer of these trials is nearly as long.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection.
pub struct Client {
    /// The socket.
    pub stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    incoming: BytesMut,
    /// How it cancels.
    pub key: (i32, Vec<u8>),
    /// What it was told of the session.
    pub parameters: Vec<(String, String)>,
}

/// What came up to `ReadyForQuery`.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The tags of the messages, in order.
    pub order: String,
    /// How commands completed.
    pub commands: Vec<String>,
    /// All rows, in text.
    pub rows: Vec<Vec<Option<String>>>,
    /// The error.
    pub error: Option<ServerError>,
    /// Where that leaves the transaction.
    pub status: TransactionStatus,
}

impl Reply {
    /// Rows as `a|b;c|d`, or the SQLSTATE and the text of the error.
    pub fn shown(&self) -> String {
        if let Some(error) = &self.error {
            return format!("{} {}", error.code, error.message);
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let row = |row: &Vec<Option<String>>| row.iter().map(text).collect::<Vec<_>>().join("|");
        self.rows.iter().map(row).collect::<Vec<_>>().join(";")
    }
}

impl Client {
    /// Connects and sends nothing.
    pub fn knock(address: SocketAddr) -> Client {
        let stream = socket(address).unwrap();
        let (incoming, key) = (BytesMut::new(), (0, Vec::new()));
        Client { stream, tls: None, incoming, key, parameters: Vec::new() }
    }

    /// The same from another address of this machine.
    pub fn knock_from(source: &str, address: SocketAddr) -> Client {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(source.parse().unwrap(), 0).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Client { stream: socket.into(), ..Client::knock(address) }
    }

    /// Asks for TLS and shakes hands with `localhost`; why not, if the handshake fails.
    pub fn secure(&mut self, config: &Arc<ClientConfig>) -> Result<(), String> {
        self.stream.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f").unwrap();
        let mut answer = [0];
        self.stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"S");
        self.secure_directly(config)
    }

    /// The same without asking.
    pub fn secure_directly(&mut self, config: &Arc<ClientConfig>) -> Result<(), String> {
        let name = "localhost".try_into().unwrap();
        let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut self.stream).map_err(|error| error.to_string())?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// The hash of the server's certificate, as its signature is made by SHA-256.
    pub fn end_point(&self) -> Vec<u8> {
        let tls = self.tls.as_ref().unwrap();
        let certificate = &tls.peer_certificates().unwrap()[0];
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate).as_ref().to_vec()
    }

    /// A user of the trials' gateways, in a database.
    pub fn login(gateway: &Gateway, user: &str, database: &str) -> Client {
        Client::begin(gateway, &[("user", user), ("database", database)], KEY_SECRET).unwrap()
    }

    /// The same with parameters of its own; the error if it is not let in.
    pub fn begin(
        gateway: &Gateway,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Result<Client, Box<ServerError>> {
        let client = Client::knock(gateway.pg.unwrap());
        client.enter(parameters, password).expect("closed before anything was proven")
    }

    /// Says who it is, and proves it; none when the door has closed before that was done.
    pub fn enter(
        mut self,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Option<Result<Client, Box<ServerError>>> {
        self.say(|buf| frontend::startup(buf, parameters).unwrap()).ok()?;
        let proven = self.authenticate(password)?;
        Some(proven.map(|()| self))
    }

    /// Sends what is built.
    pub fn send(&mut self, build: impl FnOnce(&mut BytesMut)) {
        self.say(build).unwrap();
    }

    /// The same where the door may have closed.
    pub fn say(&mut self, build: impl FnOnce(&mut BytesMut)) -> io::Result<()> {
        let mut message = BytesMut::new();
        build(&mut message);
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.stream).write_all(&message),
            None => self.stream.write_all(&message),
        }
    }

    /// Sends a text and waits for its answer.
    pub fn ask(&mut self, sql: &str) -> Reply {
        self.send(|buf| frontend::query(buf, sql).unwrap());
        self.reply()
    }

    /// Reads up to `ReadyForQuery`. A fatal error is the end of it.
    pub fn reply(&mut self) -> Reply {
        let (reply, is_whole) = self.heard();
        assert!(is_whole, "the door has closed");
        reply
    }

    /// The same where the door may close before that, and whether it has not.
    pub fn heard(&mut self) -> (Reply, bool) {
        let mut reply = Reply {
            order: String::new(),
            commands: Vec::new(),
            rows: Vec::new(),
            error: None,
            status: TransactionStatus::Idle,
        };
        loop {
            let Some((kind, body)) = self.message() else { return (reply, false) };
            reply.order.push(char::from(kind));
            match kind {
                tag::DATA_ROW => {
                    let row = DataRow::decode(&body).unwrap();
                    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                    reply.rows.push(row.iter().map(|value| value.map(text)).collect());
                }
                tag::COMMAND_COMPLETE => {
                    reply.commands.push(CommandTag::decode(&body).unwrap().text.to_owned());
                }
                tag::ERROR_RESPONSE => {
                    let error = ErrorFields::decode(&body).unwrap().to_owned();
                    let fatal = error.is_fatal();
                    reply.error.get_or_insert(error);
                    if fatal {
                        return (reply, true);
                    }
                }
                tag::COPY_IN_RESPONSE => return (reply, true),
                tag::READY_FOR_QUERY => {
                    reply.status = ReadyForQuery::decode(&body).unwrap().status;
                    return (reply, true);
                }
                _ => {}
            }
        }
    }

    /// The next message; none when the door has closed.
    pub fn message(&mut self) -> Option<(u8, BytesMut)> {
        loop {
            let header = frame::peek(&self.incoming, BODY_BYTES_MAX).unwrap();
            if let Some(header) = header
                && self.incoming.len() >= header.len
            {
                let mut whole = self.incoming.split_to(header.len);
                whole.advance(header.len - header.body_len());
                return Some((header.tag, whole));
            }
            let mut piece = [0; 16 * 1024];
            let read = match &mut self.tls {
                Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.stream).read(&mut piece),
                None => self.stream.read(&mut piece),
            };
            let read = match read {
                Ok(read) => read,
                Err(error) => {
                    let timed_out = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
                    assert!(!timed_out.contains(&error.kind()), "the door has fallen silent");
                    // A reset is a close as well.
                    0
                }
            };
            if read == 0 {
                return None;
            }
            self.incoming.extend_from_slice(&piece[..read]);
        }
    }

    /// Whether the door closes without another word.
    pub fn is_closed(&mut self) -> bool {
        self.message().is_none()
    }

    /// The error that comes next, and then the end.
    pub fn last_words(&mut self) -> ServerError {
        loop {
            let (kind, body) = self.message().expect("closed without a word");
            if kind == tag::ERROR_RESPONSE {
                let error = ErrorFields::decode(&body).unwrap().to_owned();
                assert!(error.is_fatal(), "{error}");
                assert!(self.is_closed());
                return error;
            }
        }
    }

    fn authenticate(&mut self, password: &str) -> Option<Result<(), Box<ServerError>>> {
        self.answer(password, ChannelBinding::Unsupported)
    }

    /// Answers what is asked for until the session begins.
    pub fn prove(
        &mut self,
        password: &str,
        binding: ChannelBinding,
    ) -> Result<(), Box<ServerError>> {
        self.answer(password, binding).expect("closed before anything was proven")
    }

    /// The same; none when the door closes before.
    pub fn answer(
        &mut self,
        password: &str,
        binding: ChannelBinding,
    ) -> Option<Result<(), Box<ServerError>>> {
        let mut scram = ScramClient::new(password, binding);
        loop {
            let (kind, body) = self.message()?;
            match kind {
                tag::ERROR_RESPONSE => {
                    return Some(Err(Box::new(ErrorFields::decode(&body).unwrap().to_owned())));
                }
                tag::PARAMETER_STATUS => {
                    let told = ParameterStatus::decode(&body).unwrap();
                    self.parameters.push((told.name.to_owned(), told.value.to_owned()));
                }
                tag::BACKEND_KEY_DATA => {
                    let key = BackendKeyData::decode(&body).unwrap();
                    self.key = (key.pid, key.secret.to_vec());
                }
                tag::READY_FOR_QUERY => return Some(Ok(())),
                tag::NEGOTIATE_PROTOCOL_VERSION => {}
                tag::AUTHENTICATION => match Authentication::decode(&body).unwrap() {
                    Authentication::Ok => {}
                    Authentication::CleartextPassword => {
                        self.say(|buf| frontend::password(buf, password).unwrap()).ok()?;
                    }
                    Authentication::Sasl { .. } => {
                        let first = scram.client_first().unwrap();
                        let mechanism = scram.mechanism();
                        let write = |buf: &mut BytesMut| {
                            frontend::sasl_initial(buf, mechanism, &first).unwrap();
                        };
                        self.say(write).ok()?;
                    }
                    Authentication::SaslContinue(data) => {
                        let proof = scram.on_continue(data).unwrap();
                        self.say(|buf| frontend::sasl_response(buf, &proof).unwrap()).ok()?;
                    }
                    Authentication::SaslFinal(data) => scram.on_final(data).unwrap(),
                    other => panic!("{other:?}"),
                },
                other => panic!("{}", char::from(other)),
            }
        }
    }
}
