//! The gateway under test: `rowhouse serve` in front of the benchmark's PostgreSQL.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::{Cluster, GATEWAY_ROLE, PASSWORD, PORT, SEALED};
use crate::gateway::Gateway;
use crate::run::{self, Failure, Outcome};

/// What requests name.
pub const RESOURCE: &str = "arn:aws:rds:us-east-1:000000000000:cluster:bench";
/// What requests name.
pub const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:bench_app";

/// A running gateway.
#[derive(Debug)]
pub struct Door {
    gateway: Gateway,
    program: PathBuf,
    config: PathBuf,
    address: SocketAddr,
    wire: SocketAddr,
}

impl Door {
    /// With the default configuration but for where things are.
    pub fn start(
        program: &Path,
        folder: &Path,
        cluster: &Cluster,
        keys: Option<&Path>,
    ) -> Outcome<Door> {
        let (address, wire) = (free_address()?, free_address()?);
        let config = folder.join("rowhouse.toml");
        let mut text = config_text([address, wire, free_address()?], cluster.socket_folder());
        if let Some(keys) = keys {
            text = with_sealed(&text, keys);
        }
        fs::write(&config, text)
            .map_err(|error| Failure::new(format!("{}: {error}", config.display())))?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(&config);
        let gateway = Gateway::start(&mut command, &folder.join("gateway.log"))?;
        Ok(Door { gateway, program: program.to_owned(), config, address, wire })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it speaks PostgreSQL's protocol.
    pub fn wire(&self) -> SocketAddr {
        self.wire
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.gateway.pid()
    }

    /// A JWT of a tenant, for longer than any benchmark.
    pub fn token(&self, tenant: usize) -> Outcome<String> {
        let mut command = Command::new(&self.program);
        command.arg("token").arg("--config").arg(&self.config);
        let text = run::output(command.args(["--tenant", &tenant.to_string(), "--ttl", "24h"]))?;
        Ok(text.trim().to_owned())
    }

    /// Drains and stops it.
    pub fn stop(self) -> Outcome {
        self.gateway.stop()
    }
}

/// The next process could take it, but hardly within the second until we do.
pub fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0");
    listener
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::new(format!("no free port: {error}")))
}

/// The same with the sealed database behind the other one.
fn with_sealed(text: &str, keys: &Path) -> String {
    let database =
        format!("[[resource.database]]\nname = \"{SEALED}\"\ncontext = \"sealed\"\n[[secret]]");
    let text = text.replacen("[[secret]]", &database, 1);
    format!("{text}[seal]\nkeys_file = \"{}\"\n", keys.display())
}

fn config_text([http, wire, admin]: [SocketAddr; 3], socket: &Path) -> String {
    let key = "secret = \"the key of a benchmark that lives for minutes\"\n";
    format!(
        "[http]\nlisten = \"{http}\"\n\
         [wire]\nlisten = \"{wire}\"\ntoken_secret = \"{SECRET}\"\n\
         [admin]\nlisten = \"{admin}\"\n\
         [jwt]\naudience = [\"bench\"]\n\
         [[jwt.key]]\nkid = \"bench\"\nalgorithm = \"HS256\"\n{key}\
         [token]\nkid = \"bench\"\n{key}\
         [[server]]\nname = \"bench\"\nhost = \"{}\"\nport = {PORT}\n\
         [[resource]]\narn = \"{RESOURCE}\"\nserver = \"bench\"\n\
         [[resource.database]]\nname = \"postgres\"\n\
         tenant_settings = [\"app.current_tenant\"]\n\
         [[secret]]\narn = \"{SECRET}\"\nrole = \"{GATEWAY_ROLE}\"\npassword = \"{PASSWORD}\"\n\
         principals = [\"tenant\"]\n",
        socket.display(),
    )
}
