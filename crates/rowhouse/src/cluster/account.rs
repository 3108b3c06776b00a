//! Who PostgreSQL runs as: it refuses root, so root lends it an unprivileged user.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

use super::ClusterError;

/// Users to run as, in this order: the one of PostgreSQL's packages, then the one that owns
/// nothing.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// Where users are listed; root on a machine without it has bigger problems.
const PASSWD: &str = "/etc/passwd";

/// Who PostgreSQL runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Whoever started us.
    Own,
    /// Another user.
    Other {
        /// Its name.
        name: String,
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
}

impl Account {
    /// Ourselves, unless we are root.
    pub fn choose() -> Result<Account, ClusterError> {
        if !geteuid().is_root() {
            return Ok(Account::Own);
        }
        let passwd =
            std::fs::read_to_string(PASSWD).map_err(|error| ClusterError::file(PASSWD, error))?;
        USERS.iter().find_map(|name| account_in(&passwd, name)).ok_or(ClusterError::NoAccount)
    }

    /// User and group id of another user.
    pub fn ids(&self) -> Option<(u32, u32)> {
        match self {
            Account::Own => None,
            Account::Other { uid, gid, .. } => Some((*uid, *gid)),
        }
    }

    /// How messages name it.
    pub fn name(&self) -> &str {
        match self {
            Account::Own => "who runs this",
            Account::Other { name, .. } => name,
        }
    }

    /// The user id that its files have.
    pub fn uid(&self) -> u32 {
        self.ids().map_or_else(|| geteuid().as_raw(), |(uid, _)| uid)
    }

    /// Whether it can reach what is in this folder: every folder on the way must let it search.
    pub fn can_reach(&self, folder: &Path) -> bool {
        let Some((uid, gid)) = self.ids() else { return true };
        folder.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()).all(|ancestor| {
            std::fs::metadata(ancestor).is_ok_and(|metadata| {
                let search = match () {
                    () if metadata.uid() == uid => 0o100,
                    () if metadata.gid() == gid => 0o010,
                    () => 0o001,
                };
                metadata.mode() & search != 0
            })
        })
    }

    /// Gives it a file or folder.
    pub fn own(&self, path: &Path) -> Result<(), ClusterError> {
        let Some((uid, gid)) = self.ids() else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .map_err(|error| ClusterError::file(path, error))
    }
}

/// One user of the passwd file (passwd(5)), never root by another name.
fn account_in(passwd: &str, wanted: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        (uid != 0).then(|| Account::Other { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests;
