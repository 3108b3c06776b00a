//! Bad lines: a proxy that delays what passes, cuts it to single bytes, merges it, and ends
//! connections or halves of them. What it does at which byte, its seed and the number of the
//! connection say.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::dice::Dice;
use crate::wait;

/// Bytes that are treated alike.
const STRETCH_MAX: usize = 400;
/// Single bytes in a row: more would be the same again, a packet each.
const SINGLES_MAX: usize = 40;
/// What is merged is held back until nothing more has come for this long.
const MERGED_WITHIN: Duration = Duration::from_millis(3);
/// Delays in milliseconds.
const DELAY_MAX: usize = 6;

/// Where a proxy leads to.
#[derive(Debug, Clone)]
pub enum Far {
    /// A port of this machine.
    Port(SocketAddr),
    /// A unix socket.
    Path(PathBuf),
}

/// A proxy that listens until it is dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    far: Far,
    seed: u64,
    /// Bytes that a connection carries at most in one direction before something befalls it.
    life_max: usize,
    calm: AtomicBool,
    stopped: AtomicBool,
    lines: Mutex<Vec<Weak<Line>>>,
    ended: AtomicU64,
}

/// One connection: to us, and from us on.
struct Line {
    near: Socket,
    far: Socket,
}

/// What befalls a direction in the end.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Both sides are told that it is over.
    Fin,
    /// Both sides are told that it broke.
    Reset,
    /// Who hears is told that nothing more comes; what is said is swallowed.
    Half,
}

impl Proxy {
    /// A proxy in front of `far`. At first nothing befalls anybody.
    pub fn start(far: Far, seed: u64, life_max: usize) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            far,
            seed,
            life_max,
            calm: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            lines: Mutex::default(),
            ended: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accepting.accept(&listener));
        Proxy { address, shared, acceptor: Some(acceptor) }
    }

    /// From now on it is a bad line; what was connected before is cut, so that nobody is spared.
    pub fn stir(&self) {
        self.shared.calm.store(false, Ordering::Relaxed);
        self.shared.hang_up();
    }

    /// From now on nothing befalls anybody.
    pub fn calm(&self) {
        self.shared.calm.store(true, Ordering::Relaxed);
    }

    /// How many connections it has ended.
    pub fn ended(&self) -> u64 {
        self.shared.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.hang_up();
        // So that it looks up.
        let _ = std::net::TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for number in 0.. {
            let Ok((near, _)) = listener.accept() else { return };
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            // Nobody is there: the connection ends, as it would without a proxy.
            let Ok(far) = self.reach() else { continue };
            let line = Arc::new(Line { near: near.into(), far });
            let _ = line.near.set_tcp_nodelay(true);
            self.lines.lock().unwrap().push(Arc::downgrade(&line));
            for there in [true, false] {
                let (shared, line) = (Arc::clone(self), Arc::clone(&line));
                let dice = Dice::new(self.seed, number * 2 + u64::from(there));
                std::thread::spawn(move || shared.carry(&line, there, dice));
            }
        }
    }

    fn reach(&self) -> io::Result<Socket> {
        match &self.far {
            Far::Port(address) => {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                socket.connect(&(*address).into())?;
                socket.set_tcp_nodelay(true)?;
                Ok(socket)
            }
            Far::Path(path) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.connect(&SockAddr::unix(path)?)?;
                Ok(socket)
            }
        }
    }

    fn hang_up(&self) {
        for line in self.lines.lock().unwrap().drain(..) {
            if let Some(line) = line.upgrade() {
                line.end(End::Fin);
            }
        }
    }

    /// Carries one direction to its end. Whatever ends it ends the other one sooner or later.
    fn carry(&self, line: &Line, there: bool, mut dice: Dice) {
        let (from, to) = if there { (&line.near, &line.far) } else { (&line.far, &line.near) };
        let life = dice.below(self.life_max);
        let end = [End::Fin, End::Reset, End::Half][dice.below(3)];
        let mut carried = 0;
        loop {
            let stretch = 1 + dice.below(STRETCH_MAX);
            let calm = self.calm.load(Ordering::Relaxed);
            let left = if calm { stretch } else { stretch.min(life.saturating_sub(carried)) };
            if left == 0 {
                self.ended.fetch_add(1, Ordering::Relaxed);
                line.end(end);
                if matches!(end, End::Half) {
                    let _ = to.shutdown(Shutdown::Write);
                    swallow(from);
                }
                return;
            }
            match pass(from, to, left, if calm { None } else { Some(&mut dice) }) {
                Ok(passed) if passed == left => carried += passed,
                // Nothing more comes.
                Ok(_) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Err(_) => return line.end(End::Reset),
            }
        }
    }
}

impl Line {
    /// A reset is sent when the last who holds the socket lets it go.
    fn end(&self, end: End) {
        for socket in [&self.near, &self.far] {
            match end {
                End::Fin => drop(socket.shutdown(Shutdown::Both)),
                End::Reset => {
                    let _ = socket.set_linger(Some(Duration::ZERO));
                    let _ = socket.shutdown(Shutdown::Read);
                }
                End::Half => {}
            }
        }
    }
}

/// Carries a stretch of bytes; fewer where nothing more comes. Without dice they pass as they come.
fn pass(
    mut from: &Socket,
    to: &Socket,
    stretch: usize,
    dice: Option<&mut Dice>,
) -> io::Result<usize> {
    let mut held = vec![0; stretch];
    let manner = dice.map(|dice| (dice.below(6), 1 + dice.below(DELAY_MAX)));
    let (mut come, mut gone) = (0, 0);
    while gone < stretch {
        let waits = come > gone;
        from.set_read_timeout(waits.then_some(MERGED_WITHIN))?;
        let read = match from.read(&mut held[come..]) {
            Err(error) if waits && is_timeout(&error) => None,
            read => Some(read?),
        };
        come += read.unwrap_or_default();
        if read.is_some_and(|read| read > 0) && come < stretch && matches!(manner, Some((0, _))) {
            continue;
        }
        gone += write(to, &held[gone..come], manner)?;
        if read == Some(0) {
            break;
        }
    }
    Ok(gone)
}

fn write(mut to: &Socket, bytes: &[u8], manner: Option<(usize, usize)>) -> io::Result<usize> {
    match manner {
        Some((1, _)) => {
            let (singles, rest) = bytes.split_at(bytes.len().min(SINGLES_MAX));
            singles.chunks(1).try_for_each(|byte| to.write_all(byte))?;
            to.write_all(rest)?;
        }
        Some((2, size)) => bytes.chunks(size * 7).try_for_each(|piece| to.write_all(piece))?,
        Some((3, delay)) => {
            // What is tried is that time passes; there is nothing to wait for.
            wait::pause(Duration::from_millis(delay as u64));
            to.write_all(bytes)?;
        }
        _ => to.write_all(bytes)?,
    }
    Ok(bytes.len())
}

fn swallow(mut from: &Socket) {
    let mut held = [0; 1024];
    let _ = from.set_read_timeout(None);
    while matches!(from.read(&mut held), Ok(read) if read > 0) {}
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
