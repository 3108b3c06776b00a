//! PostgreSQL's protocol and SQL text without IO: bytes and strings in, values out.
//!
//! | module | holds |
//! | --- | --- |
//! | [`frame`] | where a message ends |
//! | [`backend`] | what a server sends, decoded |
//! | [`frontend`] | what a client sends, encoded |
//! | [`scram`] | the password exchange, client half |
//! | [`oid`], [`sqlstate`], [`text`] | types, error codes, text values |
//! | [`scan`] | SQL text cut into tokens |
//! | [`named`] | `:name` made `$1` |
//! | [`statement`] | which commands, and what they may do to the session |
//! | [`context`] | what a caller with a fixed tenant may not write |
//!
//! Nothing here panics, whatever the input. Whoever judges SQL judges the text that is sent: after
//! [`named::rewrite`], not before.

pub mod backend;
mod builtin;
pub mod context;
mod cursor;
mod effect;
mod fields;
pub mod frame;
pub mod frontend;
mod literal;
pub mod named;
pub mod oid;
mod row;
pub mod scan;
pub mod scram;
mod setting;
pub mod sqlstate;
pub mod statement;
pub mod text;
mod word;
