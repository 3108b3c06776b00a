//! The PostgreSQL door: what drivers do with it, and what strangers try.

pub mod client;
mod commits;
mod console;
mod extended;
mod hostile;
mod limits;
mod restarts;
mod scripts;
mod sealed;
mod secure;
mod walls;

use crate::case::Case;

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
        secure::cases(),
        sealed::cases(),
        console::cases(),
    ];
    suites.into_iter().flatten().collect()
}
