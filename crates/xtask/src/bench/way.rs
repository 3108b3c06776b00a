//! The ways to do the same work, and how pgbench does four of them.

/// A way to read one row as one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// BEGIN, set_config, SELECT, COMMIT to PostgreSQL, one after the other.
    FourDirect,
    /// The same in one round trip.
    PipelinedDirect,
    /// The four statements through PgBouncer.
    FourBouncer,
    /// The four statements as one text through PgBouncer.
    OneTripBouncer,
    /// One POST to the Data API with a JWT.
    Gateway,
}

/// What pgbench runs.
#[derive(Debug)]
pub struct Script {
    /// A file in the folder `bench`.
    pub file: &'static str,
    /// How it talks.
    pub mode: &'static str,
}

impl Way {
    /// In the order of the table.
    pub const ALL: [Way; 5] = [
        Way::FourDirect,
        Way::PipelinedDirect,
        Way::FourBouncer,
        Way::OneTripBouncer,
        Way::Gateway,
    ];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Way::FourDirect => "four, direct",
            Way::PipelinedDirect => "pipelined, direct",
            Way::FourBouncer => "four, PgBouncer",
            Way::OneTripBouncer => "one trip, PgBouncer",
            Way::Gateway => "gateway",
        }
    }

    /// Whether it goes through PgBouncer.
    pub fn through_bouncer(self) -> bool {
        matches!(self, Way::FourBouncer | Way::OneTripBouncer)
    }

    /// Direct ways use prepared statements, the fastest that pgbench has; through a transaction
    /// pooler they are not to be had before PgBouncer 1.21, and texts of several statements never.
    pub fn pgbench(self) -> Option<Script> {
        let (file, mode) = match self {
            Way::FourDirect => ("four-statements.sql", "prepared"),
            Way::PipelinedDirect => ("pipelined.sql", "prepared"),
            Way::FourBouncer => ("four-statements.sql", "simple"),
            Way::OneTripBouncer => ("one-round-trip.sql", "simple"),
            Way::Gateway => return None,
        };
        Some(Script { file, mode })
    }
}
