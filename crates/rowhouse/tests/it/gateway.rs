//! A gateway under trial: `rowhouse dev` or `rowhouse serve`, and who may call it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::answer::Answer;
use crate::client::{Client, Request};
use crate::folder::Folder;
use crate::person::{self, Credential, Person};
use crate::postgres::Address;
use crate::process::{self, Process, rowhouse};
use crate::{schema, token};

/// Access key id of the trials' application.
pub const APP_KEY: &str = "ITAPP";
/// Access key id of the trials' administrator.
pub const ADMIN_KEY: &str = "ITADMIN";
/// Access key id that is bound to [`KEY_TENANT`].
pub const TENANT_KEY: &str = "ITTENANT";
/// The tenant of [`TENANT_KEY`].
pub const KEY_TENANT: &str = "tenant_7";
/// What the trials' gateways seal temporary credentials with.
pub const SEALING_KEY: &str = "the-trials-seal-their-sessions-with-this";
/// The secret of all of them.
pub const KEY_SECRET: &str = "a-secret-access-key-of-the-trials";

/// The users of the PostgreSQL door, who all have [`KEY_SECRET`] as their password: name, what they
/// are, secret.
const WIRE_USERS: [(&str, &str, &str); 4] = [
    ("one", "principal = 'tenant'\ntenant = 'tenant_1'", "app_user"),
    ("two", "principal = 'tenant'\ntenant = 'tenant_2'", "app_user"),
    ("app", "principal = 'app'", "app_user"),
    ("admin", "principal = 'admin'", "admin"),
];

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    /// The process.
    pub process: Process,
    /// The Data API.
    pub http: SocketAddr,
    /// The PostgreSQL door, where there is one.
    pub pg: Option<SocketAddr>,
    /// Liveness, readiness, metrics.
    pub admin: SocketAddr,
    folder: Folder,
}

impl Gateway {
    /// `rowhouse serve` in front of a server, with settings as environment variables would give
    /// them: `POOL__SHARDS` for `shards` in `[pool]`.
    pub fn serve(server: &Address, settings: &[(&str, &str)]) -> Gateway {
        Gateway::serve_text(&configuration(server), settings)
    }

    /// The same with the text of a configuration.
    pub fn serve_text(text: &str, settings: &[(&str, &str)]) -> Gateway {
        let folder = Folder::new("gateway");
        let config = folder.write("rowhouse.toml", text);
        let mut command = rowhouse();
        command.arg("serve").arg("--config").arg(config);
        for (name, value) in settings {
            command.env(format!("ROWHOUSE_{name}"), value);
        }
        Gateway::start(&mut command, folder)
    }

    /// `rowhouse dev` on a data directory, on free ports.
    pub fn dev(directory: &Path) -> Gateway {
        let mut command = process::dev(directory);
        command.args(["--http", "127.0.0.1:0", "--pg", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        Gateway::start(&mut command, Folder::new("dev"))
    }

    /// A command that prints a ready line.
    pub fn start(command: &mut Command, folder: Folder) -> Gateway {
        let mut process = Process::start(command, &folder.file("log"));
        let line = process.wait_for_line("ready ");
        let address = |name: &str| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(name));
            let (_scheme, address) = word.and_then(|url| url.split_once("://")).unwrap();
            address.parse().unwrap()
        };
        let (http, admin) = (address("http="), address("admin="));
        let pg = line.split(' ').find_map(|word| word.strip_prefix("pg="));
        let pg = pg.and_then(|address| address.parse().ok());
        Gateway { process, http, pg, admin, folder }
    }

    /// Its configuration with something added. Nothing happens before a SIGHUP.
    pub fn configure(&self, server: &Address, added: &str) {
        self.rewrite(&(configuration(server) + added));
    }

    /// Another configuration in the place of its own.
    pub fn rewrite(&self, text: &str) {
        self.folder.write("rowhouse.toml", text);
    }

    /// Somebody with a token for a tenant.
    pub fn tenant(&self, tenant: &str) -> Person {
        Person::of_tenant(self.http, tenant)
    }

    /// The application, which picks the tenant itself.
    pub fn app(&self) -> Person {
        Person::with_key(self.http, APP_KEY, KEY_SECRET)
    }

    /// The administrator, as superuser.
    pub fn admin(&self) -> Person {
        Person::with_key(self.http, ADMIN_KEY, KEY_SECRET).via("admin")
    }

    /// Somebody without a credential.
    pub fn nobody(&self) -> Person {
        Person::new(self.http, Credential::None)
    }

    /// What the admin address says.
    pub fn probe(&self, path: &str) -> Answer {
        Client::connect(self.admin).ask(&Request::get(path)).unwrap()
    }

    /// The sum of a metric over its labels, of those whose labels hold `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.probe("/metrics").text();
        let lines = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
        });
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

/// The configuration of the trials' gateways.
pub fn configuration(server: &Address) -> String {
    let (socket, port) = (server.socket.display(), server.port);
    let mut text = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n[log]\nlevel = 'debug'\n\
         [jwt]\naudience = ['{audience}']\nleeway = '1s'\n\
         [[jwt.key]]\nkid = '{kid}'\nalgorithm = 'HS256'\nsecret = '{key}'\n\
         [[sts.key]]\nsecret = '{SEALING_KEY}'\n\
         [[server]]\nname = 'main'\nhost = '{socket}'\nport = {port}\ntls = 'disable'\n",
        audience = token::AUDIENCE,
        kid = token::KEY_ID,
        key = token::KEY,
    );
    for (resource, strict) in [(person::RESOURCE, false), (person::STRICT_RESOURCE, true)] {
        text.push_str(&format!(
            "[[resource]]\narn = '{resource}'\nserver = 'main'\ndefault_database = 'it'\n"
        ));
        for database in schema::DATABASES {
            text.push_str(&format!(
                "[[resource.database]]\nname = '{database}'\ntenant_settings = ['{}']\n\
                 strict = {strict}\n",
                schema::TENANT_SETTING
            ));
        }
    }
    for (name, role, password, principals) in schema::secrets(server) {
        let arn = person::secret(name);
        text.push_str(&format!(
            "[[secret]]\narn = '{arn}'\nrole = '{role}'\npassword = '{password}'\n\
             principals = {principals}\n"
        ));
    }
    let arn = person::secret("app_user");
    text.push_str(&format!(
        "[wire]\nlisten = '127.0.0.1:0'\ntoken_secret = '{arn}'\n\
         failed_logins_max = 0\n"
    ));
    for (name, principal, secret) in WIRE_USERS {
        let arn = person::secret(secret);
        text.push_str(&format!(
            "[[user]]\nname = '{name}'\npassword = '{KEY_SECRET}'\n{principal}\nsecret = '{arn}'\n"
        ));
    }
    let tenant = format!("tenant'\ntenant = '{KEY_TENANT}");
    for (id, principal) in [(APP_KEY, "app"), (ADMIN_KEY, "admin"), (TENANT_KEY, &tenant)] {
        text.push_str(&format!(
            "[[access_key]]\nid = '{id}'\nsecret = '{KEY_SECRET}'\nprincipal = '{principal}'\n"
        ));
    }
    text
}
