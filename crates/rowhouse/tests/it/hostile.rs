//! What a hostile reader of the gateway found, each as a trial, so that it is found only once.

mod ends;
mod guests;
mod lessons;
mod overflow;
mod texts;
mod tls;
mod words;

use std::time::Duration;

use crate::case::Case;
use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person;
use crate::postgres::Address;
use crate::process::rowhouse;

/// The trials.
pub fn cases() -> Vec<Case> {
    let suites = [
        tls::cases(),
        guests::cases(),
        ends::cases(),
        lessons::cases(),
        overflow::cases(),
        words::cases(),
        texts::cases(),
    ];
    suites.into_iter().flatten().collect()
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A gateway with a secret of one trial alone, for a role whose password is its name: what that
/// role does in PostgreSQL is that trial's doing.
fn serve_with_role(server: &Address, role: &str, settings: &[(&str, &str)]) -> Gateway {
    let arn = person::secret(role);
    let text = format!(
        "{}[[secret]]\narn = '{arn}'\nrole = '{role}'\npassword = '{role}'\nprincipals = 'app'\n",
        configuration(server)
    );
    let folder = Folder::new("hostile");
    let file = folder.write("rowhouse.toml", &text);
    let mut command = rowhouse();
    command.arg("serve").arg("--config").arg(file);
    for (name, value) in settings {
        command.env(format!("ROWHOUSE_{name}"), value);
    }
    Gateway::start(&mut command, folder)
}
