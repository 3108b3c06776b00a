//! Sizes and openings: a file is one thought, a function one screen, a line fits beside another.

use super::{File, Finding};

/// What two windows side by side can show.
const COLUMNS_MAX: usize = 100;
/// A longer word (an address, recorded bytes) has no place to break.
const UNBREAKABLE_WORD: usize = 60;
/// One thought.
const FILE_LINES_MAX: usize = 500;
/// One screen.
const FUNCTION_LINES_MAX: usize = 70;

/// Lines too long for the window; for the files that people write line by line.
pub fn width(file: &File) -> Vec<Finding> {
    let written =
        [".rs", ".py", ".js", ".sql", ".sh"].iter().any(|ending| file.path.ends_with(ending));
    if !written {
        return Vec::new();
    }
    let too_long = |line: &str| {
        line.chars().count() > COLUMNS_MAX
            && !line.split_whitespace().any(|word| word.chars().count() > UNBREAKABLE_WORD)
    };
    let lines = file.text.lines().enumerate().filter(|(_, line)| too_long(line));
    let finding = |(index, line): (usize, &str)| {
        let message =
            format!("{} columns; {COLUMNS_MAX} fit beside another file", line.chars().count());
        Finding::new(file, index + 1, "columns", message)
    };
    lines.map(finding).collect()
}

/// The header, the length of the file and of its functions, tests in files of their own.
pub fn rust(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//! ") {
        let message = "no `//!` first: say in a sentence which one thought this file holds";
        findings.push(Finding::new(file, 1, "header", message));
    }
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message =
            format!("{lines} lines; a file is one thought, {FILE_LINES_MAX} at most: split it");
        findings.push(Finding::new(file, 0, "file-lines", message));
    }
    findings.extend(functions(file));
    for (index, line) in file.code.lines().enumerate() {
        if line.trim_start().starts_with("mod tests {") {
            let message = "tests inside the module: put them into tests.rs, so that reading one \
                           does not mean scrolling through the other";
            findings.push(Finding::new(file, index + 1, "inline-tests", message));
        }
    }
    findings
}

/// rustfmt sets a function's last brace under its first word; that is all it takes to measure one.
fn functions(file: &File) -> Vec<Finding> {
    let lines: Vec<&str> = file.code.lines().collect();
    let mut findings = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let length = lines.iter().skip(start).position(|line| ends_function(line, indent));
        let length = length.map_or(0, |offset| offset + 1);
        if length > FUNCTION_LINES_MAX {
            let message = format!(
                "`{name}` has {length} lines; a function is one screen, {FUNCTION_LINES_MAX} at \
                 most: name its steps"
            );
            findings.push(Finding::new(file, start + 1, "function-lines", message));
        }
    }
    findings
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "const" | "async" | "unsafe" | "extern")
    });
    if words.next() != Some("fn") {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

/// The closing brace, or the `;` of a signature without a body; a body on the same line ends at
/// once.
fn ends_function(line: &str, indent: usize) -> bool {
    let text = line.trim_end();
    let at_indent = text.len() - text.trim_start().len() == indent;
    let on_one_line = text.ends_with(';') || text.ends_with(" }") || text.ends_with("{}");
    at_indent && (text.trim_start() == "}" || on_one_line)
}
