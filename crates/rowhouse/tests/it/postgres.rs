//! PostgreSQL as the trials see it without the gateway: to make data, to look whether they are
//! there, and to kill it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rowhouse::config::{Login, Server, ServerAddress, ServerTls};
use rowhouse::upstream::{Connection, connect};
use rowhouse_tenancy::secret::Secret;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::folder::Folder;
use crate::process::{self, Process};
use crate::wait;

/// The server is on this machine; the machine may be busy.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Recovery after a crash included.
const START_MAX: Duration = Duration::from_secs(60);
/// The superuser of every server of these trials.
pub const SUPERUSER: &str = "postgres";

/// Rows in text format.
pub type Rows = Vec<Vec<Option<String>>>;

/// Where a server is, and the way in.
#[derive(Debug, Clone)]
pub struct Address {
    /// The folder of its unix socket.
    pub socket: PathBuf,
    /// The number in the socket's name.
    pub port: u16,
    /// Of the superuser.
    pub password: String,
}

impl Address {
    /// Connects as a superuser.
    pub fn connect(&self, database: &str) -> Direct {
        self.connect_as(SUPERUSER, &self.password, database)
    }

    /// Connects as anybody.
    pub fn connect_as(&self, role: &str, password: &str, database: &str) -> Direct {
        self.try_connect(role, password, database).unwrap()
    }

    /// Whether it answers.
    pub fn answers(&self) -> bool {
        self.try_connect(SUPERUSER, &self.password, "postgres").is_ok()
    }

    /// Runs SQL as a superuser on a connection of its own.
    pub fn query(&self, database: &str, sql: &str) -> Rows {
        self.connect(database).query(sql)
    }

    fn try_connect(&self, role: &str, password: &str, database: &str) -> Result<Direct, String> {
        let server = Server {
            name: "direct".to_owned(),
            address: ServerAddress::Unix { directory: self.socket.clone(), port: self.port },
            tls: ServerTls::Disable,
        };
        let login = Login {
            server: Arc::new(server),
            database: database.to_owned(),
            role: role.to_owned(),
            password: Secret::from(password.to_owned()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(connect(&login, CONNECT_MAX));
        connection
            .map(|connection| Direct { runtime, connection })
            .map_err(|error| error.to_string())
    }
}

/// A connection past the gateway.
pub struct Direct {
    runtime: Runtime,
    connection: Connection,
}

impl Direct {
    /// Runs SQL; the rows of the last statement.
    pub fn query(&mut self, sql: &str) -> Rows {
        self.try_query(sql).unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// Runs SQL; fails in PostgreSQL's words.
    pub fn try_query(&mut self, sql: &str) -> Result<Rows, String> {
        self.runtime.block_on(self.connection.query_text(sql)).map_err(|error| error.to_string())
    }

    /// The one value of the one row.
    pub fn value(&mut self, sql: &str) -> String {
        let rows = self.query(sql);
        rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default()
    }
}

/// What `rowhouse dev` writes about its cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The way in.
    pub address: Address,
    /// PostgreSQL's data directory.
    pub data: PathBuf,
    /// The folder with PostgreSQL's programs.
    pub bin: PathBuf,
}

impl Cluster {
    /// Reads `cluster.json` of a data directory.
    pub fn of(directory: &Path) -> Cluster {
        let text = std::fs::read_to_string(directory.join("cluster.json")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        let password = std::fs::read_to_string(text("superuser_password_file")).unwrap();
        let address = Address {
            socket: text("socket_dir").into(),
            port: u16::try_from(value["port"].as_u64().unwrap()).unwrap(),
            password: password.trim().to_owned(),
        };
        Cluster { address, data: text("data").into(), bin: text("bin").into() }
    }

    /// The process id of the server, while it runs.
    pub fn postmaster(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }
}

/// A server of a trial's own, which it may kill and restart.
pub struct OwnServer {
    /// The way in.
    pub address: Address,
    bin: PathBuf,
    data: PathBuf,
    account: Option<(u32, u32)>,
    process: Option<Process>,
    folder: Folder,
}

impl OwnServer {
    /// Makes a server with the programs of another cluster, and as the user whom that one runs as.
    pub fn start_like(cluster: &Cluster) -> OwnServer {
        let folder = Folder::new("server");
        let owner = std::fs::metadata(&cluster.data).unwrap();
        let account = geteuid().is_root().then(|| (owner.uid(), owner.gid()));
        let home = folder.file("pg");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
        let password = "of the trials".to_owned();
        let password_file = home.join("password");
        std::fs::write(&password_file, &password).unwrap();
        if let Some((uid, gid)) = account {
            chown(&home, Some(uid), Some(gid)).unwrap();
            chown(&password_file, Some(uid), Some(gid)).unwrap();
        }
        let address = Address { socket: home.clone(), port: 5432, password };
        let (bin, data) = (cluster.bin.clone(), home.join("data"));
        let mut server = OwnServer { address, bin, data, account, process: None, folder };
        let mut initdb = server.program("initdb");
        initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.args(["--username", SUPERUSER]);
        initdb.arg("--pwfile").arg(&password_file).arg("--pgdata").arg(&server.data);
        let made = process::run(&mut initdb);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.start();
        server
    }

    /// Starts it, and waits until it answers.
    pub fn start(&mut self) {
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(&self.data).arg("-k").arg(&self.address.socket);
        for setting in ["listen_addresses=", "fsync=off", "max_connections=200"] {
            postgres.arg("-c").arg(setting);
        }
        self.process = Some(Process::start(&mut postgres, &self.folder.file("postgres.log")));
        self.wait_until_it_answers();
    }

    /// Waits until it answers, for instance after it has restarted its backends by itself.
    pub fn wait_until_it_answers(&self) {
        wait::until_true("PostgreSQL answers", START_MAX, || self.address.answers());
    }

    /// Fast shutdown: transactions are rolled back, connections are ended.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::INT);
            process.wait();
        }
    }

    /// Kills one of its client backends; the server then restarts all of them.
    pub fn kill_a_backend(&self, database: &str) {
        let sql = "select pid from pg_stat_activity where backend_type = 'client backend' \
                   and application_name = 'rowhouse' and pid <> pg_backend_pid() limit 1";
        let mut direct = self.address.connect_as(SUPERUSER, &self.address.password, database);
        // The trials' own connections have the same name; theirs is the only one as a superuser.
        let sql = sql.replace("pid <>", &format!("usename <> '{SUPERUSER}' and pid <>"));
        let pid: i32 = direct.value(&sql).parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.env_remove("PGDATA").current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Immediate shutdown, since its data go as well; killing it would leave its backends.
            let _ = kill_process(process.pid(), Signal::QUIT);
            process.wait();
        }
    }
}
