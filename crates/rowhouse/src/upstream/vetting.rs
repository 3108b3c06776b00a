//! May this login serve tenants? The gate's question, asked on a connection of the login itself.

use std::fmt;

use rowhouse_rls::Finding;
use rowhouse_rls::role::{GATE_QUERY, InvalidRows, RoleFacts, gate};

use super::{Connection, UpstreamError};

/// Why a login could not be examined.
#[derive(Debug)]
pub enum VettingError {
    /// The server did not answer the question.
    Upstream(UpstreamError),
    /// It answered something else.
    Rows(InvalidRows),
}

/// What speaks against the login that this connection was made with.
pub async fn examine(connection: &mut Connection) -> Result<Vec<Finding>, VettingError> {
    let rows = connection.query_text(GATE_QUERY).await.map_err(VettingError::Upstream)?;
    let facts = RoleFacts::from_rows(&rows).map_err(VettingError::Rows)?;
    Ok(gate(&facts))
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
