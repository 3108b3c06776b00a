//! Admission: who may have a turn now. It comes before any connection is taken.
//!
//! Limits hold for the whole process, so what a tenant has used stands in one [`Account`] of
//! atomics; each shard has a [`Desk`] that knows the accounts of those who come to it. What an
//! account may use, its [`Terms`], comes from its record and its tier, and is found anew when the
//! registry or the configuration has changed.

mod account;
mod quota;
mod terms;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use rowhouse_tenancy::fair::Clock;
use rowhouse_tenancy::ids::TierName;
use rowhouse_tenancy::principal::Principal;

pub use account::{Account, Admitted, OpenTransaction, Sharing, whole_seconds};
pub use quota::Calendar;
pub use terms::{Party, Terms};

use crate::config::{self, Config};
use crate::error::Error;
use crate::observe::{Event, Observer};
use crate::registry::Registry;
use account::{KINDS, Key, Refusal, nanos};

/// A shard forgets who has not come to it for this long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How often it looks for them.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Below this many accounts nobody looks whether some are not needed any more.
const ACCOUNTS_KEPT: usize = 10_000;

/// The limits of the whole process.
pub struct Admission {
    started: Instant,
    clocks: Arc<[Clock; KINDS]>,
    config: Mutex<Arc<Config>>,
    registry: Arc<Registry>,
    /// Rises with every change of what decides about terms.
    version: AtomicU64,
    accounts: Mutex<Accounts>,
    observer: Observer,
}

struct Accounts {
    by_key: HashMap<Key, Arc<Account>, RandomState>,
    /// As many as may be there before it is looked who has gone.
    sweep_at: usize,
}

/// What one shard knows of those who come to it.
pub struct Desk {
    admission: Arc<Admission>,
    known: RefCell<HashMap<Key, Known, RandomState>>,
    calendar: Calendar,
    swept_at: Cell<Instant>,
}

struct Known {
    party: Party,
    /// The tier that the credential named.
    told: Option<TierName>,
    version: (u64, u64),
    came_at: Instant,
}

impl Admission {
    /// Nobody has used anything yet.
    pub fn new(config: Arc<Config>, registry: Arc<Registry>, observer: Observer) -> Arc<Admission> {
        Arc::new(Admission {
            started: Instant::now(),
            clocks: Arc::default(),
            config: Mutex::new(config),
            registry,
            version: AtomicU64::new(0),
            accounts: Mutex::new(Accounts { by_key: HashMap::default(), sweep_at: ACCOUNTS_KEPT }),
            observer,
        })
    }

    /// Follows a changed configuration: its tiers count from the next request on.
    pub fn renew(&self, config: &Arc<Config>) {
        let mut own = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        *own = Arc::clone(config);
        self.version.fetch_add(1, Ordering::Release);
    }

    fn version(&self) -> (u64, u64) {
        (self.version.load(Ordering::Acquire), self.registry.version())
    }

    /// Nanoseconds since the beginning.
    fn now(&self) -> u64 {
        nanos(self.started.elapsed())
    }

    fn account(&self, key: &Key) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.by_key.get(key) {
            return Arc::clone(account);
        }
        if accounts.by_key.len() >= accounts.sweep_at {
            let (now, today) = (self.now(), Calendar::default().today());
            let needed =
                |own: &Arc<Account>| Arc::strong_count(own) > 1 || own.is_owing(now, today);
            accounts.by_key.retain(|_, own| needed(own));
            accounts.sweep_at = (accounts.by_key.len() * 2).max(ACCOUNTS_KEPT);
        }
        let account = Arc::new(Account::new(self.started, Arc::clone(&self.clocks)));
        accounts.by_key.insert(key.clone(), Arc::clone(&account));
        account
    }

    fn party(&self, key: &Key, principal: &Principal) -> Party {
        let account = self.account(key);
        let config = Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner));
        let record = principal.tenant().and_then(|tenant| self.registry.find(tenant));
        let permitted = self.registry.permit(principal).is_ok();
        let terms = Terms::of(&config.admission, record.as_deref(), principal);
        let terms = Arc::new(Terms { permitted, ..terms });
        Party { account, terms }
    }
}

impl Desk {
    /// The desk of one shard.
    pub fn new(admission: Arc<Admission>) -> Desk {
        Desk {
            admission,
            known: RefCell::default(),
            calendar: Calendar::default(),
            swept_at: Cell::new(Instant::now()),
        }
    }

    /// Whose turn it would be, and what it may use.
    pub fn party(&self, principal: &Principal) -> Party {
        let key = Key::of(principal);
        let version = self.admission.version();
        let now = Instant::now();
        let mut all = self.known.borrow_mut();
        if let Some(known) = all.get_mut(&key)
            && known.version == version
            && known.told.as_ref() == principal.tier()
        {
            known.came_at = now;
            return known.party.clone();
        }
        let party = self.admission.party(&key, principal);
        let told = principal.tier().cloned();
        all.insert(key, Known { party: party.clone(), told, version, came_at: now });
        party
    }

    /// Whether a caller is served at all, as its tenant's record says.
    pub fn permit(&self, principal: &Principal) -> Result<(), Error> {
        if self.party(principal).terms.permitted {
            return Ok(());
        }
        self.admission.registry.permit(principal)
    }

    /// Asks for a turn. It ends when what is given here is dropped.
    pub fn admit(&self, party: &Party) -> Result<Admitted, Error> {
        let entered = party.account.enter(&party.terms, self.admission.now(), &self.calendar);
        let Err(refusal) = entered else { return Ok(Admitted::new(party.clone())) };
        self.note(party, refusal)?;
        party.account.enter_regardless();
        Ok(Admitted::new(party.clone()))
    }

    /// One more transaction is open, if that may be.
    pub fn open_transaction(&self, party: &Party) -> Result<OpenTransaction, Error> {
        let (opened, refusal) = party.account.open_transaction(&party.terms);
        match refusal {
            Some(refusal) => self.note(party, refusal).map(|()| opened),
            None => Ok(opened),
        }
    }

    /// A request is beyond a limit: an error, unless limits are being tried out.
    fn note(&self, party: &Party, refusal: Refusal) -> Result<(), Error> {
        let shadow = party.terms.mode == config::Mode::Shadow;
        let (tier, limit) = (party.terms.tier_name(), refusal.limit);
        self.admission.observer.emit(&Event::Refused { tier, limit, shadow });
        if shadow { Ok(()) } else { Err(refusal.error(&party.terms)) }
    }

    /// The values of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers),
    /// where there is a limit to tell of.
    pub fn rate_limit(&self, party: &Party) -> Option<(String, String)> {
        party.account.rate_limit(&party.terms, self.admission.now(), &self.calendar)
    }

    /// Charges for what ran in a transaction or a conversation; single statements are charged by
    /// the time that they hold their connection.
    pub fn settle(&self, party: &Party, database: Duration) {
        party.account.charge(&party.terms, database);
    }

    /// Forgets who has not come for long.
    pub fn sweep(&self) {
        let now = Instant::now();
        if now.saturating_duration_since(self.swept_at.get()) < SWEEP_INTERVAL {
            return;
        }
        self.swept_at.set(now);
        let came = |known: &Known| now.saturating_duration_since(known.came_at) < REMEMBERED;
        self.known.borrow_mut().retain(|_, known| came(known));
    }
}
