//! Rowhouse: a tenant gateway for PostgreSQL. The crate with all the IO; the rooms it is made of,
//! in the order in which they may know each other (each only what stands above it):
//!
//! | room | holds |
//! | --- | --- |
//! | [`error`] | what can go wrong for a caller, and how much of it is shown |
//! | [`config`] | what was written, checked |
//! | [`journal`] | answers, counted before they are sent |
//! | [`observe`] | what happens, and its sinks |
//! | [`net`] | sockets |
//! | [`jwks`] | the keys of issuers, fetched and kept |
//! | [`identity`] | credentials become principals |
//! | [`secrets`] | where the roles' passwords come from |
//! | [`seal`] | the key that sealed databases know connections by |
//! | [`upstream`] | one PostgreSQL connection |
//! | [`registry`] | which tenants there are, and who is suspended |
//! | [`ledger`] | the journal, added up in PostgreSQL |
//! | [`admission`] | who may have a turn now: rates, quotas, shares |
//! | [`pool`] | many of them, and who may use which |
//! | [`session`] | the corridor: the only way from a door to PostgreSQL |
//! | [`http`], [`wire`], [`admin`] | the doors |
//! | [`app`] | the composition root |
//! | [`cluster`], [`demo`] | the private PostgreSQL of `rowhouse dev`, and its data |
//! | [`cli`] | the commands |
//!
//! `cargo xtask tidy` holds this table against the code.

pub mod admin;
pub mod admission;
pub mod app;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod error;
pub mod http;
pub mod identity;
pub mod journal;
pub mod jwks;
pub mod ledger;
pub mod net;
pub mod observe;
pub mod pool;
pub mod registry;
pub mod seal;
pub mod secrets;
pub mod session;
pub mod upstream;
pub mod wire;
