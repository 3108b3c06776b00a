//! What the gateway is to reach, as ratios of requests per second within one run on two cores.

use crate::bench::way::Way;

/// At least so many times the rate of another way, with so many clients.
#[derive(Debug)]
pub struct Goal {
    /// The other way.
    pub against: Way,
    /// Clients at once.
    pub connections: usize,
    /// The least ratio.
    pub ratio_min: f64,
}

const fn goal(against: Way, connections: usize, ratio_min: f64) -> Goal {
    Goal { against, connections, ratio_min }
}

/// Set before the first line was written, from measurements of prototypes.
pub const GOALS: [Goal; 11] = [
    goal(Way::FourDirect, 1, 2.0),
    goal(Way::FourDirect, 16, 2.5),
    goal(Way::FourDirect, 64, 3.7),
    goal(Way::FourDirect, 256, 8.0),
    goal(Way::FourBouncer, 1, 3.5),
    goal(Way::FourBouncer, 16, 5.0),
    goal(Way::FourBouncer, 64, 7.0),
    goal(Way::FourBouncer, 256, 8.0),
    goal(Way::OneTripBouncer, 16, 1.9),
    goal(Way::OneTripBouncer, 64, 2.5),
    goal(Way::PipelinedDirect, 64, 1.5),
];
