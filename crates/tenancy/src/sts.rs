//! The Security Token Service as values: a JWT is exchanged for temporary AWS credentials.
//!
//! Two calls of the query protocol are known, as SDKs send them to an endpoint of their own
//! (`AWS_ENDPOINT_URL_STS`): [`Call::parse`] reads the form, [`response`] and [`Fault`] write the
//! XML. The credentials are sealed ([`SealingKeys`]): everything that they prove is in the session
//! token, so every node that has the key can check them and none has to remember them.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

mod assumed;
mod call;
mod fault;
mod form;
mod refusal;
pub mod response;
mod sealing;
mod token;
mod web_identity;
mod xml;

pub use assumed::{AssumedRole, InvalidName, ROLE_ARN_BYTES_MAX, RoleArn, SessionName};
pub use call::{AssumeRoleWithWebIdentity, Call, DURATION_S_DEFAULT, DURATION_S_MAX};
pub use call::{DURATION_S_MIN, VERSION};
pub use fault::{Code, Fault};
pub use refusal::Refusal;
pub use sealing::{
    InvalidKey, NONCE_BYTES, SEALING_SECRET_BYTES_MIN, SealingKey, SealingKeys, Session,
    TemporaryCredentials,
};
pub use token::SESSION_TOKEN_BYTES_MAX;
pub use web_identity::WebIdentity;

#[cfg(test)]
mod tests;
