//! `cargo xtask bench --idle N`: what clients of the PostgreSQL door cost that do nothing.
//!
//! Each has come in with a JWT, has asked once, and stays. What the gateway holds in RAM is looked
//! at before the first and behind the last of them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::cluster::Cluster;
use super::door::Door;
use super::options::Options;
use super::{processes, program};
use crate::run::{Failure, Outcome};
use crate::scratch::Scratch;
use crate::{setup, terminal};

/// Clients that come before it is measured: caches fill and connections open.
const WARM_CLIENTS: usize = 50;
/// Tenants that they are of.
const TENANTS: usize = 100;
/// The gateway's tasks have this long to give back what they hold.
const SETTLE: Duration = Duration::from_secs(2);
/// A gateway on this machine that takes longer to answer has failed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Messages of the protocol, by tag.
const AUTHENTICATION: u8 = b'R';
const CLEARTEXT: u32 = 3;
const ERROR: u8 = b'E';
const READY: u8 = b'Z';

/// Runs it and prints what it finds.
pub fn run(root: &Path, options: &Options, count: usize) -> Outcome {
    let postgres = setup::postgres()?;
    let gateway = program(root, options)?;
    let folder = Scratch::create("bench-idle")?;
    let scripts = root.join("bench");
    let cluster = Cluster::start(&postgres, folder.path(), &scripts.join("schema.sql"))?;
    let door = Door::start(&gateway, folder.path(), &cluster, None)?;
    let outcome = measure(&door, count);
    door.stop()?;
    drop(cluster);
    let (before, after) = outcome?;
    let each = after.saturating_sub(before) as f64 / count as f64;
    terminal::line(format!(
        "{count} idle clients without TLS: {before} KiB before, {after} KiB with them, {each:.1} \
         KiB each"
    ));
    Ok(())
}

fn measure(door: &Door, count: usize) -> Outcome<(u64, u64)> {
    let tokens = (1..=TENANTS).map(|tenant| door.token(tenant));
    let tokens = tokens.collect::<Outcome<Vec<String>>>()?;
    let mut clients = Vec::with_capacity(count + WARM_CLIENTS);
    enter(&mut clients, door.wire(), &tokens, WARM_CLIENTS)?;
    settle();
    let before = processes::memory_kib(door.pid());
    enter(&mut clients, door.wire(), &tokens, count)?;
    settle();
    let after = processes::memory_kib(door.pid());
    // All of them are still there, and are served.
    for client in &mut clients {
        client.ask().map_err(|error| Failure::new(format!("a client was lost: {error}")))?;
    }
    Ok((before, after))
}

fn settle() {
    #[allow(clippy::disallowed_methods, reason = "nothing else runs on this thread")]
    // There is no event: memory is given back when it is.
    std::thread::sleep(SETTLE);
}

fn enter(clients: &mut Vec<Client>, door: SocketAddr, tokens: &[String], count: usize) -> Outcome {
    for token in tokens.iter().cycle().take(count) {
        let client = Client::enter(door, token);
        let number = clients.len() + 1;
        clients.push(client.map_err(|error| Failure::new(format!("client {number}: {error}")))?);
    }
    Ok(())
}

/// One client, which talks as little as it can.
struct Client(TcpStream);

impl Client {
    fn enter(door: SocketAddr, token: &str) -> io::Result<Client> {
        let stream = TcpStream::connect(door)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let mut client = Client(stream);
        let parameters = b"\0\x03\0\0user\0idle\0database\0postgres\0\0";
        client.0.write_all(&packet(None, parameters))?;
        client.until_ready(token)?;
        client.ask()?;
        Ok(client)
    }

    fn ask(&mut self) -> io::Result<()> {
        self.0.write_all(&packet(Some(b'Q'), b"select 1\0"))?;
        self.until_ready("")
    }

    fn until_ready(&mut self, token: &str) -> io::Result<()> {
        loop {
            let mut header = [0; 5];
            self.0.read_exact(&mut header)?;
            let [tag, len @ ..] = header;
            let len = u32::from_be_bytes(len).saturating_sub(4);
            let mut body = Vec::new();
            (&mut self.0).take(u64::from(len)).read_to_end(&mut body)?;
            match tag {
                READY => return Ok(()),
                ERROR => {
                    let text = String::from_utf8_lossy(&body).replace('\0', " ");
                    return Err(io::Error::other(text));
                }
                AUTHENTICATION if body == CLEARTEXT.to_be_bytes() => {
                    let mut password = token.as_bytes().to_vec();
                    password.push(0);
                    self.0.write_all(&packet(Some(b'p'), &password))?;
                }
                _ => {}
            }
        }
    }
}

fn packet(tag: Option<u8>, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    tag.into_iter().chain(len.to_be_bytes()).chain(body.iter().copied()).collect()
}
