//! What an export says about itself, and whether a database can take it.
//!
//! The file comes from anywhere. Its names are compared with those of the catalog and are never put
//! into SQL; its file names are plain ones.

use serde::{Deserialize, Serialize};

use super::{Field, Life};

/// What `format` says.
const FORMAT: &str = "rowhouse-tenant-export";
/// The layout that this program writes and reads.
const VERSION: u32 = 1;
/// Longer than the file name of any table: longer names are cut.
const FILE_NAME_BYTES_MAX: usize = 100;

/// `manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is: `rowhouse-tenant-export`.
    pub format: String,
    /// The layout.
    pub version: u32,
    /// The program that wrote it.
    pub rowhouse: String,
    /// Whose rows.
    pub tenant: String,
    /// When the snapshot was taken, in RFC 3339.
    pub exported_at: String,
    /// The database.
    pub database: String,
    /// PostgreSQL's version.
    pub server: String,
    /// Tables, those that are referred to first.
    pub tables: Vec<TableFile>,
    /// Sequences that the tables draw from.
    pub sequences: Vec<SequenceState>,
    /// What was noticed and is not in it.
    pub remarks: Vec<String>,
}

/// One table's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// Schema-qualified and quoted.
    pub name: String,
    /// The file, in the same directory.
    pub file: String,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Of the file, in hexadecimal digits.
    pub sha256: String,
    /// The column that holds the tenant, if there is one.
    pub tenant_column: Option<String>,
    /// Its columns in the order of the file.
    pub columns: Vec<ColumnType>,
}

/// A column of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnType {
    /// Its name, quoted where SQL needs it.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// Where a sequence stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// The sequence.
    pub name: String,
    /// The table that draws from it.
    pub table: String,
    /// Its column.
    pub column: String,
    /// What it gave last, as text: JSON's numbers do not hold all of them everywhere.
    pub last_value: Option<String>,
}

impl Manifest {
    /// An empty one.
    pub fn new(tenant: &str) -> Manifest {
        let (format, tenant) = (FORMAT.to_owned(), tenant.to_owned());
        Manifest { format, version: VERSION, tenant, ..Manifest::default() }
    }

    /// Reads one. Says what is wrong with it otherwise.
    pub fn read(text: &str) -> Result<Manifest, String> {
        let manifest: Manifest =
            serde_json::from_str(text).map_err(|error| format!("it cannot be read: {error}"))?;
        if manifest.format != FORMAT {
            return Err("it is not an export of `rowhouse tenant export`".to_owned());
        }
        if manifest.version != VERSION {
            let version = manifest.version;
            return Err(format!(
                "it has version {version} and this program reads version {VERSION}: use the \
                 rowhouse that wrote it ({})",
                manifest.rowhouse
            ));
        }
        for (index, table) in manifest.tables.iter().enumerate() {
            if !is_plain(&table.file) {
                return Err(format!("{:?} is no name of a file in it", table.file));
            }
            let earlier = manifest.tables.iter().take(index);
            if earlier.into_iter().any(|one| one.name == table.name || one.file == table.file) {
                return Err(format!("{} stands in it twice", table.name));
            }
        }
        Ok(manifest)
    }

    /// The places of its tables, with the columns that came, as the catalog has them; or everything
    /// that is in the way.
    pub fn places(&self, life: &Life) -> Result<Vec<(usize, Vec<String>)>, Vec<String>> {
        let mut found = Vec::new();
        let mut problems = Vec::new();
        for table in &self.tables {
            let Some(place) = life.place(&table.name) else {
                problems.push(format!(
                    "there is no table {} with rows of tenants here: create it first, as it was",
                    table.name
                ));
                continue;
            };
            let fields = life.tables.get(place).map(|one| one.columns.as_slice());
            let mut columns = Vec::new();
            for column in &table.columns {
                match column.find(fields.unwrap_or_default()) {
                    Ok(field) => columns.push(field.name.clone()),
                    Err(why) => problems.push(format!("{}.{}: {why}", table.name, column.name)),
                }
            }
            if columns.is_empty() {
                problems.push(format!("{}: no column of it came", table.name));
            }
            found.push((place, columns));
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }
}

impl ColumnType {
    fn find<'a>(&self, fields: &'a [Field]) -> Result<&'a Field, String> {
        let found = fields.iter().find(|field| field.name == self.name);
        let field = found.ok_or("there is no such column here that can be written")?;
        if field.type_name != self.type_name {
            return Err(format!(
                "it is {} here and was {}: import where the types are the same, and change them \
                 afterwards",
                field.type_name, self.type_name
            ));
        }
        Ok(field)
    }
}

/// The name of a table's file: its number, and of its name what every file system takes.
pub fn file_name(number: usize, table: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    let name: String = table.chars().map(plain).take(FILE_NAME_BYTES_MAX - 10).collect();
    format!("{number:04}-{name}.csv")
}

fn is_plain(file: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    file.len() <= FILE_NAME_BYTES_MAX
        && file.ends_with(".csv")
        && file.bytes().all(allowed)
        && !file.starts_with('.')
}
