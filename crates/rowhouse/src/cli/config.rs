//! `rowhouse config`: every problem, or what is in force; and loading for the other commands.

use std::path::Path;

use serde_json::json;

use super::{Check, Failure, Format, Print, terminal};
use crate::config::{DEFAULT_FILE, Loaded, Place, Problem, load, raw};

/// Prints every problem on standard output: they are what was asked for.
pub fn check(arguments: &Check) -> Result<(), Failure> {
    let text = read(&arguments.config)?;
    let (problems, warnings) = match load(&text, &arguments.config, raw::environment()) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(problems) => (problems, Vec::new()),
    };
    match arguments.format {
        Format::Json => {
            let problems = problems.iter().map(|problem| as_json(problem, "error"));
            let warnings = warnings.iter().map(|warning| as_json(warning, "warning"));
            let list: Vec<_> = problems.chain(warnings).collect();
            terminal::line(&format!("{:#}", json!(list)));
        }
        Format::Text => {
            problems.iter().for_each(|problem| terminal::line(&problem.to_string()));
            warnings.iter().for_each(|warning| terminal::line(&format!("warning: {warning}")));
        }
    }
    let name = arguments.config.display();
    if problems.is_empty() {
        if arguments.format == Format::Text {
            terminal::line(&format!("{name}: no problems"));
        }
        return Ok(());
    }
    Err(Failure(Vec::new()))
}

/// Prints the configuration in force, or the default file.
pub fn print(arguments: &Print) -> Result<(), Failure> {
    if arguments.default {
        terminal::print(DEFAULT_FILE);
    } else {
        terminal::print(&load_file(&arguments.config)?.listing);
    }
    Ok(())
}

/// The configuration of a command, or every problem of it.
pub fn load_file(path: &Path) -> Result<Loaded, Failure> {
    let text = read(path)?;
    load(&text, path, raw::environment())
        .map_err(|problems| Failure(problems.iter().map(ToString::to_string).collect()))
}

fn read(path: &Path) -> Result<String, Failure> {
    raw::read_config(path).map_err(|error| {
        Failure::new(format!(
            "cannot read the configuration {}: {error}; name it with --config FILE, or begin one \
             with `rowhouse config print --default`",
            path.display()
        ))
    })
}

fn as_json(problem: &Problem, severity: &str) -> serde_json::Value {
    let (file, line, variable) = match &problem.place {
        Place::File { name, line } => (Some(name), *line, None),
        Place::Environment { variable } => (None, None, Some(variable)),
        Place::Default => (None, None, None),
    };
    json!({
        "file": file,
        "line": line,
        "variable": variable,
        "key": problem.key,
        "severity": severity,
        "message": problem.message,
    })
}
