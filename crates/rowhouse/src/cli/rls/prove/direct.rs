//! Attempts as the application makes them: its own role, its own connection, the context in the
//! same write as the statement.

use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::{CommandTag, DataRow, ErrorFields, tag};
use rowhouse_protocol::frontend::{self, EncodeError, Parameter};
use rowhouse_rls::prove::attempt::{Attempt, Command, Context, Expect, Statement, Step};
use rowhouse_rls::prove::judge::{Answer, Failed, Outcome};
use rowhouse_tenancy::ids::SettingName;

use crate::cli::Failure;
use crate::config::Login;
use crate::upstream::{Connection, UpstreamError, connect_with};

/// Connecting and authenticating.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Whether the transaction has written anything, without making it one that has.
const WRITTEN: &str = "select pg_catalog.pg_current_xact_id_if_assigned()::text";

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One statement.
    pub statement_timeout: Duration,
    /// Waiting for somebody's lock.
    pub lock_timeout: Duration,
    /// Nothing may be written.
    pub read_only: bool,
}

/// The connections of the application's role.
pub struct Direct {
    login: Login,
    limits: Limits,
    /// What carries the tenant; nothing where only a gateway can say it.
    settings: Vec<SettingName>,
    /// It has had a tenant, as connections of a pool have.
    pooled: Connection,
    /// It never has.
    untouched: Connection,
    /// Statements that were sent.
    pub statements: u64,
    /// Transactions that have written something.
    pub transactions: Vec<String>,
}

/// What is written at once, and what its answers belong to.
#[derive(Default)]
struct Batch {
    messages: BytesMut,
    /// For each statement in it: whether it is a step of the attempt.
    steps: Vec<bool>,
    copied: Option<Vec<u8>>,
    simple: bool,
}

impl Direct {
    /// Connects as the application does.
    pub async fn connect(
        login: Login,
        settings: Vec<SettingName>,
        limits: Limits,
    ) -> Result<Direct, Failure> {
        let pooled = open(&login, limits).await?;
        let untouched = open(&login, limits).await?;
        let (statements, transactions) = (0, Vec::new());
        Ok(Direct { login, limits, settings, pooled, untouched, statements, transactions })
    }

    /// Makes an attempt, and rolls it back. Not to be dropped half-way: the connection would be
    /// left in the middle of it.
    pub async fn attempt(&mut self, attempt: &Attempt) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let ran = self.run(attempt, &mut outcome).await;
        let ended = match ran {
            Ok(()) => self.end(attempt).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            // The server has ended the connection, or does not answer: the next attempt needs
            // another, and what this one has shown is not known.
            let failed = Failed { sqlstate: "08006".to_owned(), message: error.to_string() };
            outcome = Outcome { answers: Vec::new(), failure: Some(failed) };
            self.pooled = open(&self.login, self.limits).await?;
            self.untouched = open(&self.login, self.limits).await?;
        }
        Ok(outcome)
    }

    async fn run(&mut self, attempt: &Attempt, outcome: &mut Outcome) -> Result<(), UpstreamError> {
        let mut batch = Batch::default();
        self.open_transaction(attempt, &mut batch).map_err(unwritable)?;
        for step in &attempt.steps {
            match step {
                Step::Become(context) => {
                    self.prologue(context, &mut batch).map_err(unwritable)?;
                }
                Step::Run(statement) if statement.inline => {
                    if !batch.steps.is_empty() {
                        self.exchange(attempt, &mut batch, outcome).await?;
                        if outcome.failure.is_some() {
                            return Ok(());
                        }
                    }
                    frontend::query(&mut batch.messages, &statement.literal())
                        .map_err(unwritable)?;
                    batch.copied = statement.copied.clone().map(String::into_bytes);
                    batch.simple = true;
                    batch.steps.push(true);
                    self.exchange(attempt, &mut batch, outcome).await?;
                    if outcome.failure.is_some() {
                        return Ok(());
                    }
                }
                Step::Run(statement) => {
                    extended(&mut batch, statement, true).map_err(unwritable)?;
                }
            }
        }
        if !batch.steps.is_empty() {
            self.exchange(attempt, &mut batch, outcome).await?;
        }
        Ok(())
    }

    fn open_transaction(&self, attempt: &Attempt, batch: &mut Batch) -> Result<(), EncodeError> {
        let isolation = match attempt.expect {
            // What was counted and what is written must be of one snapshot.
            Expect::NoMoreThanOwn(_) => " isolation level repeatable read",
            _ => "",
        };
        let access = if self.limits.read_only { " read only" } else { "" };
        let begin = Statement::plain(format!("begin{isolation}{access}"));
        extended(batch, &begin, false)?;
        self.prologue(&attempt.context, batch)
    }

    /// As the gateway does it: transaction-locally, the values beside the text.
    fn prologue(&self, context: &Context, batch: &mut Batch) -> Result<(), EncodeError> {
        let Context::Tenant(tenant) = context else { return Ok(()) };
        for setting in &self.settings {
            let value = |text: &str| rowhouse_rls::prove::attempt::Parameter {
                value: Some(text.to_owned()),
                meaning: String::new(),
            };
            let statement = Statement {
                parameters: vec![value(setting.as_str()), value(tenant)],
                ..Statement::plain("select pg_catalog.set_config($1, $2, true)")
            };
            extended(batch, &statement, false)?;
        }
        Ok(())
    }

    /// Rolls back, and leaves the connection as it was.
    async fn end(&mut self, attempt: &Attempt) -> Result<(), UpstreamError> {
        let mut outcome = Outcome::default();
        if attempt.writes && !self.limits.read_only {
            // In a transaction that has failed this fails as well: it is aborted already.
            self.ask(attempt, WRITTEN, &mut outcome).await?;
            let id =
                outcome.answers.first().and_then(|answer| answer.rows.first()?.first()?.clone());
            self.transactions.extend(id);
        }
        self.ask(attempt, "rollback", &mut Outcome::default()).await?;
        let leaves = attempt.command == Command::Context
            || attempt.steps.iter().any(|step| match step {
                Step::Become(_) => true,
                Step::Run(statement) => statement.inline,
            });
        if leaves {
            self.ask(attempt, "discard all", &mut Outcome::default()).await?;
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        attempt: &Attempt,
        sql: &str,
        outcome: &mut Outcome,
    ) -> Result<(), UpstreamError> {
        let mut batch = Batch { simple: true, steps: vec![true], ..Batch::default() };
        frontend::query(&mut batch.messages, sql).map_err(unwritable)?;
        self.exchange(attempt, &mut batch, outcome).await
    }

    async fn exchange(
        &mut self,
        attempt: &Attempt,
        batch: &mut Batch,
        outcome: &mut Outcome,
    ) -> Result<(), UpstreamError> {
        let Batch { mut messages, steps, copied, simple } = std::mem::take(batch);
        if !simple {
            frontend::sync(&mut messages);
        }
        self.statements += u64::try_from(steps.len()).unwrap_or_default();
        let connection = match attempt.context {
            Context::Nothing => &mut self.untouched,
            Context::Tenant(_) => &mut self.pooled,
        };
        let frames = connection.exchange(&messages, copied.as_deref()).await?;
        let mut reading = Reading { steps: steps.into_iter(), answer: Answer::default(), simple };
        for (tag_byte, body) in frames {
            reading.take(tag_byte, &body, outcome)?;
        }
        if simple && outcome.failure.is_none() {
            outcome.answers.push(reading.answer);
        }
        Ok(())
    }
}

/// The answers to a batch.
struct Reading<S> {
    steps: S,
    answer: Answer,
    simple: bool,
}

impl<S: Iterator<Item = bool>> Reading<S> {
    fn take(
        &mut self,
        tag_byte: u8,
        body: &[u8],
        outcome: &mut Outcome,
    ) -> Result<(), UpstreamError> {
        let broken = |error: &dyn std::fmt::Display| UpstreamError::Protocol(error.to_string());
        match tag_byte {
            tag::DATA_ROW => {
                let row = DataRow::decode(body).map_err(|error| broken(&error))?;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.answer.rows.push(row.iter().map(|value| value.map(text)).collect());
            }
            tag::COPY_DATA => {
                let line = String::from_utf8_lossy(body).trim_end().to_owned();
                self.answer.rows.push(vec![Some(line)]);
            }
            tag::COMMAND_COMPLETE => {
                let done = CommandTag::decode(body).map_err(|error| broken(&error))?;
                let writes = ["INSERT", "UPDATE", "DELETE", "MERGE", "COPY"];
                if writes.contains(&done.verb()) {
                    self.answer.affected = done.rows().unwrap_or_default();
                }
                if !self.simple {
                    let answer = std::mem::take(&mut self.answer);
                    if self.steps.next() == Some(true) {
                        outcome.answers.push(answer);
                    }
                }
            }
            tag::ERROR_RESPONSE => {
                let fields = ErrorFields::decode(body).map_err(|error| broken(&error))?;
                let error = fields.to_owned();
                if error.is_fatal() {
                    return Err(UpstreamError::Server(Box::new(error)));
                }
                let sqlstate = error.code.as_str().to_owned();
                outcome.failure = Some(Failed { sqlstate, message: error.message });
            }
            _ => {}
        }
        Ok(())
    }
}

async fn open(login: &Login, limits: Limits) -> Result<Connection, Failure> {
    let milliseconds = |time: Duration| time.as_millis().to_string();
    let (statement, lock) =
        (milliseconds(limits.statement_timeout), milliseconds(limits.lock_timeout));
    let parameters = [
        ("statement_timeout", statement.as_str()),
        ("lock_timeout", lock.as_str()),
        ("idle_in_transaction_session_timeout", "60s"),
        ("application_name", "rowhouse rls prove"),
    ];
    let connected = connect_with(login, CONNECT_TIMEOUT, &parameters).await;
    connected.map_err(|error| {
        let Login { server, database, role, .. } = login;
        Failure::new(format!(
            "cannot connect to database {database} on {} as {role}, as the application does: \
             {error}; check --app-database-url, or the secret of tenants",
            server.name
        ))
    })
}

fn extended(batch: &mut Batch, statement: &Statement, step: bool) -> Result<(), EncodeError> {
    let messages = &mut batch.messages;
    let values: Vec<Parameter<'_>> = statement
        .parameters
        .iter()
        .map(|parameter| Parameter {
            value: parameter.value.as_deref().map(str::as_bytes),
            binary: false,
        })
        .collect();
    frontend::parse(messages, "", &statement.sql, &[])?;
    frontend::bind(messages, "", "", &values)?;
    frontend::execute(messages, "", 0)?;
    batch.steps.push(step);
    Ok(())
}

fn unwritable(error: EncodeError) -> UpstreamError {
    UpstreamError::Protocol(error.to_string())
}
