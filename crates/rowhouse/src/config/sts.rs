//! Who gets temporary credentials, for how long, and the keys that seal them.

use std::time::Duration;

use rowhouse_tenancy::sts::{
    DURATION_S_DEFAULT, DURATION_S_MAX, DURATION_S_MIN, RoleArn, SealingKey, SealingKeys,
};

use super::reader::Section;
use super::reader::secret::SECRET;

/// What the Security Token Service may give.
#[derive(Debug)]
pub struct Sts {
    /// The keys of session tokens. `None`: no temporary credentials.
    pub keys: Option<SealingKeys>,
    /// The roles that may be assumed; with none any that is well-formed.
    pub roles: Vec<RoleArn>,
    /// The longest session.
    pub duration_max: Duration,
}

impl Sts {
    /// Whether a role may be assumed.
    pub fn allows(&self, role: &RoleArn) -> bool {
        self.roles.is_empty() || self.roles.contains(role)
    }

    /// How long a session lasts for which this was asked; `None` when that is too long. Who asks
    /// for nothing in particular gets an hour, or what there is.
    pub fn duration_s(&self, asked_s: Option<u64>) -> Option<u64> {
        let max_s = self.duration_max.as_secs();
        match asked_s {
            None => Some(DURATION_S_DEFAULT.min(max_s)),
            Some(asked_s) => (asked_s <= max_s).then_some(asked_s),
        }
    }
}

/// `[sts]` with its keys.
pub fn sts(section: &Section<'_>) -> Sts {
    let written = section.texts("roles");
    let shortest = Duration::from_secs(DURATION_S_MIN);
    let longest = Duration::from_secs(DURATION_S_MAX);
    let duration_max = section.duration("duration_max", shortest..=longest);
    let mut keys: Vec<SealingKey> = Vec::new();
    section.sections("key", |section| {
        let Some(key) = key(section) else { return };
        if keys.iter().any(|other| other.is_same_as(&key)) {
            section.problem(SECRET.inline, "is there already: each must be different");
            return;
        }
        keys.push(key);
    });
    let roles = written.iter().filter_map(|text| {
        let role = RoleArn::parse(text);
        role.map_err(|why| section.problem("roles", format!("{text:?} cannot be used: {why}"))).ok()
    });
    Sts { roles: roles.collect(), keys: SealingKeys::new(keys), duration_max }
}

fn key(section: &Section<'_>) -> Option<SealingKey> {
    let secret = section.required_secret(&SECRET)?;
    SealingKey::new(&secret).map_err(|why| section.problem(SECRET.inline, why.to_string())).ok()
}
