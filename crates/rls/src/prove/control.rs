//! The counter-proof: an attacker that does not even see its own rows has no tenant, and whatever
//! keeps it from others' rows says nothing of the walls.
//!
//! Every tenant attacks and is attacked, so the same question also tells whether the rows of a
//! victim are still there.

use std::collections::BTreeSet;

use super::attempt::{Attempt, Command, Context, Expect, Way};
use super::judge::Verdict;
use super::report::Tried;

const NOBODY: &str = "the attacker or its victim does not see its own rows here: it has no tenant, \
                      the policies ask for more, or the rows are gone";
const UNSEALED: &str = "the context is sealed, so that only the gateway's tenants are any: prove \
                        it with --config and --http";

/// Takes back what seems to hold against those who see nothing of their own. Where the context is
/// `sealed`, only the gateway's tenants are any.
pub fn doubt(tried: &mut [Tried], sealed: bool) {
    if sealed && !tried.iter().any(|one| one.way == Way::Gateway) {
        without_gateway(tried);
        return;
    }
    let failed = |one: &&Tried| {
        one.attempt.expect == Expect::OwnRow && one.judged.verdict == Verdict::NotProven
    };
    let nobodies: BTreeSet<(String, Way, String)> = tried
        .iter()
        .filter(failed)
        .filter_map(|one| {
            let tenant = one.attempt.attacker.clone()?;
            Some((one.attempt.object.clone(), one.way, tenant))
        })
        .collect();
    if nobodies.is_empty() {
        return;
    }
    for Tried { attempt, way, judged, .. } in tried {
        let Attempt { object, attacker, victim, .. } = &*attempt;
        let is_nobody = |tenant: &Option<String>| {
            let key = tenant.clone().map(|tenant| (object.clone(), *way, tenant));
            key.is_some_and(|key| nobodies.contains(&key))
        };
        let as_tenant =
            matches!(attempt.context, Context::Tenant(_)) && attempt.command != Command::NoTenant;
        if judged.verdict == Verdict::Held
            && as_tenant
            && (is_nobody(attacker) || is_nobody(victim))
        {
            judged.verdict = Verdict::NotProven;
            NOBODY.clone_into(&mut judged.reason);
        }
    }
}

/// That nobody sees anything is all that can be shown there.
fn without_gateway(tried: &mut [Tried]) {
    for Tried { attempt, judged, .. } in tried {
        let Attempt { command, context, .. } = &*attempt;
        let between_tenants = !matches!(command, Command::Seal | Command::NoTenant)
            && matches!(context, Context::Tenant(_));
        if between_tenants && judged.verdict == Verdict::Held {
            judged.verdict = Verdict::NotProven;
            UNSEALED.clone_into(&mut judged.reason);
        }
    }
}

/// Whether on some way nobody at all has seen a row of its own: nothing is proven there.
pub fn nobody_anywhere(tried: &[Tried]) -> Option<Way> {
    [Way::Direct, Way::Gateway].into_iter().find(|way| {
        let mut asked = tried
            .iter()
            .filter(|one| one.way == *way && one.attempt.expect == Expect::OwnRow)
            .peekable();
        asked.peek().is_some() && asked.all(|one| one.judged.verdict == Verdict::NotProven)
    })
}
