//! Somebody at the PostgreSQL door who says anything, and what is heard of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rowhouse_protocol::backend::{DataRow, ErrorFields, ReadyForQuery, TransactionStatus, tag};
use rowhouse_protocol::frontend;

use super::client::Client;
use crate::gateway::{Gateway, KEY_SECRET};
use crate::token;

/// Far above what somebody has to wait for who comes when many are there.
const SOON: Duration = Duration::from_secs(60);

/// A caller. Its connection is made when something is said, and kept until it is lost.
pub struct Caller {
    gateway: Arc<Gateway>,
    database: String,
    name: String,
    options: String,
    client: Option<Client>,
}

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// All of it, as text.
    pub text: String,
    /// The SQLSTATE of the first error; `silence` where the door closed without a word.
    pub code: Option<String>,
    /// Rows, in text.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether that leaves a transaction open.
    pub in_transaction: bool,
}

impl Caller {
    /// A user whose name ends with `app`, or a tenant of that name by its token.
    pub fn new(gateway: &Arc<Gateway>, database: &str, name: &str) -> Caller {
        Caller {
            gateway: Arc::clone(gateway),
            database: database.to_owned(),
            name: name.to_owned(),
            options: String::new(),
            client: None,
        }
    }

    /// The same with options of its own.
    pub fn with_options(self, options: &str) -> Caller {
        Caller { options: options.to_owned(), ..self }
    }

    /// Whether it has this name.
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether it is at this gateway.
    pub fn is_at(&self, gateway: &Arc<Gateway>) -> bool {
        Arc::ptr_eq(&self.gateway, gateway)
    }

    /// Goes, in the middle of whatever it is.
    pub fn leave(&mut self) {
        self.client = None;
    }

    /// Sends what is built and waits for nothing.
    pub fn mutter(&mut self, words: &BytesMut) {
        // Whoever has been let go reads why.
        let _ = self.client().stream.write_all(words);
    }

    /// How it cancels.
    pub fn key(&mut self) -> (i32, Vec<u8>) {
        self.client().key.clone()
    }

    /// Sends what is built and reads `ends` ends of segments. A COPY stream that is asked for is
    /// refused; behind one of the extended protocol goes another Sync.
    pub fn say(&mut self, words: &BytesMut, ends: usize, extended: bool) -> Heard {
        self.mutter(words);
        let client = self.client();
        let mut heard = Heard::default();
        let mut left = ends;
        while left > 0 {
            let Some((kind, body)) = client.message() else {
                heard.code.get_or_insert_with(|| "silence".to_owned());
                self.leave();
                return heard;
            };
            if kind == tag::COPY_IN_RESPONSE {
                let mut refusal = BytesMut::new();
                frontend::copy_fail(&mut refusal, "no").unwrap();
                if extended {
                    frontend::sync(&mut refusal);
                }
                let _ = client.stream.write_all(&refusal);
            }
            left -= usize::from(kind == tag::READY_FOR_QUERY);
            heard.take(kind, &body);
        }
        heard
    }

    /// Says a simple query.
    pub fn ask(&mut self, sql: &str) -> Heard {
        let mut words = BytesMut::new();
        frontend::query(&mut words, sql).unwrap();
        self.say(&words, 1, false)
    }

    /// Says texts by the extended protocol, up to one Sync.
    pub fn run(&mut self, texts: &[&str]) -> Heard {
        let mut words = BytesMut::new();
        for sql in texts {
            frontend::parse(&mut words, "", sql, &[]).unwrap();
            frontend::bind(&mut words, "", "", &[]).unwrap();
            frontend::execute(&mut words, "", 0).unwrap();
        }
        frontend::sync(&mut words);
        self.say(&words, 1, true)
    }

    /// Ends the transaction that what was heard last has left open.
    pub fn end_transaction(&mut self, last: &Heard) {
        if last.in_transaction && self.client.is_some() {
            self.ask("rollback");
        }
    }

    fn client(&mut self) -> &mut Client {
        let (gateway, name) = (&self.gateway, self.name.as_str());
        let parameters = [("user", name), ("database", &self.database), ("options", &self.options)];
        self.client.get_or_insert_with(|| {
            let password = match name.ends_with("app") {
                true => KEY_SECRET.to_owned(),
                false => token::token(name),
            };
            let deadline = Instant::now() + SOON;
            loop {
                // Others may have all connections that there are to ask PostgreSQL about options.
                match Client::begin(gateway, &parameters, &password) {
                    Ok(client) => return client,
                    Err(error) => assert!(Instant::now() < deadline, "{error}"),
                }
            }
        })
    }
}

impl Heard {
    /// The same and then more.
    pub fn add(&mut self, other: Heard) {
        self.text.push_str(&other.text);
        self.code = self.code.take().or(other.code);
        self.in_transaction = other.in_transaction;
        self.rows = other.rows;
    }

    fn take(&mut self, kind: u8, body: &[u8]) {
        self.text.push(char::from(kind));
        match kind {
            tag::ERROR_RESPONSE => {
                let fields = ErrorFields::decode(body).unwrap().to_owned();
                let code = fields.code.as_str().to_owned();
                self.code.get_or_insert(code);
            }
            tag::READY_FOR_QUERY => {
                let status = ReadyForQuery::decode(body).unwrap().status;
                self.in_transaction = status != TransactionStatus::Idle;
            }
            tag::DATA_ROW => {
                let row = DataRow::decode(body).unwrap();
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                self.rows.push(row.iter().map(|value| value.map(text)).collect());
            }
            _ => {}
        }
        // A line of PostgreSQL's source may have a number that an attack looks for.
        let of_source = kind == tag::ERROR_RESPONSE || kind == tag::NOTICE_RESPONSE;
        let told = |field: &&[u8]| !(of_source && field.first() == Some(&b'L'));
        let fields: Vec<&[u8]> = body.split(|byte| *byte == 0).filter(told).collect();
        self.text.push_str(&String::from_utf8_lossy(&fields.join(&0)));
    }
}
