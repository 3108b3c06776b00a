//! What a PostgreSQL catalog says about the walls between tenants: facts in, findings out.
//!
//! A query text goes to whoever has a connection, its rows come back as facts, and pure functions
//! turn the facts into [`Finding`]s with stable [`Code`]s: the start-up gate ([`role`]: may this
//! login role serve tenants at all?) and the whole examination ([`mod@doctor`] of a [`catalog`]).
//!
//! What is absent here, on purpose:
//! - no connection, no file, no clock: the caller runs the query and brings the rows;
//! - no dependency on the other crates: a catalog knows no principals and no pools;
//! - no judgement of what is acceptable: a finding is a finding, and people may [`accept`] it.

pub mod accept;
pub mod catalog;
pub mod code;
pub mod doctor;
mod expression;
pub mod finding;
pub mod life;
pub mod plan;
pub mod prove;
pub mod report;
pub mod role;
pub mod seal;

pub use code::Code;
pub use finding::{Finding, Severity};
