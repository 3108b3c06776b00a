//! One statement with many sets of values: one exchange, one implicit transaction, all or nothing.

use rowhouse_tenancy::principal::Principal;

use super::exchange::is_atomic;
use super::guard::Place;
use super::series::Frame;
use super::{Outcome, Session, Statement, Target};
use crate::error::Error;

impl Session {
    /// Runs a statement once for each set, in one transaction of its own. The sets share their SQL;
    /// rows that they return are dropped as they come.
    pub async fn execute_batch(
        &self,
        principal: &Principal,
        target: &Target,
        sets: Vec<Statement>,
    ) -> Result<Vec<Outcome>, Error> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut implicit = self.implicit(principal, target, sets, Place::Together)?;
        implicit.rows = false;
        // A procedure could COMMIT between the sets, and inside a block it cannot.
        let atomic = implicit.items.iter().all(|item| is_atomic(item.entry.examined.verb));
        if !atomic && implicit.items.len() > 1 {
            implicit.frame = Frame::Block("BEGIN");
        }
        implicit.run().await.map_err(|error| target.shown(error))
    }
}
