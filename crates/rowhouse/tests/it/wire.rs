//! The PostgreSQL door: what drivers do with it, and what strangers try.

pub mod caller;
mod certificates;
pub mod client;
mod commits;
mod console;
mod crossings;
mod extended;
mod guesses;
mod hostile;
mod limits;
mod lookups;
mod renewed;
mod resets;
mod restarts;
mod scripts;
mod sealed;
mod secure;
mod walls;

use std::time::Duration;

use crate::case::Case;

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// The trials.
pub fn cases() -> Vec<Case> {
    let suites = [
        scripts::cases(),
        extended::cases(),
        commits::cases(),
        walls::cases(),
        hostile::cases(),
        limits::cases(),
        restarts::cases(),
        resets::cases(),
        secure::cases(),
        sealed::cases(),
        crossings::cases(),
        console::cases(),
        certificates::cases(),
        guesses::cases(),
        lookups::cases(),
        renewed::cases(),
    ];
    suites.into_iter().flatten().collect()
}
