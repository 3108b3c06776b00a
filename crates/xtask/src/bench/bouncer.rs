//! PgBouncer as its users run it: transaction mode, on a unix socket, in front of the same cluster.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cluster::{Account, Cluster, PASSWORD, PORT, ROLE, make_folder, write_for};
use super::door::free_address;
use crate::run::{self, Failure, Outcome};
use crate::setup;

const START_MAX: Duration = Duration::from_secs(10);
/// From 1.21 on it keeps prepared statements in transaction mode (`max_prepared_statements`).
const KEEPS_STATEMENTS: (u32, u32) = (1, 21);
const POLL: Duration = Duration::from_millis(20);

/// A running PgBouncer. Dropping it stops it.
#[derive(Debug)]
pub struct Bouncer {
    process: Child,
    socket: PathBuf,
    address: SocketAddr,
    keeps_statements: bool,
}

impl Bouncer {
    /// The program, installed from Debian's package where that is possible; none is no failure.
    pub fn program() -> Outcome<Option<PathBuf>> {
        if let Some(program) = find() {
            return Ok(Some(program));
        }
        if run::on_path("apt-get").is_some() && setup::is_root() {
            setup::apt_install(&["pgbouncer"])?;
        }
        Ok(find())
    }

    /// In front of the cluster, with 20 server connections, its default. It listens on a socket and
    /// on loopback.
    pub fn start(program: &Path, folder: &Path, cluster: &Cluster) -> Outcome<Bouncer> {
        let account = Account::unprivileged()?;
        let socket = folder.join("pgbouncer");
        make_folder(&socket, account)?;
        let users = socket.join("users.txt");
        write_for(&users, &format!("\"{ROLE}\" \"{PASSWORD}\"\n"), account)?;
        let settings = socket.join("pgbouncer.ini");
        let address = free_address()?;
        let keeps_statements = version(program)? >= KEEPS_STATEMENTS;
        let mut text = settings_text(cluster.socket_folder(), &socket, &users, address);
        if keeps_statements {
            text.push_str("max_prepared_statements = 200\n");
        }
        write_for(&settings, &text, account)?;
        let log = fs::File::create(folder.join("pgbouncer.log"))
            .map_err(|error| Failure::new(format!("no log for PgBouncer: {error}")))?;
        let process = account
            .command(program)
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::new(format!("PgBouncer does not start: {error}")))?;
        let mut bouncer = Bouncer { process, socket, address, keeps_statements };
        bouncer.wait()?;
        Ok(bouncer)
    }

    /// The folder with its socket.
    pub fn socket_folder(&self) -> &Path {
        &self.socket
    }

    /// Where it listens; the socket has the number of the port in its name.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether prepared statements go through it in transaction mode.
    pub fn keeps_statements(&self) -> bool {
        self.keeps_statements
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    fn wait(&mut self) -> Outcome {
        let start = Instant::now();
        let socket = self.socket.join(format!(".s.PGSQL.{}", self.address.port()));
        while UnixStream::connect(&socket).is_err() {
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || start.elapsed() > START_MAX {
                return Err(Failure::new("PgBouncer does not answer; is its package whole?"));
            }
            run::pause(POLL);
        }
        Ok(())
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

/// Debian puts it where the `PATH` of a normal user does not look.
fn find() -> Option<PathBuf> {
    let usual = PathBuf::from("/usr/sbin/pgbouncer");
    run::on_path("pgbouncer").or_else(|| usual.is_file().then_some(usual))
}

/// The version of the program, as `PgBouncer 1.18.0` says it; nothing is assumed of what cannot be
/// read.
fn version(program: &Path) -> Outcome<(u32, u32)> {
    let text = run::output(Command::new(program).arg("--version"))?;
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
    Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}

fn settings_text(server: &Path, socket: &Path, users: &Path, address: SocketAddr) -> String {
    format!(
        "[databases]\n\
         postgres = host={} port={PORT} dbname=postgres\n\
         [pgbouncer]\n\
         listen_addr = {}\n\
         listen_port = {}\n\
         unix_socket_dir = {}\n\
         auth_type = plain\n\
         auth_file = {}\n\
         pool_mode = transaction\n\
         default_pool_size = 20\n\
         max_client_conn = 1000\n",
        server.display(),
        address.ip(),
        address.port(),
        socket.display(),
        users.display(),
    )
}
