//! The scanner against PostgreSQL itself: what the server takes for a literal, a name or a comment
//! is one here too, only the rest can hold parameters, and statements end where they end there.

mod boundaries;
mod budget;
mod names;
mod parser;
mod soup;
mod tokens;
mod wall;
mod ways;
mod wire;

use crate::case::{Case, suite};

/// The trials.
pub fn cases() -> Vec<Case> {
    let lexing = suite(
        "lexing",
        &[
            ("tokens_are_the_servers", tokens::are_the_servers),
            ("names_alone_are_touched", names::alone_are_touched),
            ("slices_stay_slices", names::slices_stay_slices),
            ("statements_end_where_the_server_ends_them", boundaries::are_the_servers),
        ],
    );
    let wall = suite(
        "wall",
        &[
            ("what_passes_keeps_the_tenant", wall::what_passes_keeps_the_tenant),
            ("known_ways_are_refused", wall::known_ways_are_refused),
        ],
    );
    lexing.into_iter().chain(wall).collect()
}
