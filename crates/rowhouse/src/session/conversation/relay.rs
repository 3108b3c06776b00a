//! The two sockets of a conversation: bytes come from either, the dialogue makes of them what goes
//! to the other. Neither is read while what it says has no room.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::dialogue::{Next, WRITTEN_MAX};
use super::{Conversation, expired};
use crate::error::{Error, Kind};
use crate::observe::{Conversed, Event, Spent};
use crate::pool::Condition;
use crate::upstream::Taken;

/// Bytes read from a socket at once.
const READ_CHUNK: usize = 16 * 1024;
/// Bytes read at once of a client that has been silent: most statements are shorter.
const FIRST_CHUNK: usize = 2 * 1024;
/// What is read of a client that has to wait, to notice when it leaves.
const READ_AHEAD_MAX: usize = 64 * 1024;
/// Rounds before other tasks of the shard get a turn.
const ROUNDS_PER_POLL: usize = 16;
/// Who has to pause for longer is told so instead.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A buffer that grew beyond this for something large is given back afterwards.
const BUFFER_KEPT_MAX: usize = 64 * 1024;

/// What has to be done before the sockets go on.
pub enum Step {
    /// A connection is needed.
    Connection(Condition),
    /// The connection is not needed any more.
    Done,
    /// The client asks for what runs to be cancelled.
    Cancel,
    /// Somebody may have been silent for too long.
    Late,
    /// The gateway stops.
    Stop,
    /// The session is over.
    End(Error),
    /// The client has had more than its share, and is not listened to for this long.
    Pause(Duration),
    /// The client is gone.
    Left,
}

/// Bytes of one answer and what it was for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    incoming: usize,
    outgoing: usize,
}

impl Conversation {
    /// Goes on until something else has to be done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        for _ in 0..ROUNDS_PER_POLL {
            match self.round(cx) {
                Ok(true) => self.active_at = Instant::now(),
                Ok(false) => return Poll::Pending,
                Err(step) => return Poll::Ready(step),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// `Ok(false)`: nothing more to do until woken.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, Step> {
        let (mut progress, missing) = self.take_words()?;
        self.note_pin();
        progress |= self.attend_server(cx)?;
        let verdict = self.report();
        if matches!(verdict, Some(Step::Done)) {
            return Err(Step::Done);
        }
        let written = write(&mut self.client, &mut self.dialogue.to_client, cx);
        progress |= written.map_err(|_| Step::Left)?;
        if let Some(step) = verdict {
            return Err(step);
        }
        if self.server.is_none() && self.dialogue.to_client.is_empty() {
            self.dialogue.to_client = BytesMut::new();
        }
        if missing || self.incoming.len() < READ_AHEAD_MAX {
            progress |= self.read_client(cx)?;
        }
        Ok(progress)
    }

    /// The server's half of a round.
    fn attend_server(&mut self, cx: &mut Context<'_>) -> Result<bool, Step> {
        let Some(server) = &mut self.server else { return Ok(false) };
        let dialogue = &mut self.dialogue;
        let (mut progress, mut lost) = (false, None);
        match attend(&mut server.taken, &mut dialogue.to_server, cx) {
            Ok(sent) => progress = sent,
            // What the server has said before it went is still to be read.
            Err(error) => {
                dialogue.to_server.clear();
                lost = Some(error.to_string());
            }
        }
        let before = dialogue.to_client.len();
        progress |= dialogue.hear(&mut server.taken.incoming).map_err(Step::End)?;
        self.bytes.outgoing += dialogue.to_client.len() - before;
        if dialogue.has_parted() {
            lost = Some("the server has ended it".to_owned());
        } else if dialogue.to_client.len() <= WRITTEN_MAX {
            match read_server(&mut server.taken, cx) {
                Ok(true) => (progress, lost) = (true, None),
                Ok(false) => {}
                Err(reason) => lost = Some(reason),
            }
        }
        match lost {
            None => Ok(progress),
            Some(reason) => self.lose(&reason).map(|()| true),
        }
    }

    /// The connection is lost: the client goes on without it, or its session ends.
    fn lose(&mut self, reason: &str) -> Result<(), Step> {
        if self.dialogue.is_at_rest() && self.dialogue.outlives_loss() {
            // Between two segments there is nobody to tell: what was asked has its answer.
            let _ = self.dialogue.loss(reason);
            self.dialogue.end_using();
            self.server = None;
            self.presence.rest();
            return Ok(());
        }
        let error = self.dialogue.loss(reason);
        // An error that is not the end says to everybody that nothing was done.
        if error.kind() == Kind::OutcomeUnknown || !self.dialogue.outlives_loss() {
            return Err(Step::End(error));
        }
        let event = Event::Trouble { place: "conversation", reason: &reason };
        self.session.observer.emit(&event);
        self.dialogue.lose(&error);
        self.server = None;
        self.presence.rest();
        Ok(())
    }

    /// Takes what the client has said, as far as that is possible now. Tells whether that was
    /// anything, and whether the rest is a message that has not come as a whole.
    fn take_words(&mut self) -> Result<(bool, bool), Step> {
        let mut progress = false;
        loop {
            if !self.incoming.is_empty() {
                if self.is_expired() && !self.dialogue.is_in_transaction() {
                    return Err(Step::End(expired()));
                }
                if let Some(error) = self.is_refused() {
                    return Err(Step::End(error));
                }
                self.take_turn()?;
            }
            let before = self.incoming.len();
            let next = self.dialogue.next(&mut self.incoming).map_err(Step::End)?;
            self.bytes.incoming += before - self.incoming.len();
            match next {
                Next::Taken => progress = true,
                Next::Missing => return Ok((progress, true)),
                Next::Later => return Ok((progress, false)),
                Next::Connection(condition) => return Err(Step::Connection(condition)),
                Next::Goodbye => return Err(Step::Left),
            }
            if self.dialogue.is_in_transaction() {
                self.asked_at.get_or_insert_with(Instant::now);
            }
        }
    }

    /// Reads of a client that has no connection and has said nothing. Most clients are silent most
    /// of the time, and there may be ten thousand of them: nothing is held for what may come.
    fn read_silent_client(&mut self, cx: &mut Context<'_>) -> Result<bool, Step> {
        let mut bytes = [0; FIRST_CHUNK];
        let mut chunk = ReadBuf::new(&mut bytes);
        match Pin::new(&mut self.client).poll_read(cx, &mut chunk) {
            Poll::Pending => {
                self.incoming = BytesMut::new();
                Ok(false)
            }
            Poll::Ready(Ok(())) if !chunk.filled().is_empty() => {
                self.incoming = BytesMut::from(chunk.filled());
                Ok(true)
            }
            Poll::Ready(_) => Err(Step::Left),
        }
    }

    pub(super) fn read_client(&mut self, cx: &mut Context<'_>) -> Result<bool, Step> {
        if self.incoming.is_empty() && self.server.is_none() {
            return self.read_silent_client(cx);
        }
        if self.incoming.is_empty() && self.incoming.capacity() > BUFFER_KEPT_MAX {
            self.incoming = BytesMut::new();
        }
        let chunk = if self.incoming.is_empty() { FIRST_CHUNK } else { READ_CHUNK };
        self.incoming.reserve(chunk);
        match pin!(self.client.read_buf(&mut self.incoming)).poll(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(count)) if count > 0 => Ok(true),
            Poll::Ready(_) => Err(Step::Left),
        }
    }

    /// An answer that has come to its end is told to the log. What has to be done then.
    fn report(&mut self) -> Option<Step> {
        if let Some(reason) = self.dialogue.take_trouble() {
            let event = Event::Trouble { place: "conversation", reason: &reason };
            self.session.observer.emit(&event);
        }
        let Some(outcome) = self.dialogue.take_outcome() else { return self.done() };
        let began = self.asked_at.take().unwrap_or_else(Instant::now);
        let Count { incoming, outgoing } = std::mem::take(&mut self.bytes);
        let (queue, database) = (std::mem::take(&mut self.queued), began.elapsed());
        self.note_answer(began, incoming, outgoing);
        let spent = Spent { queue, database, rows: outcome.rows };
        self.session.observer.emit(&Event::Conversed(Conversed {
            principal: &self.principal,
            sqlstate: outcome.sqlstate,
            total: queue + database,
            spent,
            bytes_in: incoming,
            bytes_out: outgoing,
        }));
        self.session.settle(&self.borrower.party, &spent);
        if let Some(server) = &mut self.server {
            server.turn = None;
        }
        self.done()
    }

    fn done(&self) -> Option<Step> {
        self.dialogue.is_done_with_connection().then_some(Step::Done)
    }

    /// Who keeps a connection, in a transaction or for good, asks for a turn with each segment. Not
    /// getting one it pauses, which gives nothing away that others wait for; where that does not
    /// help, its session ends.
    fn take_turn(&mut self) -> Result<(), Step> {
        let Some(server) = self.server.as_mut().filter(|server| server.turn.is_none()) else {
            return Ok(());
        };
        let party = self.session.party(&self.principal);
        match self.session.admit(&party) {
            Ok(turn) => {
                self.borrower.party = party;
                server.turn = Some(turn);
                self.paused = Duration::ZERO;
                Ok(())
            }
            Err(error) => match error.retry_time() {
                Some(time) if self.paused + time <= PAUSE_MAX => {
                    self.paused += time;
                    Err(Step::Pause(time))
                }
                _ => Err(Step::End(error)),
            },
        }
    }
}

fn attend(taken: &mut Taken, words: &mut BytesMut, cx: &mut Context<'_>) -> io::Result<bool> {
    let Some((stream, _)) = taken.parts() else { return Err(io::ErrorKind::NotConnected.into()) };
    write(stream, words, cx)
}

fn read_server(taken: &mut Taken, cx: &mut Context<'_>) -> Result<bool, String> {
    let Some((stream, incoming)) = taken.parts() else { return Err("given back".to_owned()) };
    incoming.reserve(READ_CHUNK);
    match pin!(stream.read_buf(incoming)).poll(cx) {
        Poll::Pending => Ok(false),
        Poll::Ready(Ok(0)) => Err("the server closed the connection".to_owned()),
        Poll::Ready(Ok(_)) => Ok(true),
        Poll::Ready(Err(error)) => Err(error.to_string()),
    }
}

/// Writes what there is; `Ok(false)`: nothing, or not now.
fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    words: &mut BytesMut,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let mut progress = false;
    while !words.is_empty() {
        match Pin::new(&mut *stream).poll_write(cx, words) {
            Poll::Pending => return Ok(progress),
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => {
                words.advance(count);
                progress = true;
            }
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
    if words.capacity() > BUFFER_KEPT_MAX {
        *words = BytesMut::new();
    }
    // Only TLS keeps bytes back; a flush that is not done yet is taken up on the next round.
    match Pin::new(stream).poll_flush(cx) {
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(())) | Poll::Pending => Ok(progress),
    }
}
