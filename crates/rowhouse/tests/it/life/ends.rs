//! Killed in the middle, or made to wait: nothing half is left.

use std::time::Duration;

use rustix::process::Signal;

use super::ground::{Ground, SHOP};
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::process::Process;
use crate::stand::Stand;
use crate::wait;

/// A statement ends and is rolled back, on a busy machine.
const END_MAX: Duration = Duration::from_secs(60);
/// Whoever waits for a lock, of the program under trial.
const WAITING: &str = "select count(*) from pg_stat_activity where datname = current_database() \
                       and application_name = 'rowhouse tenant' and wait_event_type = 'Lock'";
/// Whoever is still there.
const THERE: &str = "select count(*) from pg_stat_activity where datname = current_database() \
                     and application_name = 'rowhouse tenant'";

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "life",
        &[
            ("killed_in_the_middle_nothing_is_half", killed_in_the_middle),
            ("a_lock_that_does_not_come_changes_nothing", a_lock_that_does_not_come),
        ],
    )
}

fn killed_in_the_middle(stand: &Stand) {
    let ground = Ground::new(stand, "life_killed", SHOP);
    let folder = Folder::new("killed");
    let (whole, half) = (folder.file("whole"), folder.file("half"));
    let (whole, half) = (whole.to_str().unwrap(), half.to_str().unwrap());
    let before = ground.prints("1");
    ground.done(&["export", "--tenant", "1", "--out", whole]);
    // The table that each meets after others, taken by somebody: it stands still in its middle.
    let kill = |words: &[&str], table: &str, signal: Signal| {
        let mut blocker = ground.direct();
        let mut looker = ground.direct();
        blocker.query(&format!("begin; lock table {table} in access exclusive mode"));
        let words = [words, &["--lock-timeout", "10min"]].concat();
        let mut process = Process::start(&mut ground.command(&words), &folder.file("log"));
        wait::until_true("it waits for the lock", END_MAX, || {
            assert!(process.ended().is_none(), "{}", process.log());
            looker.value(WAITING) != "0"
        });
        if signal == Signal::KILL {
            process.kill();
        } else {
            process.signal(signal);
            assert!(!process.wait().success());
        }
        blocker.query("rollback");
        wait::until_true("its transaction ends", END_MAX, || looker.value(THERE) == "0");
    };
    for signal in [Signal::KILL, Signal::TERM] {
        kill(&["export", "--tenant", "1", "--out", half], "thing", signal);
        assert!(!std::path::Path::new(half).exists(), "an export is whole or is not there");
        kill(&["erase", "--tenant", "1"], "thing", signal);
        assert_eq!(ground.prints("1"), before);
    }
    kill(&["copy", "--tenant", "1", "--as", "9"], "profile", Signal::KILL);
    assert!(ground.prints("9").values().all(String::is_empty));
    ground.done(&["erase", "--tenant", "1"]);
    kill(&["import", whole], "profile", Signal::KILL);
    assert!(ground.prints("1").values().all(String::is_empty));
    ground.done(&["import", whole]);
    assert_eq!(ground.prints("1"), before);
}

fn a_lock_that_does_not_come(stand: &Stand) {
    let ground = Ground::new(stand, "life_locked", SHOP);
    let before = ground.prints("1");
    let mut blocker = ground.direct();
    blocker.query("begin; select * from thing where tenant_id = 1 for update");
    let why =
        ground.refused(&["erase", "--tenant", "1", "--lock-timeout", "50ms"], "--lock-timeout");
    assert!(why.contains("nothing was changed") && why.contains("public.thing"), "{why}");
    blocker.query("rollback");
    assert_eq!(ground.prints("1"), before);
}
