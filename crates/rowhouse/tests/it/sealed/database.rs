//! The sealed database of the trials, and the gateway before it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::folder::Folder;
use crate::gateway::{Gateway, KEY_SECRET, configuration};
use crate::person::{self, Person};
use crate::postgres::{Address, SUPERUSER};
use crate::process::{self, rowhouse};
use crate::schema;

/// The database.
pub const DATABASE: &str = "it_sealed";
/// The role of its tenants, and its password.
pub const ROLE: &str = "it_sealed_app";

/// Users of the PostgreSQL door whose database it is.
const WIRE_USERS: [(&str, &str); 3] = [
    ("sealed_1", "principal = 'tenant'\ntenant = 'tenant_1'"),
    ("sealed_2", "principal = 'tenant'\ntenant = 'tenant_2'"),
    ("sealed_app", "principal = 'app'"),
];

/// A sealed database with the keys of its gateways.
pub struct Stage {
    /// The server.
    pub address: Address,
    /// With the keys file in it.
    pub folder: Folder,
    /// In front of it, with two shards.
    pub gateway: Gateway,
    /// For who takes keys away, or has a copy of them.
    pub turn: Mutex<()>,
}

impl Stage {
    /// Makes it on a server.
    pub fn new(address: &Address) -> Stage {
        let mut direct = address.connect("postgres");
        direct.query(&format!("create database {DATABASE}"));
        direct.query(&format!("create role {ROLE} login password '{ROLE}'"));
        let mut direct = address.connect(DATABASE);
        direct.query(TABLES);
        let folder = Folder::new("sealed");
        seal(address, DATABASE, &folder.file("keys.json"));
        let gateway = gateway(address, &folder.file("keys.json"), &[("POOL__SHARDS", "2")]);
        Stage { address: address.clone(), folder, gateway, turn: Mutex::new(()) }
    }

    /// A gateway of one's own, with settings as environment variables would give them.
    pub fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        self.gateway_with(&self.keys_file(), settings)
    }

    /// The same with a keys file of one's own.
    pub fn gateway_with(&self, keys: &Path, settings: &[(&str, &str)]) -> Gateway {
        gateway(&self.address, keys, settings)
    }

    /// The keys file of all that have none of their own.
    pub fn keys_file(&self) -> PathBuf {
        self.folder.file("keys.json")
    }

    /// Somebody with a token for a tenant, at the shared gateway.
    pub fn tenant(&self, tenant: &str) -> Person {
        at(self.gateway.tenant(tenant))
    }
}

/// The same person, who names the sealed database.
pub fn at(person: Person) -> Person {
    person.naming("database", DATABASE).via("sealed")
}

fn gateway(address: &Address, keys: &Path, settings: &[(&str, &str)]) -> Gateway {
    Gateway::serve_text(&configuration_of(address, keys), settings)
}

/// The configuration of the trials' gateways, with the sealed database.
pub fn configuration_of(address: &Address, keys: &Path) -> String {
    let mut text = configuration(address);
    let database = format!(
        "[[resource.database]]\nname = '{DATABASE}'\ncontext = 'sealed'\n\
         tenant_settings = ['{}']\n",
        schema::TENANT_SETTING
    );
    let place = text.find("[[resource]]").and_then(|first| {
        let behind = text.get(first + 1..)?.find("[[resource]]")?;
        Some(first + 1 + behind)
    });
    text.insert_str(place.unwrap(), &database);
    text.push_str(&format!("[seal]\nkeys_file = '{}'\n", keys.display()));
    text.push_str(&format!(
        "[[secret]]\narn = '{}'\nrole = '{ROLE}'\npassword = '{ROLE}'\n\
         principals = ['tenant', 'app']\n",
        person::secret("sealed")
    ));
    // Tokens are for the sealed database, at the PostgreSQL door.
    let of_token = |secret: &str| format!("token_secret = '{}'", person::secret(secret));
    text = text.replace(&of_token("app_user"), &of_token("sealed"));
    let arn = person::secret("sealed");
    for (name, principal) in WIRE_USERS {
        text.push_str(&format!(
            "[[user]]\nname = '{name}'\npassword = '{KEY_SECRET}'\n{principal}\nsecret = '{arn}'\n"
        ));
    }
    // Where the trials run on a server that lacks the newest fixes, it is for us to know.
    text.push_str("[gate]\naccept = ['RH608']\n");
    text
}

const TABLES: &str = "
    create table note (tenant text not null, id bigint not null, body text,
        primary key (tenant, id));
    insert into note
        select 'tenant_' || t, i, 'note ' || i || ' of tenant_' || t
        from generate_series(1, 20) t, generate_series(1, 3) i;
    create table mail (tenant text not null, address text unique, bits int check (bits > 0));
    create function kept_here() returns table (name text, statement text) language sql
        security definer set search_path = pg_catalog, pg_temp
        as 'select name, statement from pg_prepared_statements';
    create view kept as select name, statement from kept_here();
    grant select on kept to it_sealed_app;
    insert into mail values ('tenant_2', 'secret@tenant-two.example', 2);
";

/// As an operator seals a database: with the program's own words.
pub fn seal(address: &Address, database: &str, keys_file: &Path) {
    let url = url(address, database);
    let at = ["--database-url", &url, "--app-role", ROLE, "--tenant-column", "tenant"];
    run(rowhouse().args(["rls", "apply", "--sealed"]).args(at));
    keys("rotate", address, database, keys_file, &[]);
}

/// `rowhouse keys`.
pub fn keys(command: &str, address: &Address, database: &str, file: &Path, words: &[&str]) {
    let mut keys = rowhouse();
    keys.args(["keys", command, "--keys-file"]).arg(file).args(words);
    run(keys.args(["--database-url", &url(address, database)]));
}

/// The way into a database as a superuser.
pub fn url(address: &Address, database: &str) -> String {
    let Address { socket, port, password } = address;
    format!("postgres://{SUPERUSER}:{password}@/{database}?host={}&port={port}", socket.display())
}

fn run(command: &mut Command) {
    let output = process::run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
