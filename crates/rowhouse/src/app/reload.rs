//! SIGHUP: the configuration is read again, and followed in what can change while callers are
//! there. What cannot is named in the log; with a problem in it, nothing changes at all.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::admission::Admission;
use crate::config::{Config, Loaded, Values};
use crate::jwks::Keyring;
use crate::observe::{Event, LogSwitch, Observer};
use crate::seal::Seals;
use crate::secrets::Sources;
use crate::wire::ReloadRequest;

/// What is followed without a restart: who callers are, what new connections are met with, and how
/// much is logged. Keys and whole sections.
pub const FOLLOWED: [&str; 27] = [
    "admission",
    "tier",
    "http.tls_certificate_file",
    "http.tls_key_file",
    "http.tls_min_version",
    "wire.tls_certificate_file",
    "wire.tls_key_file",
    "wire.tls_min_version",
    "wire.channel_binding",
    "wire.tls_client_auth",
    "wire.tls_client_ca_file",
    "wire.tls_client_crl_file",
    "wire.failed_logins_max",
    "wire.auth_query",
    "wire.auth_query_secret",
    "wire.auth_query_database",
    "wire.auth_query_ttl",
    "wire.auth_query_iterations",
    "wire.auth_users_principal",
    "wire.auth_users_secret",
    "user",
    "aws.region",
    "access_key",
    "jwt",
    "issuer",
    "sts",
    "log.level",
];
/// What the keyring is made of.
const KEYRING: [&str; 2] = ["jwt", "issuer"];
/// Not a matter of `serve`: another command reads it.
const FOREIGN: &str = "token";

/// Where a new configuration comes from, and when.
pub struct Reloads {
    hangups: Signal,
    load: Box<Load>,
}

type Load = dyn Fn() -> Result<Loaded, Vec<String>>;

impl Reloads {
    /// From now on SIGHUP means to `load` anew, and is not deadly any more.
    pub fn listen(load: impl Fn() -> Result<Loaded, Vec<String>> + 'static) -> io::Result<Reloads> {
        Ok(Reloads { hangups: signal(SignalKind::hangup())?, load: Box::new(load) })
    }
}

/// What changes at a reload, as every shard gets it.
#[derive(Clone)]
pub struct Renewed {
    /// The configuration as it was last reloaded.
    pub config: Arc<Config>,
    /// The keys of its issuers.
    pub keyring: Keyring,
}

/// Everybody who follows the configuration gets it from here.
pub struct Follow {
    /// What the gateway began with, and still runs with where a change waits.
    pub started: Arc<Config>,
    /// The values of that.
    pub values: Values,
    /// The log, whose level can change.
    pub log: LogSwitch,
    /// Where its events go.
    pub observer: Observer,
    /// Where the roles' passwords come from.
    pub sources: Arc<Sources>,
    /// What tenants may use.
    pub admission: Arc<Admission>,
    /// What connections to sealed databases are registered with.
    pub seals: Option<Arc<Seals>>,
}

impl Follow {
    /// Reloads at every SIGHUP and whenever an operator asks for it, for good.
    pub async fn run(
        self,
        mut reloads: Reloads,
        mut requests: mpsc::Receiver<ReloadRequest>,
        followers: watch::Sender<Renewed>,
    ) {
        let mut values = self.values.clone();
        loop {
            let request = tokio::select! {
                hangup = reloads.hangups.recv() => match hangup {
                    Some(()) => None,
                    None => return,
                },
                Some(request) = requests.recv() => Some(request),
            };
            let done = match (reloads.load)() {
                Ok(loaded) => self.take(loaded, &mut values, &followers).await,
                Err(problems) => {
                    problems.iter().for_each(|problem| self.refuse(problem));
                    Err(problems)
                }
            };
            if let Some(ReloadRequest(answer)) = request {
                // An operator that is gone hears nothing.
                let _ = answer.send(done);
            }
        }
    }

    /// The keys whose change waits for a restart, or the problems.
    async fn take(
        &self,
        loaded: Loaded,
        values: &mut Values,
        followers: &watch::Sender<Renewed>,
    ) -> Result<Vec<String>, Vec<String>> {
        let Loaded { config, values: new_values, warnings, .. } = loaded;
        // The keys of `rowhouse dev` pass the check for the address that is written there now.
        let started = &self.started;
        let moved = [
            ("http.listen", config.http.listen.ip() != started.http.listen.ip()),
            ("wire.listen", config.wire.listen.ip() != started.wire.listen.ip()),
        ];
        if let Some((key, _)) = moved.into_iter().find(|(_, moved)| *moved) {
            let text = "names another address than the one in use: restart instead";
            let problem = format!("{key}: {text}");
            self.refuse(&problem);
            return Err(vec![problem]);
        }
        for warning in &warnings {
            self.observer.emit(&Event::Warned { warning });
        }
        let config = Arc::new(config);
        let before = followers.borrow().keyring.clone();
        let other_issuers =
            new_values.changed(values).any(|key| KEYRING.iter().any(|section| is_in(key, section)));
        let keyring = if other_issuers {
            let keyring = Keyring::start(&config, &self.observer).await;
            keyring.inherit(&config, &before, &followers.borrow().config);
            keyring
        } else {
            // Keys that were fetched outlive an issuer that does not answer just now.
            before.refetch();
            before.clone()
        };
        self.sources.refetch();
        self.seals.iter().for_each(|seals| seals.look());
        let waiting = self.waiting(&config, &new_values);
        self.log.set_level(config.log.level);
        self.admission.renew(&config);
        followers.send_replace(Renewed { config, keyring });
        if other_issuers {
            before.stop();
        }
        *values = new_values;
        self.observer.emit(&Event::Reloaded { waiting: &waiting });
        Ok(waiting)
    }

    fn refuse(&self, problem: &str) {
        self.observer.emit(&Event::ReloadRefused { problem });
    }

    /// The keys whose change waits for a restart.
    fn waiting(&self, config: &Config, values: &Values) -> Vec<String> {
        let mut waiting: Vec<String> = values
            .changed(&self.values)
            .filter(|key| !FOLLOWED.iter().any(|followed| is_in(key, followed)))
            .filter(|key| !is_in(key, FOREIGN))
            .map(str::to_owned)
            .collect();
        if self.started.http.tls.is_some() != config.http.tls.is_some() {
            waiting.push("http.tls_certificate_file".to_owned());
        }
        waiting
    }
}

/// Whether a key is this one, or in this section.
fn is_in(key: &str, section: &str) -> bool {
    let rest = key.strip_prefix(section);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
}
