//! `rowhouse config`, and what the other commands say about a configuration that cannot be used.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::process::{self, rowhouse};
use crate::stand::Stand;

const GOOD: &str = "\
[[server]]
name = 'main'
host = '127.0.0.1'
[[resource]]
arn = 'r'
server = 'main'
[[resource.database]]
name = 'd'
tenant_settings = 'app.tenant'
[[secret]]
arn = 's'
role = 'app_user'
password = 'hunter2'
principals = 'tenant'
[[access_key]]
id = 'KEY'
secret = 'hunter2-hunter2-hunter2'
principal = 'app'
[token]
secret = 'hunter2-hunter2-hunter2-hunter2-hunter2'
audience = 'me'
";

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "config",
        &[
            ("a_good_one", a_good_one),
            ("every_problem_has_its_line", every_problem_has_its_line),
            ("the_default_is_a_beginning", the_default_is_a_beginning),
            ("references_are_used_and_not_shown", references_are_used_and_not_shown),
        ],
    )
}

fn a_good_one(_: &Stand) {
    let folder = Folder::new("config");
    folder.write("rowhouse.toml", GOOD);
    let checked = run(&folder, "config check", &[]);
    assert_eq!(told(&checked), (Some(0), "rowhouse.toml: no problems\n".to_owned(), String::new()));
    let (status, json, _) = told(&run(&folder, "config check --format json", &[]));
    assert_eq!((status, json.trim()), (Some(0), "[]"));

    let changed = ("ROWHOUSE_POOL__SHARDS", "3");
    let (status, printed, _) = told(&run(&folder, "config print", &[changed]));
    assert_eq!(status, Some(0));
    assert!(printed.contains("shards = 3 # ROWHOUSE_POOL__SHARDS\n"), "{printed}");
    assert!(printed.contains("role = \"app_user\" # rowhouse.toml:12\n"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");

    let (status, token, _) = told(&run(&folder, "token --tenant 1 --config rowhouse.toml", &[]));
    assert_eq!((status, token.matches('.').count(), token.lines().count()), (Some(0), 2, 1));
}

fn every_problem_has_its_line(_: &Stand) {
    let folder = Folder::new("config");
    let text =
        GOOD.replace("role = 'app_user'", "rule = 'app_user'").replace("[token]", "[tokens]");
    folder.write("rowhouse.toml", &text);
    let problems = "\
rowhouse.toml:10: secret[0].role: is needed: add it
rowhouse.toml:12: secret[0].rule: unknown key; did you mean role?
rowhouse.toml:19: tokens: unknown section; did you mean token?
";
    let checked = told(&run(&folder, "config check", &[]));
    assert_eq!(checked, (Some(1), problems.to_owned(), String::new()));

    let (status, printed, _) = told(&run(&folder, "config check --format json", &[]));
    let list: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, list.as_array().map(Vec::len)), (Some(1), Some(3)));
    let key = (&list[1]["file"], &list[1]["line"], &list[1]["key"]);
    assert_eq!(key, (&json!("rowhouse.toml"), &json!(12), &json!("secret[0].rule")));

    let on_standard_error: String = problems.lines().map(|l| format!("rowhouse: {l}\n")).collect();
    for command in ["serve", "config print", "token --tenant 1 --config rowhouse.toml"] {
        let told = told(&run(&folder, command, &[]));
        assert_eq!(told, (Some(1), String::new(), on_standard_error.clone()), "{command}");
    }
    for command in ["config check", "serve", "config print"] {
        let (status, _, said) = told(&run(&folder, &format!("{command} --config no.toml"), &[]));
        assert_eq!((status, said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with("rowhouse: cannot read the configuration no.toml: "), "{said}");
    }
}

fn the_default_is_a_beginning(_: &Stand) {
    let folder = Folder::new("config");
    let (status, default, _) = told(&run(&folder, "config print --default", &[]));
    assert_eq!(status, Some(0));
    folder.write("rowhouse.toml", &format!("{default}\n{GOOD}"));
    let (status, problems, _) = told(&run(&folder, "config check", &[]));
    assert_eq!(status, Some(0), "{problems}");
}

fn references_are_used_and_not_shown(_: &Stand) {
    let folder = Folder::new("config");
    folder.write("role.name", "app_user\n");
    let text = GOOD
        .replace("'hunter2'", "'${env:ROLE_PASSWORD}'")
        .replace("'app_user'", "'${file:role.name}'")
        .replace("name = 'd'", "name = '${env:DATABASE}'");
    folder.write("rowhouse.toml", &text);
    let environment = [("ROLE_PASSWORD", "hunter2"), ("DATABASE", "hunter2-too")];
    let (status, printed, said) = told(&run(&folder, "config print", &environment));
    assert_eq!((status, said.as_str()), (Some(0), ""));
    assert!(!printed.contains("hunter2") && !printed.contains("app_user"), "{printed}");
    assert!(printed.contains("name = \"${env:DATABASE}\" # rowhouse.toml:8\n"), "{printed}");

    std::fs::remove_file(folder.file("role.name")).unwrap();
    let (status, printed, _) = told(&run(&folder, "config check", &environment[1..]));
    let problems = "\
rowhouse.toml:12: secret[0].role: cannot read role.name: No such file or directory (os error 2)
rowhouse.toml:13: secret[0].password: the environment has no variable ROLE_PASSWORD: set it
";
    assert_eq!((status, printed.as_str()), (Some(1), problems));
}

/// Runs a command, its words between spaces, in the folder.
fn run(folder: &Folder, words: &str, environment: &[(&str, &str)]) -> Output {
    let folder: &Path = folder.path();
    let mut command = rowhouse();
    command.args(words.split(' ')).current_dir(folder).envs(environment.iter().copied());
    process::run(&mut command)
}

/// Exit status, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
