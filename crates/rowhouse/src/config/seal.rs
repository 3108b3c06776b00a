//! `[seal]`: the keys of sealed databases, and whether somebody needs them.

use std::path::PathBuf;

use rowhouse_tenancy::seal::SealKey;

use super::reader::Section;
use super::{Context, Resource, SealKeys};

/// The keys of sealed databases.
#[derive(Debug)]
pub struct Seal {
    /// Where they are.
    pub keys_file: PathBuf,
    /// The current one, when the configuration was read.
    pub key: SealKey,
    /// The others, newest first.
    pub others: Vec<SealKey>,
}

/// `[seal]`. `None`: nothing is written there; `Some(None)`: nothing that can be used.
pub fn seal(section: &Section<'_>) -> Option<Option<Seal>> {
    section.has("keys_file").then(|| keys(section))
}

fn keys(section: &Section<'_>) -> Option<Seal> {
    let keys_file = section.file("keys_file")?;
    let keys = match SealKeys::read(&keys_file) {
        Ok(Some(keys)) => keys,
        Ok(None) => {
            let file = keys_file.display();
            let message = format!("there is no {file}: make it with `rowhouse keys rotate`");
            section.problem("keys_file", message);
            return None;
        }
        Err(error) => {
            section.problem("keys_file", error.to_string());
            return None;
        }
    };
    let key = keys.current_key()?.clone();
    let others = keys.others();
    Some(Seal { keys_file, key, others })
}

/// A sealed database without keys would have no rows for anybody.
pub fn check<'r>(file: &Section<'_>, resources: impl Iterator<Item = &'r Resource>) {
    let mut databases = resources.flat_map(|resource| &resource.databases);
    let sealed = databases.find(|database| database.context == Context::Sealed);
    if let Some(database) = sealed {
        let message = format!(
            "is needed, with keys_file: the database {:?} is sealed; `rowhouse keys rotate` makes \
             the file",
            database.name
        );
        file.problem("seal", message);
    }
}
