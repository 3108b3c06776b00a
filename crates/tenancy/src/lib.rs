//! Who may ask, as whom, and what PostgreSQL is told about it, as plain values.
//!
//! A credential goes in (a JWT, an AWS Signature Version 4 header, a name from the configuration),
//! a [`Principal`] comes out, and from the principal the [`Prologue`]: the settings that open
//! every transaction and that row-level security reads.
//!
//! What is absent here, on purpose:
//! - no socket, no file, no clock, no randomness: time, keys and random bytes are arguments;
//! - no SQL of a caller: the only statement known here is the one call of `set_config`;
//! - no way from text to an identity except the one constructor of its type in [`ids`];
//! - no secret that prints: [`Secret`] has neither a telling `Debug` nor a telling `Display`;
//! - no public error text: a refusal's words are for the log, the door has one sentence for all.

pub mod certificate;
pub mod fair;
pub mod ids;
pub mod jwt;
pub mod limits;
pub mod price;
pub mod principal;
pub mod prologue;
pub mod quantity;
pub mod rate;
pub mod record;
pub mod seal;
pub mod secret;
pub mod sigv4;
pub mod sts;
pub mod tier;
pub mod usage;

mod excerpt;

pub use ids::{InvalidId, RoleName, SettingName, TenantId, TierName};
pub use limits::Limits;
pub use principal::{Principal, PrincipalKind};
pub use prologue::Prologue;
pub use record::TenantRecord;
pub use secret::Secret;
pub use tier::Tier;
