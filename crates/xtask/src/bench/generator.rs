//! Many HTTP clients in one thread, as lean as they can be: whatever they use is missing elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::cluster::ROWS;
use super::door::{RESOURCE, SECRET};
use crate::run::{Failure, Outcome};

mod answer;
mod request;

use answer::length;
use request::Request;

/// How long PostgreSQL takes for a slow statement.
const SLOW: Duration = Duration::from_millis(50);
/// One request in so many is slow.
const SLOW_ONE_IN: u64 = 20;
/// More than any answer of this benchmark.
const ANSWER_MAX: usize = 64 * 1024;
/// A gateway that says nothing for so long has lost a request.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// What goes on beside the fast statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// A client asks for something that takes PostgreSQL 50 ms.
    SlowStatements,
    /// A client waits for so long and asks nothing: the load of `SlowStatements` without them.
    Pauses(Duration),
}

impl Beside {
    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Beside::Nothing => "fast alone",
            Beside::Pauses(_) => "fast beside 5 % pauses",
            Beside::SlowStatements => "fast beside 5 % slow",
        }
    }
}

/// What one run of all clients came to.
#[derive(Debug)]
pub struct Load {
    elapsed: Duration,
    times: Times,
}

/// How long requests took.
#[derive(Debug, Default)]
struct Times {
    /// Microseconds of the fast ones; of all clients together, sorted.
    fast: Vec<u32>,
    slow: Vec<Duration>,
}

impl Load {
    /// Of the fast requests; their number.
    pub fn requests(&self) -> usize {
        self.times.fast.len()
    }

    /// Fast requests for each second.
    pub fn rate(&self) -> f64 {
        self.requests() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// How long a slow statement took on average, the wait for its turn included.
    pub fn slow_mean(&self) -> Duration {
        let count = u32::try_from(self.times.slow.len()).unwrap_or(u32::MAX).max(1);
        self.times.slow.iter().sum::<Duration>() / count
    }

    /// Microseconds that so large a part of the requests did not exceed.
    pub fn quantile(&self, part: f64) -> u32 {
        let last = self.times.fast.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.times.fast.get(index).copied().unwrap_or(0)
    }
}

/// The clients' common knowledge: where to, and one request for each tenant, ready to be sent.
#[derive(Debug)]
pub struct Generator {
    address: SocketAddr,
    fast: Arc<Vec<Request>>,
    slow: Arc<Vec<Request>>,
}

impl Generator {
    /// Clients that ask as any of the tokens' tenants, who count from 1.
    pub fn new(address: SocketAddr, tokens: &[String], database: &str) -> Generator {
        let requests = |sql: &str| {
            let numbered = tokens.iter().enumerate();
            let each = numbered.map(|(index, token)| {
                Request::new(address, token, index + 1, [RESOURCE, SECRET, database], sql)
            });
            Arc::new(each.collect::<Vec<Request>>())
        };
        let seconds = SLOW.as_secs_f64();
        let slow =
            format!("select tenant_id, id, note from item, pg_sleep({seconds}) where id = :id");
        let fast = "select tenant_id, id, note from item where id = :id";
        Generator { address, fast: requests(fast), slow: requests(&slow) }
    }

    /// So many clients for so long, each with one request at a time.
    pub fn run(&self, connections: usize, time: Duration, beside: Beside) -> Outcome<Load> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}")))?;
        runtime.block_on(self.drive(connections, time, beside))
    }

    async fn drive(&self, connections: usize, time: Duration, beside: Beside) -> Outcome<Load> {
        let mut streams = Vec::with_capacity(connections);
        for _ in 0..connections {
            streams.push(self.connect().await?);
        }
        let mut clients = JoinSet::new();
        let start = Instant::now();
        for (number, stream) in streams.into_iter().enumerate() {
            let client = Client {
                stream,
                fast: Arc::clone(&self.fast),
                slow: Arc::clone(&self.slow),
                random: Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1)),
                beside,
                sent: Vec::new(),
                received: Vec::new(),
            };
            clients.spawn(client.run(start + time));
        }
        let mut times = Times::default();
        while let Some(ended) = clients.join_next().await {
            let own = ended.map_err(|error| Failure::new(format!("a client broke: {error}")))??;
            times.fast.extend(own.fast);
            times.slow.extend(own.slow);
        }
        let elapsed = start.elapsed();
        times.fast.sort_unstable();
        Ok(Load { elapsed, times })
    }

    async fn connect(&self) -> Outcome<TcpStream> {
        let failed = |error| Failure::new(format!("the gateway takes no connection: {error}"));
        let stream = TcpStream::connect(self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }
}

/// One client with one connection.
struct Client {
    stream: TcpStream,
    fast: Arc<Vec<Request>>,
    slow: Arc<Vec<Request>>,
    random: Random,
    beside: Beside,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Client {
    async fn run(mut self, until: Instant) -> Outcome<Times> {
        let mut times = Times::default();
        loop {
            let start = Instant::now();
            if start >= until {
                return Ok(times);
            }
            let slow = self.beside != Beside::Nothing && self.random.below(SLOW_ONE_IN) == 0;
            match self.beside {
                Beside::Pauses(pause) if slow => tokio::time::sleep(pause).await,
                Beside::SlowStatements if slow => {
                    self.ask(true).await?;
                    times.slow.push(start.elapsed());
                }
                _ => {
                    self.ask(false).await?;
                    times.fast.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
            }
        }
    }

    /// One request, and its answer checked: the row that was asked for, of the tenant who asked.
    async fn ask(&mut self, slow: bool) -> Outcome {
        let requests = if slow { &self.slow } else { &self.fast };
        let index = self.random.below(requests.len() as u64) as usize;
        let request = requests.get(index).ok_or_else(|| Failure::new("there are no tokens"))?;
        let id = self.random.below(ROWS as u64) as usize + 1;
        request.write(id, &mut self.sent);
        let lost = |error| Failure::new(format!("the gateway closed on a request: {error}"));
        self.stream.write_all(&self.sent).await.map_err(lost)?;
        self.received.clear();
        let length =
            tokio::time::timeout(ANSWER_TIME_MAX, receive(&mut self.stream, &mut self.received));
        let length = length.await.map_err(|_| Failure::new("the gateway lost a request"))??;
        let answer = self.received.get(..length).unwrap_or_default();
        if self.received.len() == length && request.is_answer(id, answer) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&self.received);
        Err(Failure::new(format!("row {id} of tenant {} was asked for, not\n{text}", index + 1)))
    }
}

/// Reads one answer; its length.
async fn receive(stream: &mut TcpStream, received: &mut Vec<u8>) -> Outcome<usize> {
    loop {
        let lost = |error| Failure::new(format!("the gateway closed on a request: {error}"));
        let read = stream.read_buf(received).await.map_err(lost)?;
        if read == 0 || received.len() > ANSWER_MAX {
            let text = String::from_utf8_lossy(received);
            return Err(Failure::new(format!(
                "the gateway's answer is cut off or endless:\n{text}"
            )));
        }
        if let Some(length) = length(received)
            && received.len() >= length
        {
            return Ok(length);
        }
    }
}

/// A xorshift generator (Marsaglia, 2003): good enough to spread rows, and the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % limit.max(1)
    }
}

#[cfg(test)]
mod tests;
