//! Users that the configuration does not have, looked up in a database of the operator's: by a
//! query of the operator's, as a role of the operator's, through the same corridor as everything.
//!
//! Who is asked for, and what comes of it, is remembered for a short while whether there is such a
//! user or not: neither the answer nor the time that it takes tells which names there are.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use rowhouse_protocol::oid;
use rowhouse_protocol::scram::server::Verifier;
use rowhouse_tenancy::ids::{RoleName, TenantId};
use rowhouse_tenancy::principal::Principal;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::config::{AuthQuery, Wire};
use crate::error::{Error, Kind};
use crate::session::{AtTimeout, Outcome, Session, Statement, Value};

/// Questions of one shard at once, so that a crowd at the door leaves the database to those who are
/// inside. It is a matter of a millisecond.
const QUESTIONS_MAX: usize = 4;
/// A question that takes longer will not be answered in time for the client either.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// One row of a name, a verifier and a tenant has some hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Names remembered in one generation; two are kept. Some hundred bytes each.
const NAMES_MAX: usize = 4096;
/// How PostgreSQL writes a password of the kind before SCRAM.
const MD5: &[u8] = b"md5";

/// What one shard knows of users that were looked up.
pub struct Lookups {
    recent: RefCell<HashMap<String, Remembered>>,
    older: RefCell<HashMap<String, Remembered>>,
    questions: Semaphore,
    /// How often everything was forgotten.
    renewals: Cell<u64>,
}

#[derive(Clone)]
struct Remembered {
    found: Found,
    until: Instant,
}

/// What came of looking somebody up.
#[derive(Clone)]
pub enum Found {
    /// A user.
    User(Rc<Known>),
    /// Nobody who could come in, and why, for the log.
    Nobody(&'static str),
}

/// A user that was found.
pub struct Known {
    /// What is kept of the password.
    pub verifier: Verifier,
    /// Who it is.
    pub principal: Principal,
}

impl Lookups {
    /// Knows nobody yet.
    pub fn new() -> Lookups {
        Lookups {
            recent: RefCell::default(),
            older: RefCell::default(),
            questions: Semaphore::new(QUESTIONS_MAX),
            renewals: Cell::new(0),
        }
    }

    /// Forgets everybody: the configuration has become another.
    pub fn forget(&self) {
        self.recent.take();
        self.older.take();
        self.renewals.set(self.renewals.get().wrapping_add(1));
    }

    /// Looks somebody up. May be cancelled.
    pub async fn find(
        &self,
        session: &Rc<Session>,
        wire: &Wire,
        query: &AuthQuery,
        name: &str,
    ) -> Result<Found, Error> {
        if RoleName::parse(name).is_err() {
            return Ok(Found::Nobody("no role can have that name"));
        }
        if let Some(found) = self.remembered(name) {
            return Ok(found);
        }
        let Ok(_question) = self.questions.acquire().await else {
            return Err(unavailable(&"no more questions are asked"));
        };
        // Somebody else may have asked meanwhile.
        if let Some(found) = self.remembered(name) {
            return Ok(found);
        }
        let renewals = self.renewals.get();
        let asked = timeout(ANSWER_MAX, ask(session, wire, query, name)).await;
        let answer = asked.map_err(|_| unavailable(&"auth_query takes too long"))?;
        let answer = answer.map_err(|error| match error.cause() {
            Some(cause) => unavailable(&format!("auth_query: {error} ({cause})")),
            None => unavailable(&format!("auth_query: {error}")),
        })?;
        let found = read(&answer, name, query.of_tenants);
        if self.renewals.get() == renewals {
            self.remember(name, found.clone(), Instant::now() + query.ttl);
        }
        Ok(found)
    }

    fn remembered(&self, name: &str) -> Option<Found> {
        let (recent, older) = (self.recent.borrow(), self.older.borrow());
        let remembered = recent.get(name).or_else(|| older.get(name));
        remembered.filter(|it| Instant::now() < it.until).map(|it| it.found.clone())
    }

    fn remember(&self, name: &str, found: Found, until: Instant) {
        let mut recent = self.recent.borrow_mut();
        if recent.len() >= NAMES_MAX {
            self.older.replace(std::mem::take(&mut *recent));
        }
        recent.insert(name.to_owned(), Remembered { found, until });
    }
}

async fn ask(
    session: &Rc<Session>,
    wire: &Wire,
    query: &AuthQuery,
    name: &str,
) -> Result<Outcome, Error> {
    let operator = Principal::for_admin("auth_query");
    let database = query.database.as_deref();
    let target = session.resolve(&operator, &wire.resource, &query.secret, database, None)?;
    let name = Value {
        bytes: Some(Bytes::copy_from_slice(name.as_bytes())),
        binary: false,
        fallback_type: oid::TEXT,
    };
    let statement = Statement {
        sql: query.sql.clone(),
        // Of a function it is what the function takes, of a column what the column is.
        types: vec![0],
        values: vec![name],
        describe: false,
        result_bytes_max: ANSWER_BYTES_MAX,
    };
    session.execute(&operator, &target, &statement, AtTimeout::Cancel).await
}

/// The one row: name, password, and for tenants the tenant.
fn read(answer: &Outcome, name: &str, of_tenants: bool) -> Found {
    let mut rows = answer.rows();
    let Some(row) = rows.next() else { return Found::Nobody("there is no such user") };
    if rows.next().is_some() {
        return Found::Nobody("auth_query returns several rows: it must return one");
    }
    let columns: Vec<Option<&[u8]>> = row.iter().collect();
    let (own, password, tenant) = match (columns.as_slice(), of_tenants) {
        ([own, password], false) => (own, password, None),
        ([own, password, tenant], true) => (own, password, Some(tenant)),
        (_, false) => return Found::Nobody("auth_query must return two columns: name, password"),
        (_, true) => {
            return Found::Nobody("auth_query must return three columns: name, password, tenant");
        }
    };
    if *own != Some(name.as_bytes()) {
        return Found::Nobody("auth_query returns somebody else: its first column is another name");
    }
    let verifier = match password {
        None => return Found::Nobody("it has no password, or one whose time is over"),
        Some(password) if password.starts_with(MD5) => {
            return Found::Nobody(
                "its password is kept as md5, which is not taken: set password_encryption = \
                 'scram-sha-256' and give it its password anew",
            );
        }
        Some(password) => std::str::from_utf8(password).ok().and_then(Verifier::parse),
    };
    let Some(verifier) = verifier else {
        return Found::Nobody("auth_query's second column is no SCRAM-SHA-256 verifier");
    };
    let principal = match tenant {
        None => Principal::for_app(name),
        Some(tenant) => {
            let text = tenant.and_then(|tenant| std::str::from_utf8(tenant).ok());
            match text.and_then(|text| TenantId::parse(text).ok()) {
                Some(tenant) => Principal::for_tenant(tenant, name),
                None => return Found::Nobody("auth_query's third column is no tenant"),
            }
        }
    };
    Found::User(Rc::new(Known { verifier, principal }))
}

/// Whoever it was that asked, nothing is held against it.
fn unavailable(cause: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Unavailable, "users cannot be looked up just now: try again").because(cause)
}
