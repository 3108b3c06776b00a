//! Sealed databases: tenants whose SQL is anybody's see their rows, and no way to others'.

mod database;
mod keys;
mod lanes;
mod leak;
mod start;
mod tokens;

use crate::case::{Case, suite};

pub use database::{DATABASE, ROLE, Stage, at, configuration_of, url};

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "sealed",
        &[
            ("tenants_see_their_own", lanes::tenants_see_their_own),
            ("lanes_are_reset_between_tenants", lanes::lanes_are_reset_between_tenants),
            ("many_tenants_at_once", lanes::many_tenants_at_once),
            ("transactions", lanes::transactions),
            ("what_is_ours_is_set_without_set_config", lanes::ours_without_set_config),
            ("app_and_admin", lanes::app_and_admin),
            ("forged_and_stolen_tokens", tokens::forged_and_stolen_tokens),
            ("keys_are_out_of_reach", tokens::keys_are_out_of_reach),
            ("errors_tell_no_values", tokens::errors_tell_no_values),
            ("nothing_is_left_by_tenants", leak::nothing_is_left_by_tenants),
            ("nothing_is_left_by_applications", leak::nothing_is_left_by_applications),
            ("not_sealed", start::not_sealed),
            ("rotation_under_load", keys::rotation_under_load),
            ("a_file_that_cannot_be_used", keys::a_file_that_cannot_be_used),
            ("a_key_that_is_refused", keys::a_key_that_is_refused),
            ("a_database_that_was_forgotten", keys::a_database_that_was_forgotten),
            ("a_server_that_crashes", keys::a_server_that_crashes),
        ],
    )
}
