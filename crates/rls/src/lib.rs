//! What a PostgreSQL catalog says about the walls between tenants: facts in, findings out.
//!
//! A query text goes to whoever has a connection, its rows come back as facts, and pure functions
//! turn the facts into [`Finding`]s with stable [`Code`]s. Today that is the start-up gate
//! ([`role`]): may this login role serve tenants at all?
//!
//! What is absent here, on purpose:
//! - no connection, no file, no clock: the caller runs the query and brings the rows;
//! - no dependency on the other crates: a catalog knows no principals and no pools;
//! - no judgement of what is acceptable: a finding is a finding, the configuration may accept it.

pub mod code;
pub mod finding;
pub mod role;

pub use code::Code;
pub use finding::{Finding, Severity};
