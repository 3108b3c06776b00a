//! The sealed database of the trials, and the gateway before it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rowhouse::config::{SealKeys, StoredKey};
use rowhouse_tenancy::seal::{SealKey, SealKeyId};

use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person::{self, Person};
use crate::postgres::{Address, Direct};
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
        seal(&mut direct, &folder);
        let gateway = gateway(address, &folder.file("keys.json"), &[("POOL__SHARDS", "2")]);
        Stage { address: address.clone(), folder, gateway }
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

fn seal(direct: &mut Direct, folder: &Folder) {
    direct.query(&format!(
        "
        create role rowhouse_seal nologin;
        create schema rowhouse authorization rowhouse_seal;
        grant usage on schema rowhouse to {ROLE};
        set role rowhouse_seal"
    ));
    let text = include_str!("../../../../rls/src/plan/sealed.sql");
    for part in text.split("\n--- ").skip(1) {
        let (_, sql) = part.split_once('\n').unwrap();
        direct.query(sql);
    }
    direct.query("reset role");
    direct.query("revoke execute on function set_config from public");
    direct.query("grant execute on function set_config to rowhouse_seal");
    for table in ["note", "mail"] {
        direct.query(&format!(
            "
        alter table {table} alter tenant set default rowhouse.tenant();
        create policy own on {table} using (tenant = (select rowhouse.tenant()))
            with check (tenant = (select rowhouse.tenant()));
        alter table {table} enable row level security;
        alter table {table} force row level security;
        grant select, insert, update, delete on {table} to {ROLE}"
        ));
    }
    direct.query(&format!("revoke temp on database {DATABASE} from public"));
    let key = SealKey::new(SealKeyId::FIRST, [42; 32]);
    let pads = key.pads();
    direct.query(&format!(
        "insert into rowhouse.seal_key values (1, '\\x{}', '\\x{}')",
        pads.inner.expose(),
        pads.outer.expose()
    ));
    let keys = SealKeys::first(StoredKey { key, created: Timestamp::UNIX_EPOCH });
    keys.write(&folder.file("keys.json")).unwrap();
}
