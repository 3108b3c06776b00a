//! PostgreSQL's protocol and SQL text without IO: bytes and strings in, values out.
//!
//! | module | holds |
//! | --- | --- |
//! | [`frame`] | where a message ends |
//! | [`backend`] | what a server sends, decoded |
//! | [`frontend`] | what a client sends, encoded |
//! | [`startup`], [`options`], [`request`] | what a client sends, decoded |
//! | [`response`] | what a server sends, encoded |
//! | [`scram`] | the password exchange, both halves |
//! | [`oid`], [`sqlstate`], [`text`] | types, error codes, text values |
//! | [`scan`] | SQL text cut into tokens |
//! | [`named`] | `:name` made `$1` |
//! | [`statement`] | which commands, and what they may do to the session |
//! | [`lasting`] | what a session is meant to keep beyond the transaction |
//! | [`context`] | what a caller with a fixed tenant may not write |
//! | [`sealed`] | what a caller nobody answers for may write |
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
pub mod lasting;
mod literal;
pub mod named;
pub mod oid;
pub mod options;
pub mod request;
pub mod response;
mod row;
pub mod scan;
pub mod scram;
pub mod sealed;
mod setting;
pub mod sqlstate;
pub mod startup;
pub mod statement;
pub mod text;
mod word;
