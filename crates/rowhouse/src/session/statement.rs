//! What a door hands to the corridor, and what it gets back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rowhouse_data_api::catalog::ColumnFacts;
use rowhouse_protocol::backend::{Columns, DataRow};
use rowhouse_protocol::backend::{CommandTag, tag};
use rowhouse_protocol::frame::{self, HEADER_LEN};
use rowhouse_protocol::frontend::Parameter;

use crate::observe::Spent;

/// The largest frame that can stand in an answer; the answer as a whole was bounded before.
const FRAME_BODY_MAX: usize = i32::MAX as usize;

/// One value for a `$n`.
#[derive(Debug, Clone)]
pub struct Value {
    /// The bytes, `None` for NULL.
    pub bytes: Option<Bytes>,
    /// Whether they are the type's binary form.
    pub binary: bool,
    /// The type to try when PostgreSQL cannot infer one that was left open; 0 where the declared
    /// type may be left open instead.
    pub fallback_type: u32,
}

impl Value {
    pub(super) fn parameter(&self) -> Parameter<'_> {
        Parameter { value: self.bytes.as_deref(), binary: self.binary }
    }
}

/// One statement with its values.
#[derive(Debug, Clone)]
pub struct Statement {
    /// SQL with `$n`.
    pub sql: Arc<str>,
    /// The types of the `$n`; 0 leaves one to PostgreSQL.
    pub types: Vec<u32>,
    /// The values of the `$n`.
    pub values: Vec<Value>,
    /// Where its columns come from is wanted as well.
    pub describe: bool,
    /// Bytes of JSON that its result may have.
    pub result_bytes_max: usize,
}

/// What a statement returned.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(super) columns: Option<Arc<Columns>>,
    pub(super) facts: Vec<ColumnFacts>,
    pub(super) strict: bool,
    /// The statement can have changed nothing.
    pub(super) only_read: bool,
    /// Frames from the first row on, up to and with the command's completion.
    pub(super) frames: Bytes,
    pub(super) database: Duration,
    /// How long it has waited for a connection.
    pub(super) queue: Duration,
}

impl Outcome {
    /// What the frames of an answer tell.
    pub(super) fn new(columns: Option<Arc<Columns>>, frames: Bytes, database: Duration) -> Outcome {
        Outcome {
            columns,
            facts: Vec::new(),
            strict: false,
            only_read: false,
            frames,
            database,
            queue: Duration::ZERO,
        }
    }

    /// The columns, if it has a result set.
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_deref()
    }

    /// What the catalog says of the columns, in their order; nothing where nothing is wanted.
    pub fn facts(&self) -> &[ColumnFacts] {
        &self.facts
    }

    /// Whether its database is one that answers as AWS does.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// How long the database worked for it.
    pub fn database_time(&self) -> Duration {
        self.database
    }

    /// Adds what it has cost to what the call has cost so far. Outcomes of one exchange have been
    /// waited for together.
    pub fn account(&self, spent: &mut Spent) {
        spent.queue = spent.queue.max(self.queue);
        spent.database = spent.database.max(self.database);
        spent.rows += self.tag().and_then(CommandTag::rows).unwrap_or(0);
    }

    /// The rows, in text format.
    pub fn rows(&self) -> impl Iterator<Item = DataRow<'_>> {
        frames(&self.frames)
            .take_while(|(tag_byte, _)| *tag_byte != tag::COMMAND_COMPLETE)
            .filter(|(tag_byte, _)| *tag_byte == tag::DATA_ROW)
            .filter_map(|(_, body)| DataRow::decode(body).ok())
    }

    /// Whether it may have changed something.
    pub fn may_have_written(&self) -> bool {
        !self.only_read
    }

    /// The command's completion; `None` for an empty statement.
    pub fn tag(&self) -> Option<CommandTag<'_>> {
        frames(&self.frames)
            .find(|(tag_byte, _)| *tag_byte == tag::COMMAND_COMPLETE)
            .and_then(|(_, body)| CommandTag::decode(body).ok())
    }
}

/// The frames of an answer that is whole.
pub(super) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (header, body) = frame::split(bytes, FRAME_BODY_MAX).ok().flatten()?;
        bytes = bytes.get(HEADER_LEN + body.len()..).unwrap_or_default();
        Some((header.tag, body))
    })
}
