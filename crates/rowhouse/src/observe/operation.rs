//! What operators of the PostgreSQL door look at and do.

use std::time::Duration;

use crate::error::Error;

/// Something of the PostgreSQL door that its operators look at.
pub enum Operation<'a> {
    /// A client of the PostgreSQL door keeps its connection from now on.
    Pinned {
        /// What it has asked to stay.
        reason: &'static str,
    },
    /// PostgreSQL is asked to cancel what a client of the PostgreSQL door runs.
    Cancelled,
    /// A client of the PostgreSQL door has waited for a connection.
    Waited {
        /// For how long.
        long: Duration,
    },
    /// More or fewer clients of the PostgreSQL door are in a state.
    ClientStates {
        /// Which.
        state: &'static str,
        /// How many more.
        change: i64,
    },
    /// An operator has given a command at the console.
    Commanded {
        /// The operator's name.
        user: &'a str,
        /// The command, as it is understood.
        command: &'a str,
        /// Why it was not done.
        error: Option<&'a Error>,
    },
    /// So many databases are paused.
    Paused {
        /// How many.
        databases: usize,
    },
}
