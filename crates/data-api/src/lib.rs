//! The RDS Data API as values: operation → request → bound statement, rows → response, error →
//! fault.
//!
//! | module | holds |
//! | --- | --- |
//! | [`operation`] | the operations and their paths |
//! | [`request`] | what a caller sends, parsed and checked |
//! | [`parameter`] | `SqlParameter` values, and how they are bound to a statement |
//! | [`catalog`] | what has to be looked up about the columns of a result |
//! | [`field`] | one PostgreSQL value as a `Field` |
//! | [`result`] | whole responses, written row by row |
//! | [`strict`] | the results that the service refuses |
//! | [`fault`] | the exceptions: name, HTTP status, public text |
//!
//! No socket, no file, no clock. The shapes are those of the service model
//! (<https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/>); where it is silent the
//! behaviour is that of the second version of the service on Aurora PostgreSQL.

pub mod catalog;
pub mod fault;
pub mod field;
mod formatted;
mod instant;
mod json;
mod metadata;
pub mod operation;
pub mod parameter;
pub mod request;
pub mod result;
pub mod strict;
