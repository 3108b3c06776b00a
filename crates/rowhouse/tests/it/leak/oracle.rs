//! What a caller can see of its session, and whether it is as it should be.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::answer::Answer;
use crate::gateway::Gateway;
use crate::person::Person;
use crate::stand::Stand;
use crate::wait;

/// The statement timeout of fast connections here, as PostgreSQL shows it; long, because a look
/// that is sent away would not be met where it should.
pub const FAST_STATEMENT_TIMEOUT_MS: &str = "200";

/// A backend whose connection was closed takes its locks and tables with it when it ends, which is
/// a little later.
const BACKENDS_END: Duration = Duration::from_secs(10);

/// One connection of each kind, and short limits for what acts run into.
const SETTINGS: &[(&str, &str)] = &[
    ("POOL__SHARDS", "1"),
    ("POOL__FAST_CONNECTIONS", "1"),
    ("POOL__SLOW_CONNECTIONS", "1"),
    ("POOL__TRANSACTION_CONNECTIONS", "1"),
    ("POOL__FAST_STATEMENT_TIMEOUT", "200ms"),
    ("LIMITS__STATEMENT_TIMEOUT", "300ms"),
    ("LIMITS__TRANSACTION_IDLE_TIMEOUT", "1s"),
];

/// Looks are numbered, so that some of them are statements nobody has seen before.
static LOOKS: AtomicUsize = AtomicUsize::new(0);
/// One act at a time on each of the gateways.
static TURNS: LazyLock<[Mutex<()>; 3]> = LazyLock::new(Default::default);

/// Caller A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// An application.
    App,
    /// A tenant.
    Tenant,
    /// An administrator in the role that tenants use.
    Admin,
}

impl Who {
    /// As trials are named.
    pub fn name(self) -> &'static str {
        match self {
            Who::App => "app",
            Who::Tenant => "tenant",
            Who::Admin => "admin",
        }
    }

    fn gateway(self) -> &'static str {
        match self {
            Who::App => "leak_app",
            Who::Tenant => "leak_tenant",
            Who::Admin => "leak_admin",
        }
    }
}

/// A gateway for the acts of one caller, and the callers who look.
pub struct Oracle<'s> {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    stand: &'s Stand,
    who: Who,
    expected: Expected,
    _turn: MutexGuard<'static, ()>,
}

/// What a session looks like that nobody has used, seen by an application and by tenant_2.
struct Expected {
    app: BTreeSet<String>,
    tenant: BTreeSet<String>,
}

impl<'s> Oracle<'s> {
    /// The oracle for this caller's acts; waits for its turn.
    pub fn of(stand: &'s Stand, who: Who) -> Oracle<'s> {
        let number = [Who::App, Who::Tenant, Who::Admin].iter().position(|each| *each == who);
        let turn = &TURNS[number.unwrap()];
        let turn = turn.lock().unwrap_or_else(|broken| broken.into_inner());
        let gateway = stand.gateway(who.gateway(), SETTINGS);
        Oracle { expected: Expected::of(stand), gateway, stand, who, _turn: turn }
    }

    /// Caller A, who acts.
    pub fn caller(&self) -> Person {
        match self.who {
            Who::App => self.gateway.app(),
            Who::Tenant => self.gateway.tenant("tenant_1"),
            Who::Admin => self.gateway.admin().via("app_user"),
        }
    }

    /// An act in the words of this caller: locks and tables are seen from everywhere, so each
    /// oracle has its own.
    pub fn spell(&self, sql: &str) -> String {
        sql.replace("TENANT", "'app.current_tenant', 'tenant_3'")
            .replace("QUOTED", "''app.current_tenant'', ''tenant_3''")
            .replace("KEY", &self.key())
            .replace("WHO", self.who.name())
    }

    /// Everything that can be seen, in one statement.
    pub fn looks(&self) -> String {
        self.spell(&format!("{CLEAN_LOOK} {UNCLEAN_LOOK} order by 1, 2, 3"))
    }

    /// Looks at what the act has met, and what it may have met if it was taken for harmless and
    /// fast.
    #[track_caller]
    pub fn look(&self, after: &str) {
        let (app, tenant) = (self.gateway.app(), self.gateway.tenant("tenant_2"));
        let look = self.spell(CLEAN_LOOK);
        let unknown = || format!("{look} /* {} */", LOOKS.fetch_add(1, Ordering::Relaxed));
        self.compare(
            &format!("{after}, on the connection as it was left"),
            &self.expected.app,
            || app.execute(&unknown()),
        );
        self.compare(&format!("{after}, by a tenant"), &self.expected.tenant, || {
            tenant.execute(&unknown())
        });
        self.compare(&format!("{after}, in the fast lane"), &self.expected.app, || {
            app.execute(&look)
        });
    }

    /// Looks with statements before which the connection is reset.
    #[track_caller]
    pub fn look_closely(&self, after: &str) {
        let (app, tenant) = (self.gateway.app(), self.gateway.tenant("tenant_2"));
        let look = self.looks();
        self.compare(&format!("{after}, and reset"), &self.expected.tenant, || {
            tenant.execute(&look)
        });
        self.compare(&format!("{after}, in a transaction"), &self.expected.app, || {
            let transaction = app.begin();
            let answer = transaction.execute(&look);
            transaction.rollback().ok();
            answer
        });
    }

    #[track_caller]
    fn compare(&self, place: &str, expected: &BTreeSet<String>, ask: impl Fn() -> Answer) {
        let deadline = Instant::now() + BACKENDS_END;
        loop {
            let difference = difference(expected, &lines(&ask()));
            if difference.is_empty() {
                return;
            }
            let seen_from_elsewhere = difference
                .iter()
                .all(|line| line.starts_with("+ lock") || line.starts_with("+ temp"));
            let wait = seen_from_elsewhere && Instant::now() < deadline;
            assert!(wait, "{place}:\n{}", difference.join("\n"));
            // Nobody tells when a backend has ended.
            wait::pause(Duration::from_millis(20));
        }
    }

    fn key(&self) -> String {
        format!("{}", 71_000 + self.who as usize)
    }
}

impl Drop for Oracle<'_> {
    /// What has leaked once would be seen by all that come after: they get another gateway.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.stand.replace(self.who.gateway());
        }
    }
}

impl Expected {
    fn of(stand: &Stand) -> Expected {
        // From a connection past the gateway: what a session shows before anybody has used it.
        let mut direct = stand.cluster().address.connect_as("it_app", "it_app", "it");
        let mut fixed = BTreeSet::new();
        for row in direct.query("select current_schema, current_catalog") {
            fixed.insert(format!("schema {} {}", text(&row[0]), text(&row[1])));
        }
        fixed.insert("identity it_app it_app".to_owned());
        let with = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (*line).to_owned());
            fixed.iter().cloned().chain(lines).collect::<BTreeSet<_>>()
        };
        let app = with(&["tenant  "]);
        let tenant = with(&["tenant tenant_2 ", "row tenant_2 3"]);
        Expected { app, tenant }
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

/// Rows as lines. What every session starts with is asked for and compared, too, and then left out.
#[track_caller]
fn lines(answer: &Answer) -> BTreeSet<String> {
    let rows = answer.rows();
    let mut lines = BTreeSet::new();
    for row in rows.as_array().unwrap() {
        let mut line = String::new();
        for (index, value) in row.as_array().unwrap().iter().enumerate() {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            write!(line, "{}{text}", if index > 0 { " " } else { "" }).unwrap();
        }
        lines.insert(line);
    }
    for known in PINNED {
        assert!(lines.remove(*known), "{known:?} is not among {lines:?}");
    }
    lines.remove("lastval false ");
    lines
}

fn difference(expected: &BTreeSet<String>, seen: &BTreeSet<String>) -> Vec<String> {
    let missing = expected.difference(seen).map(|line| format!("- {line}"));
    let more = seen.difference(expected).map(|line| format!("+ {line}"));
    missing.chain(more).collect()
}

/// Settings that every session of the gateway starts with.
const PINNED: &[&str] = &[
    "setting DateStyle ISO, MDY",
    "setting IntervalStyle postgres",
    "setting TimeZone UTC",
    "setting application_name rowhouse",
    "setting bytea_output hex",
    "setting client_encoding UTF8",
    "setting client_min_messages error",
    "setting extra_float_digits 1",
    "setting row_security on",
    "setting standard_conforming_strings on",
];

/// Made of tables and functions that the gateway takes for harmless, so that it meets a connection
/// as it was left: the settings that every session starts with, and of the others those that
/// differ.
pub const CLEAN_LOOK: &str = "
    select 'setting' as kind, name as a, current_setting(name, true) as b from (values
        ('DateStyle'), ('IntervalStyle'), ('TimeZone'), ('application_name'), ('bytea_output'),
        ('client_encoding'), ('client_min_messages'), ('extra_float_digits'), ('row_security'),
        ('standard_conforming_strings')) as pinned (name)
    union all select 'setting', name, current_setting(name, true) from (values
        ('search_path', '\"$user\", public'), ('role', 'none'), ('lock_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),
        ('default_transaction_read_only', 'off'), ('default_transaction_deferrable', 'off'),
        ('default_transaction_isolation', 'read committed'), ('work_mem', '4MB'),
        ('transform_null_equals', 'off'), ('array_nulls', 'on'), ('quote_all_identifiers', 'off'),
        ('backslash_quote', 'safe_encoding'), ('xmloption', 'content'), ('jit', 'on'),
        ('enable_seqscan', 'on'), ('plan_cache_mode', 'auto')) as other (name, initial)
        where current_setting(name, true) is distinct from initial
    union all select 'identity', current_user::text, session_user::text
    -- The search_path says it here; the schema itself is looked at after a reset only.
    union all select 'schema', 'public', current_catalog::text
    union all select 'tenant', coalesce(current_setting('app.current_tenant', true), ''), ''
    union all select 'row', tenant::text, count(*)::text from note group by tenant
    union all select 'temp', relname::text, '' from pg_class
        where relpersistence = 't' and relname like '%secret_WHO%'";

/// With views and functions that show sessions, so that a connection which was used is reset
/// before.
pub const UNCLEAN_LOOK: &str = "
    union all select 'setting', name::text, setting::text from pg_settings
        where source in ('session', 'client', 'interactive', 'user', 'database', 'database user')
        and (name <> 'statement_timeout' or source <> 'client')
        -- Of a transaction that is over PostgreSQL takes the value back and not the source.
        and (name not like 'transaction_%' or setting not in ('off', 'read committed'))
    union all select 'schema', coalesce(current_schema::text, ''), current_catalog::text
    union all select 'prepared', name::text, '' from pg_prepared_statements
        where name not like 'rowhouse%'
    union all select 'cursor', name::text, '' from pg_cursors where name <> ''
    union all select 'lock', mode::text, '' from pg_locks
        where locktype = 'advisory' and objid = KEY
    union all select 'channel', channel, '' from pg_listening_channels() as channel
    union all select 'lastval', has_lastval()::text, ''";
