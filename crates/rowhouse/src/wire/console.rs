//! The console of operators: who connects to a database that is none, as an `admin`, shows and
//! steers the gateway in PgBouncer's words.
//!
//! It is not a place for SQL. What is said is the matter of [`dialogue`], what commands there are
//! of [`command`], what they show of [`show`]; here is who says it.
//!
//! <https://www.pgbouncer.org/usage.html#admin-console>

mod command;
mod dialogue;
mod figures;
mod listing;
mod obey;
mod show;
mod table;

use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_tenancy::principal::Principal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Door;
use crate::error::{Error, Kind};
use crate::net::{ClientStream, Phase};
use crate::observe::{Event, Operation};
use crate::session::{About, CancelKey, Presence};
use command::Command;
use dialogue::{Dialogue, Next};
use table::Answer;

/// What is read of an operator that waits for an answer.
const READ_AHEAD_MAX: usize = 64 * 1024;
/// Bytes read at once: commands are short.
const READ_CHUNK: usize = 2 * 1024;
/// What is answered before it is sent, where several things are asked at once.
const WRITTEN_MAX: usize = 256 * 1024;
/// How long an operator may take to hear that the session is over.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// What clients are told of the console, as a server tells of itself. The version is one that
/// drivers know how to talk to.
pub const TOLD: [(&str, &str); 9] = [
    ("server_version", concat!("15.0 (Rowhouse ", env!("CARGO_PKG_VERSION"), ")")),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "off"),
];

/// An operator that has proven who it is, and has been told so.
pub struct Operator {
    /// Who it is.
    pub principal: Principal,
    /// Where it comes from.
    pub about: About,
    /// Its stream.
    pub client: ClientStream,
    /// What has been read of it already.
    pub incoming: BytesMut,
    /// How it cancels.
    pub key: CancelKey,
    /// How far a stop has come.
    pub phase: watch::Receiver<Phase>,
}

/// An operator at work.
struct Console {
    door: Rc<Door>,
    user: Box<str>,
    client: ClientStream,
    incoming: BytesMut,
    outgoing: BytesMut,
    dialogue: Dialogue,
    presence: Presence,
}

/// How the session ends.
enum End {
    /// The operator goes, or is gone.
    Left,
    /// The operator has to go, and is told.
    Told(Error),
}

/// Serves an operator until it goes.
pub async fn serve(door: Rc<Door>, operator: Operator) {
    let Operator { principal, about, client, incoming, key, phase } = operator;
    let user = about.user.clone();
    let presence = door.session.attend(about, &principal);
    let outgoing = BytesMut::new();
    let dialogue = Dialogue::default();
    let mut console = Console { door, user, client, incoming, outgoing, dialogue, presence };
    if let End::Told(error) = console.run(&key, phase).await {
        console.dialogue.say_fatal(&error, &mut console.outgoing);
        let Console { client, outgoing, .. } = &mut console;
        let said = async {
            client.write_all(outgoing).await?;
            client.shutdown().await
        };
        // An operator that is gone hears nothing.
        let _ = timeout(LAST_WORDS_TIMEOUT, said).await;
    }
}

impl Console {
    async fn run(&mut self, key: &CancelKey, mut phase: watch::Receiver<Phase>) -> End {
        loop {
            match self.dialogue.next(&mut self.incoming, &mut self.outgoing) {
                Ok(Next::Heard) => continue,
                Ok(Next::Goodbye) => return End::Left,
                Err(error) => return End::Told(error),
                Ok(Next::Run(command)) => {
                    if let Err(end) = self.run_command(&command, key).await {
                        return end;
                    }
                    if self.outgoing.len() > WRITTEN_MAX && self.send().await.is_err() {
                        return End::Left;
                    }
                    continue;
                }
                Ok(Next::Missing) => {}
            }
            if self.send().await.is_err() {
                return End::Left;
            }
            self.incoming.reserve(READ_CHUNK);
            let idle = self.door.config.borrow().wire.idle_timeout;
            let card = self.presence.card();
            tokio::select! {
                read = self.client.read_buf(&mut self.incoming) => {
                    if !matches!(read, Ok(count) if count > 0) {
                        return End::Left;
                    }
                    card.requested_at.set(Instant::now());
                }
                // Late by a moment, and nothing runs any more.
                () = key.rung() => {}
                () = card.sent_away() => return End::Told(ended()),
                _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {
                    let text = "terminating connection: the service is stopping";
                    return End::Told(Error::new(Kind::ShuttingDown, text));
                }
                () = sleep_until(Instant::now() + idle) => {
                    let text = "terminating connection: nothing was said for too long";
                    return End::Told(Error::new(Kind::SessionIdle, text));
                }
            }
        }
    }

    async fn send(&mut self) -> io::Result<()> {
        self.client.write_all(&self.outgoing).await?;
        self.outgoing = BytesMut::new();
        self.client.flush().await
    }

    /// Does a command, unless the operator goes or changes its mind before it is done.
    async fn run_command(&mut self, command: &Command, key: &CancelKey) -> Result<(), End> {
        let card = Rc::clone(self.presence.card());
        let done = tokio::select! {
            done = obey::obey(&self.door, command) => done,
            () = key.rung() => Err(self.take_back(command).await),
            () = card.sent_away() => return Err(End::Told(ended())),
            () = left(&mut self.client, &mut self.incoming) => return Err(End::Left),
        };
        let text = command.to_string();
        let error = done.as_ref().err();
        if !command.is_courtesy() {
            let commanded = Operation::Commanded { user: &self.user, command: &text, error };
            self.door.observer.emit(&Event::Operation(commanded));
        }
        self.dialogue.answer(done, &mut self.outgoing);
        Ok(())
    }

    /// What a cancelled command has begun: as with PgBouncer, a PAUSE that is cancelled is none.
    async fn take_back(&self, command: &Command) -> Error {
        if let Command::Pause(scope) = command {
            // Nothing more can be done about it than to tell.
            let _ = obey::resume(&self.door, scope).await;
        }
        Error::new(Kind::StatementTimeout, "canceling statement due to user request")
    }
}

/// Done when the operator is gone.
async fn left(client: &mut ClientStream, incoming: &mut BytesMut) {
    while incoming.len() < READ_AHEAD_MAX {
        incoming.reserve(READ_CHUNK);
        if !matches!(client.read_buf(incoming).await, Ok(count) if count > 0) {
            return;
        }
    }
    pending::<()>().await;
}

fn ended() -> Error {
    Error::new(Kind::ShuttingDown, "terminating connection due to administrator command")
}

/// The answer of a command, or why it was not done.
type Done = Result<Answer, Error>;
