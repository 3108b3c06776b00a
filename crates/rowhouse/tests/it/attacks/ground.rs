//! Where attacks are done: a database as `rowhouse rls apply` leaves it, and gateways before it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::book::{Attack, Context};
use super::state::{self, SCHEMA, STATE};
use crate::gateway::{ADMIN_KEY, APP_KEY, Gateway, KEY_SECRET};
use crate::person::{self, Person};
use crate::postgres::{Direct, SUPERUSER};
use crate::process::{self, rowhouse};
use crate::stand::Stand;
use crate::{token, wait};

/// Backends end a little after their connections, and what they held with them.
const SETTLED: Duration = Duration::from_secs(20);
/// What tells one session from another, and bob's rows.
const WITNESS: &str = "select tenant_id, pearl, current_setting('search_path'),
    coalesce(current_setting('app.tenant_id', true), ''), current_setting('TimeZone'),
    current_setting('standard_conforming_strings'), current_setting('client_encoding'),
    current_setting('row_security'), current_setting('transaction_read_only'), current_user::text
    from vault order by tenant_id, id";
/// One connection of each kind, so that who comes next comes to the same one.
const NARROW: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__FAST_CONNECTIONS", "1"),
    ("POOL__SLOW_CONNECTIONS", "1"),
    ("POOL__TRANSACTION_CONNECTIONS", "1"),
];
/// One more, for bob's transaction.
const WIDE: &[(&str, &str)] = &[("POOL__SHARDS", "1"), ("POOL__TRANSACTION_CONNECTIONS", "2")];
/// Short limits, for what goes on for as long as it may.
const BOUNDED: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__SLOW_CONNECTIONS", "1"),
    ("POOL__TRANSACTION_CONNECTIONS", "1"),
    ("LIMITS__STATEMENT_TIMEOUT", "300ms"),
];

/// One attack at a time in each context: the next on the connection is to be bob.
static TURNS: LazyLock<[Mutex<bool>; 2]> = LazyLock::new(Default::default);

/// A ground, for the section whose turn it is.
pub struct Ground<'s> {
    stand: &'s Stand,
    context: Context,
    before: BTreeMap<String, String>,
    sessions: [Value; 3],
    direct: RefCell<Direct>,
    guests: RefCell<HashMap<&'static str, Rc<Guests>>>,
    _turn: MutexGuard<'static, bool>,
}

/// Who meets at one gateway, each on a connection of its own.
pub struct Guests {
    /// Does it.
    pub alice: Person,
    /// Would suffer.
    pub bob: Person,
    /// An application without a tenant.
    pub app: Person,
    _gateway: Arc<Gateway>,
}

impl Ground<'_> {
    /// The ground of a context, made when the first asks.
    pub fn of(stand: &Stand, context: Context) -> Ground<'_> {
        let turn = &TURNS[context as usize];
        let mut turn = turn.lock().unwrap_or_else(|broken| broken.into_inner());
        if !*turn {
            make(stand, context);
            *turn = true;
        }
        let mut ground = Ground {
            stand,
            context,
            before: BTreeMap::new(),
            sessions: Default::default(),
            direct: RefCell::new(stand.cluster().address.connect(database(context))),
            guests: RefCell::default(),
            _turn: turn,
        };
        ground.before = ground.state();
        ground.sessions = ground.witnesses();
        let own = ground.sessions[0].as_array().unwrap();
        assert!(own.len() == 3 && own.iter().all(|row| row[0] == "bob"), "{own:?}");
        ground
    }

    /// Who meets at the gateway that an attack goes to.
    pub fn guests(&self, attack: &Attack) -> Rc<Guests> {
        let (name, settings) = match (attack.bounded, attack.bob.is_some()) {
            (true, _) => ("bounded", BOUNDED),
            (_, true) => ("wide", WIDE),
            _ => ("narrow", NARROW),
        };
        self.named(name, settings)
    }

    fn named(&self, kind: &'static str, settings: &[(&str, &str)]) -> Rc<Guests> {
        let mut guests = self.guests.borrow_mut();
        let guests = guests.entry(kind).or_insert_with(|| {
            let name = format!("attacks {kind} {}", self.context.name());
            let text = configuration(self.stand, self.context);
            let gateway = self.stand.gateway_of(&name, || Gateway::serve_text(&text, settings));
            let [alice, bob] = ["alice", "bob"].map(|name| gateway.tenant(name));
            Rc::new(Guests { alice, bob, app: gateway.app(), _gateway: gateway })
        });
        Rc::clone(guests)
    }

    /// What is not as it was before: rows of others, the catalog, the server, the next sessions.
    pub fn traces(&self) -> Vec<String> {
        let mut traces = self.changes();
        // A reset may be under way, and takes the locks with it.
        let deadline = Instant::now() + SETTLED;
        while traces == ["locks"] && Instant::now() < deadline {
            wait::pause(Duration::from_millis(20));
            traces = self.changes();
        }
        for (before, after) in self.sessions.iter().zip(self.witnesses()) {
            if *before != after {
                traces.push(format!("the next session is {after}"));
            }
        }
        traces
    }

    /// Everything as it was.
    pub fn restore(&self) {
        self.direct.borrow_mut().query(state::RESTORE);
    }

    /// Alice may do with her rows what she likes; here they are as they were.
    pub fn restore_own(&self) {
        self.direct.borrow_mut().query(state::RESTORE_OWN);
    }

    fn changes(&self) -> Vec<String> {
        let mut now = self.state();
        if now.get("own") != self.before.get("own") {
            self.restore_own();
            now = self.state();
        }
        let changed = self.before.iter().filter(|(part, digest)| now.get(*part) != Some(*digest));
        changed.map(|(part, _)| part.clone()).collect()
    }

    fn state(&self) -> BTreeMap<String, String> {
        let rows = self.direct.borrow_mut().query(STATE);
        rows.into_iter()
            .map(|row| {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                (cells.next().unwrap(), cells.next().unwrap())
            })
            .collect()
    }

    /// Bob by himself and in a transaction, and an application without a tenant.
    fn witnesses(&self) -> [Value; 3] {
        let guests = self.named("narrow", NARROW);
        let rows = |answer: crate::answer::Answer| match answer.status {
            200 => answer.rows(),
            _ => answer.text().into(),
        };
        let bob = &guests.bob;
        let transaction = bob.begin();
        let within = rows(transaction.execute(WITNESS));
        transaction.rollback();
        [rows(bob.execute(WITNESS)), within, rows(guests.app.execute(WITNESS))]
    }
}

fn database(context: Context) -> &'static str {
    match context {
        Context::Standard => "attacks",
        Context::Sealed => "attacks_sealed",
    }
}

fn role(context: Context) -> &'static str {
    match context {
        Context::Standard => "attacks_app",
        Context::Sealed => "attacks_sealed_app",
    }
}

/// A database that knows nothing of walls, and what `rowhouse rls apply` makes of it.
fn make(stand: &Stand, context: Context) {
    let address = &stand.cluster().address;
    let (database, role) = (database(context), role(context));
    address.query("postgres", &format!("create database {database}"));
    address.query("postgres", &format!("create role {role} login password '{role}'"));
    address.query(database, SCHEMA);
    address.query(database, &format!("grant all on seen, rich to {role}"));
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    let url = format!("postgres://{SUPERUSER}:{password}@/{database}?host={socket}&port={port}");
    let run = |words: &[&str]| {
        let output = process::run(rowhouse().args(words).args(["--database-url", &url]));
        assert!(output.status.success(), "{output:?}");
    };
    let apply = ["rls", "apply", "--scope-keys", "--app-role", role];
    match context {
        Context::Standard => run(&[&apply[..], &["--tenant-setting", "app.tenant_id"]].concat()),
        Context::Sealed => {
            run(&[&apply[..], &["--sealed"]].concat());
            let file = keys_file(stand);
            run(&["keys", "rotate", "--keys-file", file.to_str().unwrap()]);
        }
    }
    address.query(database, &state::KEEP.replace("ROLE", role));
}

/// The keys of the sealed database and its gateways.
fn keys_file(stand: &Stand) -> PathBuf {
    stand.dev().directory.file("attacks-seal-keys.json")
}

fn configuration(stand: &Stand, context: Context) -> String {
    let server = &stand.cluster().address;
    let (socket, port) = (server.socket.display(), server.port);
    let (database, role) = (database(context), role(context));
    let mut text = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [jwt]\naudience = ['{audience}']\n\
         [[jwt.key]]\nkid = '{kid}'\nalgorithm = 'HS256'\nsecret = '{key}'\n\
         [[server]]\nname = 'main'\nhost = '{socket}'\nport = {port}\ntls = 'disable'\n\
         [[resource]]\narn = '{resource}'\nserver = 'main'\ndefault_database = '{database}'\n\
         [[resource.database]]\nname = '{database}'\ncontext = '{context}'\n\
         tenant_settings = ['app.tenant_id']\n",
        context = context.name(),
        audience = token::AUDIENCE,
        kid = token::KEY_ID,
        key = token::KEY,
        resource = person::RESOURCE,
    );
    if context == Context::Sealed {
        text.push_str(&format!("[seal]\nkeys_file = '{}'\n", keys_file(stand).display()));
    }
    for (name, role, password, principals) in [
        ("app_user", role, role, "['tenant', 'app']"),
        ("owner", "postgres", server.password.as_str(), "['admin']"),
    ] {
        let arn = person::secret(name);
        text.push_str(&format!(
            "[[secret]]\narn = '{arn}'\nrole = '{role}'\npassword = '{password}'\n\
             principals = {principals}\n"
        ));
    }
    for (id, principal) in [(APP_KEY, "app"), (ADMIN_KEY, "admin")] {
        text.push_str(&format!(
            "[[access_key]]\nid = '{id}'\nsecret = '{KEY_SECRET}'\nprincipal = '{principal}'\n"
        ));
    }
    text
}
