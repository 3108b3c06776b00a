//! PostgreSQL's simple protocol with everything that the server says: each command's tag and rows,
//! and the error as a value.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rowhouse_protocol::backend::{
    Authentication, CommandTag, DataRow, ErrorFields, ServerError, tag,
};
use rowhouse_protocol::scram::{ChannelBinding, ScramClient};
use rowhouse_protocol::{frame, frontend};

use crate::postgres::{Address, SUPERUSER};

/// No statement of these trials takes nearly as long.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// No answer of these trials is nearly as long.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What one command answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// `SELECT 1`; nothing for an empty text.
    pub tag: String,
    /// Its rows in text format.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What one message answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The commands that came to their end.
    pub commands: Vec<Command>,
    /// What stopped the next one.
    pub error: Option<ServerError>,
}

impl Reply {
    /// The values of the first row of the last command.
    pub fn values(&self) -> Vec<String> {
        let row = self.commands.last().and_then(|command| command.rows.first());
        let values = row.into_iter().flatten();
        values.map(|value| value.clone().unwrap_or_default()).collect()
    }
}

/// A connection.
pub struct Wire {
    stream: UnixStream,
    incoming: BytesMut,
}

impl Wire {
    /// Connects by the server's unix socket, reading SQL as the gateway's connections do.
    pub fn connect(address: &Address, role: &str, password: &str, database: &str) -> Wire {
        let path = address.socket.join(format!(".s.PGSQL.{}", address.port));
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        let mut wire = Wire { stream, incoming: BytesMut::new() };
        let mut message = BytesMut::new();
        let mut parameters = vec![
            ("user", role),
            ("database", database),
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("client_min_messages", "error"),
            ("statement_timeout", "5s"),
        ];
        if role == SUPERUSER {
            // Its words are read, and only a superuser may choose their language.
            parameters.push(("lc_messages", "C"));
        }
        frontend::startup(&mut message, &parameters).unwrap();
        wire.stream.write_all(&message).unwrap();
        wire.authenticate(password);
        wire
    }

    /// Sends a text, which may hold any number of statements.
    pub fn ask(&mut self, sql: &str) -> Reply {
        let mut message = BytesMut::new();
        frontend::query(&mut message, sql).unwrap();
        self.stream.write_all(&message).unwrap();
        self.reply()
    }

    fn authenticate(&mut self, password: &str) {
        let mut scram = ScramClient::new(password, ChannelBinding::Unsupported);
        loop {
            let (kind, body) = self.message();
            let mut answer = BytesMut::new();
            assert_eq!(kind, tag::AUTHENTICATION, "{}", String::from_utf8_lossy(&body));
            match Authentication::decode(&body).unwrap() {
                Authentication::Ok => break,
                Authentication::Sasl { .. } => {
                    let first = scram.client_first().unwrap();
                    frontend::sasl_initial(&mut answer, scram.mechanism(), &first).unwrap();
                }
                Authentication::SaslContinue(data) => {
                    let proof = scram.on_continue(data).unwrap();
                    frontend::sasl_response(&mut answer, &proof).unwrap();
                }
                Authentication::SaslFinal(data) => scram.on_final(data).unwrap(),
                other => panic!("{other:?}"),
            }
            self.stream.write_all(&answer).unwrap();
        }
        let reply = self.reply();
        assert!(reply.error.is_none(), "{reply:?}");
    }

    fn reply(&mut self) -> Reply {
        let mut reply = Reply::default();
        let mut command = Command::default();
        loop {
            let (kind, body) = self.message();
            match kind {
                tag::DATA_ROW => {
                    let row = DataRow::decode(&body).unwrap();
                    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                    command.rows.push(row.iter().map(|value| value.map(text)).collect());
                }
                tag::COMMAND_COMPLETE => {
                    command.tag = CommandTag::decode(&body).unwrap().text.to_owned();
                    reply.commands.push(std::mem::take(&mut command));
                }
                tag::EMPTY_QUERY_RESPONSE => reply.commands.push(Command::default()),
                tag::ERROR_RESPONSE => {
                    reply.error = Some(ErrorFields::decode(&body).unwrap().to_owned());
                }
                tag::COPY_IN_RESPONSE => {
                    let mut message = BytesMut::new();
                    frontend::copy_fail(&mut message, "there are no data").unwrap();
                    self.stream.write_all(&message).unwrap();
                }
                tag::READY_FOR_QUERY => return reply,
                _ => {}
            }
        }
    }

    fn message(&mut self) -> (u8, BytesMut) {
        loop {
            let header = frame::peek(&self.incoming, BODY_BYTES_MAX).unwrap();
            if let Some(header) = header
                && self.incoming.len() >= header.len
            {
                let mut whole = self.incoming.split_to(header.len);
                whole.advance(header.len - header.body_len());
                return (header.tag, whole);
            }
            let mut piece = [0; 8192];
            let read = self.stream.read(&mut piece).unwrap();
            assert!(read > 0, "the server has closed the connection");
            self.incoming.extend_from_slice(&piece[..read]);
        }
    }
}
