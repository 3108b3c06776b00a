//! TLS towards PostgreSQL: who does not prove to be the server is not spoken to.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, geteuid};

use crate::case::{Case, suite};
use crate::certificate;
use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::postgres::{Address, Cluster, OwnServer};
use crate::process::{Process, rowhouse};
use crate::schema;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite("hostile::tls", &[("the_server_proves_itself", the_server_proves_itself)])
}

/// A server starts within this time, on a busy machine too.
const START_MAX: Duration = Duration::from_secs(60);

fn the_server_proves_itself(stand: &Stand) {
    if !certificate::can_be_made() {
        return;
    }
    let folder = Folder::new("tls");
    let [own, foreign] = ["own", "foreign"].map(|name| certificate::authority(&folder, name));
    certificate::server(&folder, "own", "server", "localhost");
    let server = SecureServer::start_like(stand.cluster(), &folder);
    let place = |host: &str, tls: &str, ca: &Path| Place {
        address: server.address.clone(),
        host: host.to_owned(),
        tls: format!("tls = '{tls}'\nca_file = '{}'", ca.display()),
    };
    for good in [place("localhost", "verify-full", &own), place("127.0.0.1", "verify-ca", &own)] {
        works(&good);
    }
    std::thread::scope(|scope| {
        for (bad, why) in [
            (place("127.0.0.1", "verify-full", &own), "not valid for name"),
            (place("localhost", "verify-full", &foreign), "UnknownIssuer"),
            (place("localhost", "verify-ca", &foreign), "UnknownIssuer"),
        ] {
            // Each waits for a while whether the server is only on its way up.
            scope.spawn(move || does_not_start(&bad, why));
        }
    });
}

fn works(place: &Place) {
    let (mut command, folder) = place.serve();
    let mut gateway = Gateway::start(&mut command, folder);
    for person in [gateway.tenant("tenant_1"), gateway.app()] {
        let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        assert_eq!(person.execute(sql).value(), true);
        let transaction = person.begin();
        assert_eq!(transaction.execute(sql).value(), true);
        transaction.rollback().ok();
    }
    // Larger than a record of TLS, there and back, in every lane.
    let tenant = gateway.tenant("tenant_2");
    let long = "x".repeat(200_000);
    for _ in 0..8 {
        let answer = tenant.sql("select :long || :long").text("long", &long).run();
        assert_eq!(answer.word().len(), 400_000);
        assert_eq!(tenant.execute("select distinct tenant from note").value(), "tenant_2");
    }
    let sql = "select bool_and(ssl), count(*) > 1 from pg_stat_ssl join pg_stat_activity
        using (pid) where usename = 'it_app'";
    let rows = place.address.query("it", sql);
    assert_eq!(rows, [[Some("t".to_owned()), Some("t".to_owned())]]);
    assert!(gateway.process.stop().success());
}

#[track_caller]
fn does_not_start(place: &Place, why: &str) {
    let (mut command, folder) = place.serve();
    let mut process = Process::start(&mut command, &folder.file("log"));
    let status = process.wait();
    let said = process.log();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(process.printed(), "");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("TLS handshake failed") && last.contains(why), "{why}: {said}");
    assert!(last.contains("check [[server]]"), "{said}");
}

/// A server, and how a gateway is told to go there.
struct Place {
    address: Address,
    host: String,
    tls: String,
}

impl Place {
    fn serve(&self) -> (Command, Folder) {
        let folder = Folder::new("gateway");
        let text = configuration(&self.address)
            .replace(&format!("host = '{}'", self.address.socket.display()), "host = 'HOST'")
            .replace("HOST", &self.host)
            .replace("tls = 'disable'", &self.tls);
        let file = folder.write("rowhouse.toml", &text);
        let mut command = rowhouse();
        command.arg("serve").arg("--config").arg(file).env("ROWHOUSE_POOL__SHARDS", "1");
        (command, folder)
    }
}

/// A server that takes TLS, and nothing else over TCP.
struct SecureServer {
    address: Address,
    process: Process,
    _own: OwnServer,
}

impl SecureServer {
    /// Starts it, with the certificate in the folder.
    fn start_like(cluster: &Cluster, folder: &Folder) -> SecureServer {
        let mut own = OwnServer::start_like(cluster);
        own.stop();
        let home = own.address.socket.clone();
        let data = home.join("data");
        let owner = std::fs::metadata(&data).unwrap();
        for name in ["server.key", "server.crt"] {
            let file = data.join(name);
            std::fs::copy(folder.file(name), &file).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        // Nobody listens there now, and hardly anybody will before the server does.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = Address { port, ..own.address.clone() };
        std::fs::write(
            data.join("pg_hba.conf"),
            "local all all scram-sha-256\n\
            hostssl all all 127.0.0.1/32 scram-sha-256\n",
        )
        .unwrap();
        let mut postgres = Command::new(cluster.bin.join("postgres"));
        postgres.env_remove("PGDATA").current_dir("/").stdin(Stdio::null());
        postgres.arg("-D").arg(&data).arg("-k").arg(&home).arg("-p").arg(port.to_string());
        for setting in ["listen_addresses=127.0.0.1", "ssl=on", "fsync=off"] {
            postgres.arg("-c").arg(setting);
        }
        if geteuid().is_root() {
            postgres.uid(owner.uid()).gid(owner.gid());
        }
        let process = Process::start(&mut postgres, &folder.file("postgres.log"));
        let server = SecureServer { address, process, _own: own };
        wait::until_true("PostgreSQL answers", START_MAX, || server.address.answers());
        schema::make(&server.address);
        server
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        if self.process.ended().is_none() {
            // Immediate shutdown; killing it would leave its backends.
            self.process.signal(Signal::QUIT);
            self.process.wait();
        }
    }
}
