//! What is typed, and what is refused before anything is done.

use clap::CommandFactory;

use super::*;

#[test]
fn the_commands_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut pending = vec![Cli::command()];
    while let Some(command) = pending.pop() {
        pending.extend(command.get_subcommands().cloned());
        let leaf = command.get_subcommands().next().is_none() && !command.is_hide_set();
        if leaf {
            let name = command.get_name().to_owned();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example:\n  "), "{name}");
            assert!(command.get_about().is_some(), "{name}");
        }
    }
}

#[test]
fn the_guard_is_hidden() {
    let help = Cli::command().render_long_help().to_string();
    assert!(!help.contains(guard::COMMAND), "{help}");
    let command = Cli::command();
    assert!(command.find_subcommand(guard::COMMAND).is_some_and(clap::Command::is_hide_set));
}

#[test]
fn the_guards_arguments_are_read_as_they_are_written() {
    let options = guard::GuardOptions {
        postgres: "/pg/bin/postgres".into(),
        data: "/a b/data".into(),
        socket: "/s".into(),
        port: 6543,
        uid: Some(101),
        gid: Some(104),
    };
    let arguments = [OsString::from("rowhouse")].into_iter().chain(options.arguments());
    let Command::ClusterGuard(read) = Cli::try_parse_from(arguments).unwrap().command else {
        panic!("another command");
    };
    assert_eq!((read.postgres, read.data), (options.postgres, options.data));
    assert_eq!((read.socket, read.port), (options.socket, options.port));
    assert_eq!((read.uid, read.gid), (options.uid, options.gid));
}

#[test]
fn wrong_use_is_exit_status_2() {
    for line in [
        "rowhouse fly",
        "rowhouse dev --http 8080",
        "rowhouse dev --http example.com:80",
        "rowhouse token",
        "rowhouse token --tenant 1 --ttl 1",
        "rowhouse token --tenant 1 --ttl 0s",
        "rowhouse token --tenant 1 --ttl 99999999h",
        "rowhouse token --tenant 1 --data-dir a --config b",
        "rowhouse config print --default --config x",
        "rowhouse config check --format xml",
    ] {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn addresses_may_say_localhost() {
    for (text, expected) in [
        ("localhost:8080", Some("127.0.0.1:8080")),
        ("127.0.0.1:0", Some("127.0.0.1:0")),
        ("[::1]:9", Some("[::1]:9")),
        ("localhost", None),
        ("localhost:99999", None),
        ("", None),
    ] {
        assert_eq!(address(text).ok(), expected.map(|text| text.parse().unwrap()), "{text}");
    }
}
