//! A registry in a database of its own, gateways that go by it, and the commands that change it.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::gateway::{Gateway, configuration};
use crate::person::{self, Person};
use crate::postgres::{Address, Direct};
use crate::process::{self, rowhouse};
use crate::rls::database;
use crate::stand::Stand;
use crate::wait;

/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// The registry.
pub struct Roll {
    /// The server.
    pub address: Address,
    /// The database.
    pub name: String,
    /// How commands name it.
    at: Vec<String>,
}

impl Roll {
    /// A new database, with nothing in it.
    pub fn new(stand: &Stand, name: &str) -> Roll {
        let at = database(stand, name);
        Roll { address: stand.cluster().address.clone(), name: name.to_owned(), at }
    }

    /// The configuration of a gateway that goes by it, with more in `[registry]`.
    pub fn text(&self, more: &str) -> String {
        let admin = person::secret("admin");
        format!(
            "{}[registry]\nsecret = '{admin}'\ndatabase = '{}'\n{more}\n",
            configuration(&self.address),
            self.name
        )
    }

    /// Its database as one that callers may name, in the resource `roll`.
    pub fn resource(&self) -> String {
        format!(
            "[[resource]]\narn = 'roll'\nserver = 'main'\n[[resource.database]]\nname = '{}'\n\
             tenant_settings = ['app.tenant']\n",
            self.name
        )
    }

    /// Such a gateway, with two shards.
    pub fn gateway(&self, more: &str) -> Gateway {
        Gateway::serve_text(&self.text(more), &[("POOL__SHARDS", "2")])
    }

    /// A connection past everything.
    pub fn direct(&self) -> Direct {
        self.address.connect(&self.name)
    }

    /// `rowhouse tenant` with these words.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = rowhouse();
        command.arg("tenant").args(words).args(&self.at);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        process::run(&mut self.command(words))
    }

    /// The same; it must succeed. What it printed.
    pub fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `show` says for programs.
    pub fn shown(&self, tenant: &str) -> Value {
        serde_json::from_str(&self.done(&["show", tenant, "--format", "json"])).unwrap()
    }

    /// Ends the connections that listen.
    pub fn cut_off(&self) -> usize {
        let sql = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = '{}' and application_name = 'rowhouse registry'",
            self.name
        );
        self.address.query("postgres", &sql).len()
    }
}

/// Callers of one tenant on connections of their own, so that every shard is asked.
pub fn crowd(gateway: &Gateway, tenant: &str) -> Vec<Person> {
    (0..6).map(|_| gateway.tenant(tenant)).collect()
}

/// Waits until every caller is refused, and told this.
pub fn wait_refused(crowd: &[Person], sentence: &str) {
    wait::until_true(sentence, SOON, || {
        crowd.iter().all(|person| {
            let answer = person.execute("select 1");
            answer.exception() == "AccessDeniedException" && answer.message() == sentence
        })
    });
}

/// Waits until every caller is served.
pub fn wait_served(crowd: &[Person]) {
    wait::until_true("served", SOON, || {
        crowd.iter().all(|person| person.execute("select 1").status == 200)
    });
}
