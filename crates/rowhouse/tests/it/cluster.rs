//! The private PostgreSQL of `rowhouse dev`: it ends with its owner, and its data do not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::postgres::Cluster;
use crate::process::{self, Process, is_running, rowhouse};
use crate::stand::Stand;
use crate::wait;

/// Fast shutdown of an idle server, on a busy machine.
const END_MAX: Duration = Duration::from_secs(30);

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "cluster",
        &[
            ("nothing_is_left_whoever_is_killed", nothing_is_left_whoever_is_killed),
            ("odd_places", odd_places),
            ("what_cannot_be_is_told_in_one_line", what_cannot_be_is_told_in_one_line),
        ],
    )
}

fn nothing_is_left_whoever_is_killed(_: &Stand) {
    let folder = Folder::new("cluster");
    let (mut dev, cluster) = start(folder.path(), &["--no-demo"], &folder);
    cluster.address.query("postgres", "create table kept as select 42 as answer");
    let list = ["tenant", "list", "--data-dir"];
    let listed = process::run(rowhouse().args(list).arg(folder.path()));
    assert_eq!(listed.stdout, b"no tenants\n", "there is a registry: {listed:?}");

    let refused = process::run(command(folder.path(), &[]).arg("--no-demo"));
    assert_one_line(&refused, "another rowhouse uses ");

    let postmaster = cluster.postmaster().unwrap();
    dev.kill();
    wait::until_true("PostgreSQL ends with dev", END_MAX, || !is_running(postmaster));

    let (mut dev, cluster) = start(folder.path(), &[], &folder);
    let left_behind = cluster.postmaster().unwrap();
    let guard = guard_of(left_behind);
    // Stopped first, so that it cannot do its duty when dev is gone.
    kill_process(guard, Signal::STOP).unwrap();
    dev.kill();
    kill_process(guard, Signal::KILL).unwrap();
    assert!(is_running(left_behind), "nobody was there to stop it");

    let (mut dev, cluster) = start(folder.path(), &[], &folder);
    let postmaster = cluster.postmaster().unwrap();
    assert_ne!(postmaster, left_behind, "the one left behind was stopped");
    let kept = cluster.address.connect("postgres").value("select answer from kept");
    assert_eq!(kept, "42", "a commit outlives every process");
    assert!(dev.stop().success());
    assert!(!is_running(postmaster));
    assert!(!folder.file("cluster.json").exists() && !folder.file("endpoints.json").exists());
}

/// A folder that PostgreSQL's user cannot get into, a path too long for a socket, odd characters;
/// and what `--reset` takes back.
fn odd_places(_: &Stand) {
    let folder = Folder::new("odd");
    let closed = folder.file("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
    let long = format!("it's \"{}\", here", "x".repeat(90));
    let directory = closed.join(long);

    let (mut dev, cluster) = start(&directory, &["--no-demo"], &folder);
    cluster.address.query("postgres", "create table lost ()");
    if geteuid().is_root() {
        assert!(!cluster.data.starts_with(&closed), "{}", cluster.data.display());
    }
    assert!(dev.stop().success());
    std::fs::write(directory.join("notes.txt"), "mine").unwrap();

    let (mut dev, cluster) = start(&directory, &["--no-demo", "--reset"], &folder);
    let lost = cluster.address.connect("postgres").value("select to_regclass('lost')");
    assert_eq!(lost, "", "reset takes the old cluster back");
    assert!(directory.join("notes.txt").exists(), "and nothing else");
    let home = cluster.data.parent().unwrap().to_owned();
    assert!(dev.stop().success());
    // What is outside of the folder is not removed with it.
    std::fs::remove_dir_all(home).unwrap();
}

fn what_cannot_be_is_told_in_one_line(_: &Stand) {
    let folder = Folder::new("cannot");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = folder.write("a-file", "");
    let foreign = folder.file("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("rowhouse.toml"), "# of a server").unwrap();
    let new = folder.file("new");
    let cases: [(&Path, &[&str], String); 8] = [
        (&new, &["--http", &address], format!("{address} is in use: stop what listens there")),
        (&new, &["--pg", &address], format!("{address} is in use: stop what listens there")),
        (&new, &["--pg", "0.0.0.0:0"], "--pg 0.0.0.0:0: dev listens on loopback only".into()),
        (&new, &["--admin", &address], format!("{address} is in use: stop what listens there")),
        (&new, &["--http", "0.0.0.0:0"], "--http 0.0.0.0:0: dev listens on loopback only".into()),
        (&new, &["--pg-bin", "/dev"], "/dev does not hold PostgreSQL's programs".into()),
        (&file, &[], format!("cannot use {}: ", file.display())),
        (&foreign, &["--reset"], "foreign was not made by rowhouse dev, but holds".into()),
    ];
    for (directory, arguments, expected) in cases {
        assert_one_line(&process::run(&mut command(directory, arguments)), &expected);
    }
    assert!(foreign.join("rowhouse.toml").exists());
    assert!(!new.join("cluster").join("data").exists());
}

fn start(directory: &Path, arguments: &[&str], logs: &Folder) -> (Process, Cluster) {
    let mut dev = Process::start(&mut command(directory, arguments), &logs.file("dev.log"));
    dev.wait_for_line("ready http=http://127.0.0.1:");
    (dev, Cluster::of(directory))
}

/// Free ports, unless the arguments say otherwise.
fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = if arguments.contains(&"--pg-bin") {
        let mut command = rowhouse();
        command.arg("dev").arg("--data-dir").arg(directory);
        command
    } else {
        process::dev(directory)
    };
    command.args(arguments);
    for door in ["--http", "--pg", "--admin"] {
        if !arguments.contains(&door) {
            command.args([door, "127.0.0.1:0"]);
        }
    }
    command
}

fn assert_one_line(output: &std::process::Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("rowhouse: ") && said.contains(expected), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
}

/// The parent of the server.
fn guard_of(postmaster: Pid) -> Pid {
    let pid = postmaster.to_string();
    let told = process::run(Command::new("ps").args(["-o", "ppid=", "-p", &pid]));
    let parent = String::from_utf8_lossy(&told.stdout).trim().parse().unwrap();
    Pid::from_raw(parent).unwrap()
}
