//! Files in, configurations or problems out.

mod defaults;
mod issuers;
mod problems;
mod references;
mod sources;
mod users;
mod values;

use super::*;

/// The least that is a configuration, in one line each: problems can be told by their line.
const LEAST: &str = "\
server = [{ name = 'main', host = 'localhost' }]
resource = [{ arn = 'r', server = 'main', database = [{ name = 'd', tenant_settings = 'a.t' }] }]
secret = [{ arn = 's', role = 'app_user', password = 'hunter2-role', principals = 'tenant' }]
access_key = [{ id = 'KEY', secret = 'hunter2-access-key', principal = 'app' }]
";

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// [`LEAST`] and `more` below it.
fn with(more: &str) -> String {
    format!("{LEAST}{more}")
}

fn loaded(text: &str, pairs: &[(&str, &str)]) -> Loaded {
    match load(text, Path::new("rowhouse.toml"), environment(pairs)) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{}", lines(&problems)),
    }
}

fn problems(text: &str, pairs: &[(&str, &str)]) -> String {
    match load(text, Path::new("rowhouse.toml"), environment(pairs)) {
        Ok(_) => "none".to_owned(),
        Err(problems) => lines(&problems),
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
