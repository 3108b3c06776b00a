//! Attempts as tenants make them: over HTTP, with a token each, in a transaction that is rolled
//! back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rowhouse_rls::prove::attempt::{Attempt, Context, Statement, Step};
use rowhouse_rls::prove::judge::{Answer, Failed, Outcome};
use rowhouse_tenancy::ids::TenantId;
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use super::direct::Limits;
use crate::cli::Failure;
use crate::net::{Stream, read_roots, system_roots};

/// Longer than the gateway lets a statement run by default.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Connecting, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: attempts ask for few rows, and the gateway's own limit is 1 MiB.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Whether the transaction has written anything, without making it one that has.
const WRITTEN: &str = "select pg_catalog.pg_current_xact_id_if_assigned()::text";

/// What makes a token for a tenant.
pub type Mint = Box<dyn Fn(&TenantId) -> Result<String, Failure>>;

/// What every request names.
#[derive(Debug, Clone)]
pub struct Named {
    /// `resourceArn`.
    pub resource: String,
    /// `secretArn`.
    pub secret: String,
    /// `database`.
    pub database: String,
}

/// The gateway's door, and who comes in.
pub struct Gateway {
    url: Uri,
    roots: Option<Arc<ClientConfig>>,
    named: Named,
    mint: Mint,
    tokens: BTreeMap<String, String>,
    sender: Option<SendRequest<Full<Bytes>>>,
    limits: Limits,
    /// Statements that were sent.
    pub statements: u64,
    /// Transactions that have written something.
    pub transactions: Vec<String>,
}

impl Gateway {
    /// Looks whether somebody answers there.
    pub async fn connect(
        url: &str,
        ca_file: Option<&Path>,
        named: Named,
        mint: Mint,
        limits: Limits,
    ) -> Result<Gateway, Failure> {
        let wrong = || Failure::new(format!("--http {url} cannot be used: write http://HOST:PORT"));
        let parsed: Uri = url.parse().map_err(|_| wrong())?;
        let roots = match parsed.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let roots = ca_file.map_or_else(system_roots, read_roots)?;
                let config = ClientConfig::builder().with_root_certificates(roots);
                Some(Arc::new(config.with_no_client_auth()))
            }
            _ => return Err(wrong()),
        };
        let (tokens, statements, transactions) = (BTreeMap::new(), 0, Vec::new());
        let mut gateway = Gateway {
            url: parsed,
            roots,
            named,
            mint,
            tokens,
            sender: None,
            limits,
            statements,
            transactions,
        };
        gateway.sender = Some(gateway.open().await?);
        Ok(gateway)
    }

    /// Makes an attempt as the tenant that it is made as. `None`: it is not one that a tenant can
    /// make here.
    pub async fn attempt(&mut self, attempt: &Attempt) -> Result<Option<Outcome>, Failure> {
        let Context::Tenant(tenant) = &attempt.context else { return Ok(None) };
        let Ok(tenant) = TenantId::parse(tenant) else {
            return Ok(Some(failed("22023", "this tenant cannot be the tenant of a token")));
        };
        let token = match self.tokens.get(tenant.as_str()) {
            Some(token) => token.clone(),
            None => {
                let token = (self.mint)(&tenant)?;
                self.tokens.insert(tenant.as_str().to_owned(), token.clone());
                token
            }
        };
        self.in_transaction(&token, attempt).await.map(Some)
    }

    /// A single statement as tenants mostly send it: in a transaction of its own, that of a
    /// pooled connection. For what only reads.
    pub async fn alone(&mut self, attempt: &Attempt) -> Result<Option<Outcome>, Failure> {
        let (Context::Tenant(tenant), [Step::Run(statement)]) =
            (&attempt.context, attempt.steps.as_slice())
        else {
            return Ok(None);
        };
        let Some(token) = self.tokens.get(tenant).cloned() else { return Ok(None) };
        let mut outcome = Outcome::default();
        self.step(&token, None, statement, &mut outcome).await?;
        Ok(Some(outcome))
    }

    /// The token by which this connection's transactions are a tenant's, where they have one.
    pub async fn steal(&mut self, tenant: &str) -> Result<Option<String>, Failure> {
        let read = "select pg_catalog.current_setting('rowhouse.context', true)";
        let Some(token) = self.tokens.get(tenant).cloned() else { return Ok(None) };
        let mut outcome = Outcome::default();
        self.step(&token, None, &Statement::plain(read), &mut outcome).await?;
        let found = outcome.answers.first().and_then(|one| one.rows.first()?.first()?.clone());
        Ok(found.filter(|text| !text.is_empty()))
    }

    async fn in_transaction(&mut self, token: &str, attempt: &Attempt) -> Result<Outcome, Failure> {
        let begun = self.call(token, "/BeginTransaction", self.body(None)).await?;
        let Some(id) = begun.1.get("transactionId").and_then(Value::as_str).map(str::to_owned)
        else {
            return Ok(Outcome { answers: Vec::new(), failure: Some(reason(&begun.1)) });
        };
        let mut outcome = Outcome::default();
        for (limit, must_hold) in self.limits() {
            let mut limited = Outcome::default();
            self.step(token, Some(&id), &Statement::plain(limit), &mut limited).await?;
            // A gateway that lets tenants set nothing has limits of its own.
            let counts = |failed: &Failed| must_hold || failed.sqlstate != "42501";
            outcome.failure = outcome.failure.or(limited.failure.filter(counts));
        }
        for step in &attempt.steps {
            let Step::Run(statement) = step else { continue };
            if outcome.failure.is_none() {
                self.step(token, Some(&id), statement, &mut outcome).await?;
            }
            let refused = outcome.failure.as_ref().is_some_and(|one| one.sqlstate == "42501");
            if statement.optional && refused {
                outcome.failure = None;
                outcome.answers.push(Answer::default());
            }
        }
        if attempt.writes && !self.limits.read_only && outcome.failure.is_none() {
            let mut written = Outcome::default();
            self.step(token, Some(&id), &Statement::plain(WRITTEN), &mut written).await?;
            let id = written.answers.first().and_then(|one| one.rows.first()?.first()?.clone());
            self.transactions.extend(id);
        }
        let mut body = self.body(Some(&id));
        body.as_object_mut().map(|members| members.remove("database"));
        // A transaction that the gateway has ended already is rolled back all the same.
        self.call(token, "/RollbackTransaction", body).await?;
        Ok(outcome)
    }

    /// What a transaction begins with, and whether it may be missing.
    fn limits(&self) -> Vec<(String, bool)> {
        let Limits { statement_timeout, lock_timeout, read_only } = self.limits;
        let mut limits = vec![
            (format!("set local statement_timeout = {}", statement_timeout.as_millis()), false),
            (format!("set local lock_timeout = {}", lock_timeout.as_millis()), false),
        ];
        if read_only {
            limits.push(("set transaction read only".to_owned(), true));
        }
        limits
    }

    async fn step(
        &mut self,
        token: &str,
        transaction: Option<&str>,
        statement: &Statement,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let mut body = self.body(transaction);
        if statement.inline {
            body["sql"] = statement.literal().into();
        } else {
            body["sql"] = statement.with(|number, _| format!(":p{number}")).into();
            let parameters = statement.parameters.iter().enumerate();
            body["parameters"] = parameters
                .map(|(index, parameter)| {
                    let value = match &parameter.value {
                        Some(text) => json!({ "stringValue": text }),
                        None => json!({ "isNull": true }),
                    };
                    json!({ "name": format!("p{}", index + 1), "value": value })
                })
                .collect();
        }
        let (status, answer) = self.call(token, "/Execute", body).await?;
        match status {
            200 => outcome.answers.push(read(&answer)),
            _ => outcome.failure = Some(reason(&answer)),
        }
        Ok(())
    }

    fn body(&self, transaction: Option<&str>) -> Value {
        let Named { resource, secret, database } = &self.named;
        let mut body = json!({
            "resourceArn": resource, "secretArn": secret, "database": database,
        });
        if let Some(id) = transaction {
            body["transactionId"] = id.into();
        }
        body
    }

    /// One request, and the JSON of its answer. A connection that was closed meanwhile is opened
    /// again, once.
    async fn call(
        &mut self,
        token: &str,
        path: &str,
        body: Value,
    ) -> Result<(u16, Value), Failure> {
        self.statements += u64::from(path == "/Execute");
        let away = |why: &dyn std::fmt::Display| {
            Failure::new(format!("the gateway did not answer {path}: {why}; look at its log"))
        };
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.open().await?,
        };
        let host = self.url.authority().map(ToString::to_string).unwrap_or_default();
        let request = Request::post(path)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| away(&error))?;
        sender.ready().await.map_err(|error| away(&error))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| away(&error))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
            let bytes = body.collect().await.map_err(|error| away(&error))?.to_bytes();
            let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            Ok::<_, Failure>((status, value))
        };
        let answer = timeout(ANSWER_TIMEOUT, exchange).await;
        let answer = answer.map_err(|_| away(&"not in time"))??;
        self.sender = Some(sender);
        match answer {
            (401 | 403, value) => {
                let why = value.get("message").and_then(Value::as_str).unwrap_or_default();
                Err(Failure::new(format!(
                    "the gateway refuses a token or what is named with it: {why}; check that it \
                     runs with this configuration"
                )))
            }
            answer => Ok(answer),
        }
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let url = &self.url;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(format!("cannot reach the gateway at {url}: {error}; check --http"))
        };
        let opened = timeout(CONNECT_TIMEOUT, self.stream()).await;
        let stream = opened.map_err(|_| failed(&"not in time"))?;
        let stream = stream.map_err(|error| failed(&error))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| failed(&error))?;
        // It ends when the sender goes, or when the gateway closes; either is seen at the sender.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    async fn stream(&self) -> std::io::Result<Stream> {
        let host = self.url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let standard = if self.roots.is_some() { 443 } else { 80 };
        let port = self.url.port_u16().unwrap_or(standard);
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.roots else { return Ok(Stream::Tcp(stream)) };
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        Ok(Stream::Tls(Box::new(connected)))
    }
}

/// The records of an answer, each field as text.
fn read(answer: &Value) -> Answer {
    let rows = answer.get("records").and_then(Value::as_array).into_iter().flatten().map(|row| {
        let fields = row.as_array().into_iter().flatten();
        fields
            .map(|field| {
                let (name, value) = field.as_object()?.iter().next()?;
                match (name.as_str(), value) {
                    ("isNull", _) => None,
                    (_, Value::String(text)) => Some(text.clone()),
                    (_, other) => Some(other.to_string()),
                }
            })
            .collect()
    });
    let rows: Vec<Vec<Option<String>>> = rows.collect();
    let affected = answer.get("numberOfRecordsUpdated").and_then(Value::as_u64);
    Answer { rows, affected: affected.unwrap_or_default() }
}

/// Why a statement failed: the SQLSTATE stands at the end of the sentence.
fn reason(answer: &Value) -> Failed {
    let text = answer.get("message").and_then(Value::as_str).unwrap_or("no reason was given");
    match text.rsplit_once("; SQLState: ") {
        Some((message, sqlstate)) => {
            Failed { sqlstate: sqlstate.to_owned(), message: message.to_owned() }
        }
        None => Failed { sqlstate: String::new(), message: text.to_owned() },
    }
}

fn failed(sqlstate: &str, message: &str) -> Outcome {
    let failed = Failed { sqlstate: sqlstate.to_owned(), message: message.to_owned() };
    Outcome { answers: Vec::new(), failure: Some(failed) }
}
