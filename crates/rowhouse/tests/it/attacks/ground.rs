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
use super::wire;
use crate::gateway::{ADMIN_KEY, APP_KEY, Gateway, KEY_SECRET};
use crate::person::{self, Person};
use crate::postgres::{Direct, SUPERUSER};
use crate::process::{self, rowhouse};
use crate::stand::Stand;
use crate::wire::caller::Caller;
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
    ("POOL__WIRE_CONNECTIONS", "1"),
];
/// One more, for bob's transaction.
const WIDE: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__TRANSACTION_CONNECTIONS", "2"),
    ("POOL__WIRE_CONNECTIONS", "2"),
];
/// Short limits, for what goes on for as long as it may.
const BOUNDED: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__SLOW_CONNECTIONS", "1"),
    ("POOL__TRANSACTION_CONNECTIONS", "1"),
    ("POOL__WIRE_CONNECTIONS", "1"),
    ("LIMITS__STATEMENT_TIMEOUT", "300ms"),
];

/// One attack at a time on each ground: the next on the connection is to be bob.
static TURNS: LazyLock<[[Mutex<bool>; 2]; 2]> = LazyLock::new(Default::default);

/// Where alice comes in. Each door has databases of its own, so that neither waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The Data API.
    Http,
    /// PostgreSQL's own protocol.
    Wire,
}

/// A ground, for the section whose turn it is.
pub struct Ground<'s> {
    stand: &'s Stand,
    context: Context,
    door: Door,
    before: BTreeMap<String, String>,
    sessions: [Value; 3],
    direct: RefCell<Direct>,
    guests: RefCell<HashMap<&'static str, Rc<Guests>>>,
    callers: RefCell<Option<[Caller; 2]>>,
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
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The database.
    pub database: String,
}

impl Ground<'_> {
    /// The ground of a context behind a door, made when the first asks.
    pub fn of(stand: &Stand, context: Context, door: Door) -> Ground<'_> {
        let turn = &TURNS[door as usize][context as usize];
        let mut turn = turn.lock().unwrap_or_else(|broken| broken.into_inner());
        if !*turn {
            make(stand, context, door);
            *turn = true;
        }
        let mut ground = Ground {
            stand,
            context,
            door,
            before: BTreeMap::new(),
            sessions: Default::default(),
            direct: RefCell::new(stand.cluster().address.connect(&database(context, door))),
            guests: RefCell::default(),
            callers: RefCell::default(),
            _turn: turn,
        };
        ground.before = ground.state();
        ground.sessions = ground.witnesses();
        let own = ground.sessions[0].as_array().expect("bob is answered");
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
            let database = database(self.context, self.door);
            let name = format!("attacks {kind} {database}");
            let text = configuration(self.stand, self.context, self.door);
            let gateway = self.stand.gateway_of(&name, || Gateway::serve_text(&text, settings));
            let [alice, bob] = ["alice", "bob"].map(|name| gateway.tenant(name));
            Rc::new(Guests { alice, bob, app: gateway.app(), gateway, database })
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
        traces.extend(self.other_sessions());
        traces
    }

    /// The next sessions that are not as they were before.
    pub fn other_sessions(&self) -> Vec<String> {
        let others = self.sessions.iter().zip(self.witnesses());
        let others = others.filter(|(before, after)| *before != after);
        others.map(|(_, after)| format!("the next session is {after}")).collect()
    }

    /// A step in which database and role are those of this ground.
    pub fn spelled(&self, step: &str) -> String {
        let (database, role) = (database(self.context, self.door), role(self.context, self.door));
        let parts = step.split("attacks_app").map(|part| part.replace("attacks", &database));
        parts.collect::<Vec<_>>().join(&role)
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
        if self.door == Door::Wire {
            let mut callers = self.callers.borrow_mut();
            let new = || ["bob", "app"].map(|name| wire::guest(&guests, name));
            return wire::witnesses(callers.get_or_insert_with(new), WITNESS);
        }
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

/// The attacks name those of the Data API's standard context.
fn database(context: Context, door: Door) -> String {
    let [door, context] = [
        if door == Door::Wire { "_wire" } else { "" },
        if context == Context::Sealed { "_sealed" } else { "" },
    ];
    format!("attacks{door}{context}")
}

fn role(context: Context, door: Door) -> String {
    format!("{}_app", database(context, door))
}

/// A database that knows nothing of walls, and what `rowhouse rls apply` makes of it.
fn make(stand: &Stand, context: Context, door: Door) {
    let address = &stand.cluster().address;
    let (database, role) = (&database(context, door), &role(context, door));
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
            let file = keys_file(stand, door);
            run(&["keys", "rotate", "--keys-file", file.to_str().unwrap()]);
        }
    }
    address.query(database, &state::KEEP.replace("ROLE", role));
}

/// The keys of the sealed database and its gateways.
fn keys_file(stand: &Stand, door: Door) -> PathBuf {
    stand.dev().directory.file(&format!("{}-seal-keys.json", database(Context::Sealed, door)))
}

fn configuration(stand: &Stand, context: Context, door: Door) -> String {
    let server = &stand.cluster().address;
    let (socket, port) = (server.socket.display(), server.port);
    let (database, role) = (database(context, door), role(context, door));
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
        text.push_str(&format!("[seal]\nkeys_file = '{}'\n", keys_file(stand, door).display()));
    }
    for (name, role, password, principals) in [
        ("app_user", role.as_str(), role.as_str(), "['tenant', 'app']"),
        ("owner", "postgres", server.password.as_str(), "['admin']"),
    ] {
        let arn = person::secret(name);
        text.push_str(&format!(
            "[[secret]]\narn = '{arn}'\nrole = '{role}'\npassword = '{password}'\n\
             principals = {principals}\n"
        ));
    }
    if door == Door::Wire {
        let arn = person::secret("app_user");
        text.push_str(&format!(
            "[wire]\nlisten = '127.0.0.1:0'\ntoken_secret = '{arn}'\n\
             [[user]]\nname = 'app'\npassword = '{KEY_SECRET}'\nprincipal = 'app'\n\
             secret = '{arn}'\n"
        ));
    }
    for (id, principal) in [(APP_KEY, "app"), (ADMIN_KEY, "admin")] {
        text.push_str(&format!(
            "[[access_key]]\nid = '{id}'\nsecret = '{KEY_SECRET}'\nprincipal = '{principal}'\n"
        ));
    }
    text
}
