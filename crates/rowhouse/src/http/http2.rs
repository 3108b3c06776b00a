//! HTTP/2: many requests on one connection, and what of them one client may have.
//!
//! A connection is a seat of `http.connections_max`; a request beside others on it takes another,
//! as it would take another connection in HTTP/1.1. The frames are hyper's and h2's work; here are
//! their limits, and what they have no limit for.

mod answer;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::connection::{HEAD_BYTES_MAX, closing};
use super::{Door, Phase};
use crate::net::{ClientStream, Pace};
use answer::{Answer, Unsent};

/// Bytes of one request's body that may be on their way before they are read: enough for 2 MB/s
/// from the next continent.
const REQUEST_WINDOW_BYTES: u32 = 256 * 1024;
/// Requests of one connection that may read a large body at a time: others wait, so that one
/// connection holds a few times `limits.request_bytes_max` and not a hundred times.
const LARGE_BODIES_MAX: usize = 4;
/// Bytes of frames that may come while there is no request, besides bodies that were on their way
/// when theirs was refused: a head and what housekeeping belongs to it. PING without end is none.
const TALK_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;
/// Requests that are taken back before they were begun, at once. The default of h2, which it has
/// since CVE-2023-44487 (rapid reset).
const PENDING_RESETS_MAX: usize = 20;
/// Requests on one connection that we take back because they break the rules of HTTP/2.
const LOCAL_RESETS_MAX: usize = 100;
/// A client may take back this many requests more than it takes answers. Callers do give up
/// sometimes; one that hardly does anything else only makes work (CVE-2023-44487).
const ABANDONED_MAX: usize = 100;
/// Bytes of answers that frames are made of in advance; the rest waits as it is.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Serves a client until it goes, has nothing to ask for long, or the door closes.
///
/// No PING looks after a client that is gone without a word: one without requests is let go when
/// it has been idle for long, and one that is served when it takes nothing of its answer.
pub async fn serve(
    door: Rc<Door>,
    stream: ClientStream,
    pace: Pace,
    phase: watch::Receiver<Phase>,
) {
    let client = Rc::new(Client::new(door, pace));
    let builder = client.builder();
    let service = {
        let client = Rc::clone(&client);
        service_fn(move |request| {
            let open = Open::new(&client);
            let client = Rc::clone(&client);
            async move { Ok::<_, Infallible>(client.answer(request, open).await) }
        })
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let goodbye_timeout = tokio::select! {
        _ = connection.as_mut() => return,
        () = closing(phase) => client.goodbye_timeout(),
        goodbye_timeout = client.overdue() => goodbye_timeout,
    };
    // GOAWAY, then what is being served, then the end (RFC 9113, 6.8).
    connection.as_mut().graceful_shutdown();
    // How a client's connection ends, by reset or by the book, is of no interest.
    let _ = tokio::time::timeout(goodbye_timeout, connection).await;
}

/// The client of one connection.
struct Client {
    door: Rc<Door>,
    pace: Pace,
    /// Requests being served.
    open: Cell<usize>,
    /// Since when there is none.
    idle_since: Cell<Instant>,
    /// When `overdue` looks again, and a word to look sooner.
    next_look: Cell<Instant>,
    look_sooner: Notify,
    unsent: Rc<Unsent>,
    large_bodies: Semaphore,
}

impl Client {
    fn new(door: Rc<Door>, pace: Pace) -> Client {
        let now = Instant::now();
        let client = Client {
            door,
            pace,
            open: Cell::new(0),
            idle_since: Cell::new(now),
            next_look: Cell::new(now),
            look_sooner: Notify::new(),
            unsent: Rc::default(),
            large_bodies: Semaphore::new(LARGE_BODIES_MAX),
        };
        client.wait();
        client
    }

    fn builder(&self) -> Builder<Tasks> {
        let mut builder = Builder::new(Tasks);
        builder
            .max_concurrent_streams(self.streams_max())
            .initial_stream_window_size(REQUEST_WINDOW_BYTES)
            // As much as all of them together: a body that waits must not hold up another.
            .initial_connection_window_size(self.window_bytes())
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .max_local_error_reset_streams(LOCAL_RESETS_MAX)
            .max_send_buf_size(SEND_BUFFER_BYTES);
        builder
    }

    fn streams_max(&self) -> u32 {
        u32::try_from(self.door.config.http.http2_streams_max).unwrap_or(u32::MAX)
    }

    fn window_bytes(&self) -> u32 {
        // Windows end at 2^31 - 1 (RFC 9113, 6.9.1).
        self.streams_max().saturating_mul(REQUEST_WINDOW_BYTES).min(i32::MAX as u32)
    }

    /// One request and its answer.
    async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        mut open: Open,
    ) -> Response<Answer> {
        // The first has the seat of its connection.
        let seat = if open.alone { None } else { Some(self.door.seat()) };
        let response: Response<Full<Bytes>> = match seat {
            Some(None) => self.door.turn_away(),
            None | Some(Some(_)) => {
                self.door.serve_request(request, Some(&self.large_bodies)).await
            }
        };
        open.answered = true;
        drop(open);
        Answer::of(response, &self.unsent)
    }

    /// From now on there is nothing to serve.
    fn wait(&self) {
        let now = Instant::now();
        self.idle_since.set(now);
        if now + self.door.config.http.idle_timeout < self.next_look.get() {
            self.look_sooner.notify_one();
        }
        let window = usize::try_from(self.window_bytes()).unwrap_or(usize::MAX);
        self.pace.wait_for_frames(window.saturating_add(TALK_BYTES_MAX));
    }

    /// Done when the client has been idle for too long or takes nothing of an answer. Gives the
    /// time that saying goodbye may take.
    async fn overdue(&self) -> Duration {
        let http = &self.door.config.http;
        loop {
            let now = Instant::now();
            let mut next = now + http.write_timeout;
            if self.open.get() == 0 {
                let idle = self.idle_since.get() + http.idle_timeout;
                if idle <= now {
                    return http.write_timeout;
                }
                next = next.min(idle);
            }
            if let Some(since) = self.unsent.oldest() {
                let stuck = since + http.write_timeout;
                if stuck <= now {
                    return self.goodbye_timeout();
                }
                next = next.min(stuck);
            }
            self.next_look.set(next);
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.look_sooner.notified() => {}
            }
        }
    }

    /// As long as any request may take that is being served now.
    fn goodbye_timeout(&self) -> Duration {
        let config = &self.door.config;
        let served = config.http.body_timeout.saturating_add(config.pool.wait_timeout);
        served.saturating_add(config.limits.statement_timeout)
    }
}

/// A request that is being served until this is dropped.
struct Open {
    client: Rc<Client>,
    /// There was no other when it came.
    alone: bool,
    answered: bool,
}

impl Open {
    fn new(client: &Rc<Client>) -> Open {
        let before = client.open.replace(client.open.get() + 1);
        client.pace.serve_frames();
        if client.unsent.abandoned() > ABANDONED_MAX {
            client.pace.refuse();
        }
        Open { client: Rc::clone(client), alone: before == 0, answered: false }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let client = &self.client;
        client.open.set(client.open.get().saturating_sub(1));
        if client.open.get() == 0 {
            client.wait();
        }
        if !self.answered {
            client.unsent.count(false);
        }
    }
}

/// Puts what hyper does for each request beside everything else of this shard. Their number is
/// bounded by that of the streams.
#[derive(Clone, Copy)]
struct Tasks;

impl<F: Future + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}
