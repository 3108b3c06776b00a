//! A database for sums, a folder for a journal, and gateways that have both.

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person;
use crate::postgres::{Address, Direct};
use crate::process::{self, rowhouse};
use crate::rls::database;
use crate::stand::Stand;
use crate::wait;

/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

/// Where usage is kept.
pub struct Meter {
    address: Address,
    name: String,
    text: String,
    folder: Folder,
}

impl Meter {
    /// A new database without sums, a new folder without a journal; what is counted is added up
    /// when the gateway starts and when it stops.
    pub fn new(stand: &Stand, name: &str) -> Meter {
        database(stand, name);
        let address = stand.cluster().address.clone();
        let folder = Folder::new(name);
        let text = format!(
            "{}[registry]\nsecret = '{}'\ndatabase = '{name}'\n[usage]\njournal_dir = '{}'\n\
             fold_interval = '1h'\n[[usage.price]]\nname = 'dear'\n\
             step = [{{ per_million = '1000000' }}]\n",
            configuration(&address),
            person::secret("admin"),
            folder.file("journal").display(),
        );
        folder.write("rowhouse.toml", &text);
        Meter { address, name: name.to_owned(), text, folder }
    }

    /// A gateway.
    pub fn gateway(&self) -> Gateway {
        self.gateway_with(&[])
    }

    /// The same with settings.
    pub fn gateway_with(&self, settings: &[(&str, &str)]) -> Gateway {
        let all: Vec<(&str, &str)> =
            [("POOL__SHARDS", "2")].into_iter().chain(settings.iter().copied()).collect();
        Gateway::serve_text(&self.text, &all)
    }

    /// A gateway that is expected not to start.
    pub fn serve_once(&self) -> Output {
        let config = self.folder.file("rowhouse.toml");
        process::run(rowhouse().arg("serve").arg("--config").arg(config))
    }

    /// `rowhouse usage`.
    pub fn run(&self, words: &[&str]) -> Output {
        let config = self.folder.file("rowhouse.toml");
        process::run(rowhouse().arg("usage").arg("--config").arg(config).args(words))
    }

    /// The same; it must succeed. What it printed.
    #[track_caller]
    pub fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    #[track_caller]
    pub fn report(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = ["--format", "json"].iter().chain(words).copied().collect();
        serde_json::from_str(&self.done(&words)).unwrap()
    }

    /// All requests in the database.
    pub fn sum(&self) -> u64 {
        let sql = "select coalesce(sum(requests), 0) from rowhouse.usage_hour";
        self.direct().value(sql).parse().unwrap()
    }

    /// Waits until so many are in the database.
    pub fn wait_for_sum(&self, sum: u64) {
        wait::until_true(&format!("{sum} answers are added up"), SOON, || self.sum() == sum);
    }

    /// A connection past everything.
    pub fn direct(&self) -> Direct {
        self.address.connect(&self.name)
    }

    /// The folder of the journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.file("journal")
    }

    /// A file beside it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// Segments by name.
    pub fn segments(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(self.journal()).unwrap().map(Result::unwrap);
        let segments =
            entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "usage"));
        segments
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect()
    }
}
