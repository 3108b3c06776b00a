//! The sealed database of the trials, and the gateway before it.

use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person::{self, Person};
use crate::postgres::{Address, SUPERUSER};
use crate::process::{self, rowhouse};
use crate::schema;

/// The database.
pub const DATABASE: &str = "it_sealed";
/// The role of its tenants, and its password.
pub const ROLE: &str = "it_sealed_app";

/// A sealed database with the keys of its gateways.
pub struct Stage {
    /// The server.
    pub address: Address,
    /// With the keys file in it.
    pub folder: Folder,
    /// In front of it, with two shards.
    pub gateway: Gateway,
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
        seal(address, &folder);
        // One thing stays open, for the view by which a trial looks what a connection keeps.
        direct.query(&format!("grant execute on function pg_prepared_statement() to {ROLE}"));
        let gateway = gateway(address, &folder, &[("POOL__SHARDS", "2")]);
        Stage { address: address.clone(), folder, gateway }
    }

    /// A gateway of one's own, with settings as environment variables would give them.
    pub fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        gateway(&self.address, &self.folder, settings)
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

fn gateway(address: &Address, folder: &Folder, settings: &[(&str, &str)]) -> Gateway {
    let keys = folder.file("keys.json");
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
    Gateway::serve_text(&text, settings)
}

const TABLES: &str = "
    create table note (tenant text not null, id bigint not null, body text,
        primary key (tenant, id));
    insert into note
        select 'tenant_' || t, i, 'note ' || i || ' of tenant_' || t
        from generate_series(1, 20) t, generate_series(1, 3) i;
    create table mail (tenant text not null, address text unique, bits int check (bits > 0));
    create view kept as select name, statement from pg_prepared_statements;
    grant select on kept to it_sealed_app;
    insert into mail values ('tenant_2', 'secret@tenant-two.example', 2);
";

/// As an operator does it.
fn seal(address: &Address, folder: &Folder) {
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    let url = format!("postgres://{SUPERUSER}:{password}@/{DATABASE}?host={socket}&port={port}");
    let keys = folder.file("keys.json");
    let (mut apply, mut rotate) = (rowhouse(), rowhouse());
    apply.args(["rls", "apply", "--sealed", "--app-role", ROLE, "--tenant-column", "tenant"]);
    rotate.args(["keys", "rotate", "--keys-file"]).arg(&keys);
    for command in [&mut apply, &mut rotate] {
        let output = process::run(command.args(["--database-url", &url]));
        assert!(output.status.success(), "{output:?}");
    }
}
