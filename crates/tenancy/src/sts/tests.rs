//! The seal, the forms and the answers, each with what strangers would try.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod calls;
mod seals;

use super::*;
use crate::ids::{RoleName, TenantId};
use crate::principal::Principal;
use crate::secret::Secret;

const NOW: u64 = 1_800_000_000;
const END: u64 = NOW + 3600;
const ROLE: &str = "arn:aws:iam::123456789012:role/path/tenant-role";

fn key(secret: &str) -> SealingKey {
    SealingKey::new(&Secret::from(secret)).unwrap()
}

fn first() -> SealingKey {
    key("the first key, of 32 bytes or more")
}

fn keys() -> SealingKeys {
    SealingKeys::new(vec![first(), key("another key, of 32 bytes or more")]).unwrap()
}

fn tenant(id: &str) -> Principal {
    Principal::for_tenant(TenantId::parse(id).unwrap(), "somebody").expiring_at(END)
}

fn assumed() -> AssumedRole {
    RoleArn::parse(ROLE).unwrap().assumed_as(&SessionName::parse("me@work").unwrap())
}

fn sealed(principal: &Principal) -> TemporaryCredentials {
    keys().seal(principal, &assumed(), None, [7; NONCE_BYTES]).unwrap()
}
