//! May this login serve tenants? The gate's question, asked on a connection of the login itself.

use std::fmt;

use rowhouse_rls::role::{GATE_QUERY, InvalidRows, RoleFacts, gate};
use rowhouse_rls::{Finding, seal};

use super::{Connection, UpstreamError};
use crate::config::Context;

/// Why a login could not be examined.
#[derive(Debug)]
pub enum VettingError {
    /// The server did not answer the question.
    Upstream(UpstreamError),
    /// It answered something else.
    Rows(InvalidRows),
}

/// What speaks against the login that this connection was made with; and, where the database is
/// said to be sealed, against that.
pub async fn examine(
    connection: &mut Connection,
    database: &str,
    context: Context,
) -> Result<Vec<Finding>, VettingError> {
    let rows = connection.query_text(GATE_QUERY).await.map_err(VettingError::Upstream)?;
    let facts = RoleFacts::from_rows(&rows).map_err(VettingError::Rows)?;
    let mut findings = gate(&facts);
    if context == Context::Sealed {
        let rows = connection.query_text(seal::GATE_QUERY).await.map_err(VettingError::Upstream)?;
        findings.extend(seal::gate(database, &rows).map_err(VettingError::Rows)?);
    }
    Ok(findings)
}

impl fmt::Display for VettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VettingError::Upstream(error) => error.fmt(f),
            VettingError::Rows(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VettingError {}
