//! The typed reader: asks a section for its keys, gathers every problem, remembers what is in
//! force.
//!
//! A section's reading function asks for all its keys before it judges any: what nobody asked for
//! is an unknown key. So there is no list of keys beside the code that reads them.

pub mod reference;
pub mod secret;
mod section;
mod value;

use std::cell::RefCell;
use std::collections::BTreeSet;

use toml_edit::Document;

use super::problem::{Place, Problem};
use super::raw::Source;
use super::suggest;
use super::values::Values;
use reference::Replaced;
pub use section::Section;

/// Environment variables that begin so and have `__` in them are overrides.
const OVERRIDE_PREFIX: &str = "ROWHOUSE_";
/// Between section and key in the name of an override.
const OVERRIDE_SEPARATOR: &str = "__";

/// What was written, and what was found out about it so far.
pub struct Reader<'a> {
    source: &'a Source<'a>,
    document: Document<&'a str>,
    defaults: Document<&'a str>,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// What is in force.
    values: Values,
    /// What references stand for.
    replaced: Replaced,
    /// Environment variables that mean something.
    variables: BTreeSet<String>,
    /// Every key that was asked for, as `resource.database.name`.
    keys: BTreeSet<String>,
}

/// What reading found besides the values.
pub struct Findings {
    /// Everything that is wrong, in the order of the file.
    pub problems: Vec<Problem>,
    /// What is odd, and no problem.
    pub warnings: Vec<Problem>,
    /// What is in force, by key.
    pub values: Values,
    /// What is in force, as TOML with secrets masked.
    pub listing: String,
    /// Every key that was asked for, for the test that looks for them in the default file.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the default file"))]
    pub keys: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    /// A reader, if the text is TOML at all.
    pub fn new(source: &'a Source<'a>, defaults: &'a str) -> Result<Self, Problem> {
        let parse = |text: &'a str, name: String| {
            Document::parse(text).map_err(|error| Problem {
                place: Place::File { line: error.span().map(|s| line_of(text, s.start)), name },
                key: String::new(),
                message: format!("not valid TOML: {}", one_line(error.message())),
            })
        };
        let document = parse(source.text, source.name())?;
        let defaults = parse(defaults, "config.default.toml".to_owned())?;
        Ok(Reader { source, document, defaults, notes: RefCell::default() })
    }

    /// Reads everything with `read`, which is given the whole file as a section.
    pub fn read<T>(&self, read: impl FnOnce(&Section<'_>) -> T) -> (T, Findings) {
        let root = Section::root(self);
        let value = read(&root);
        let listing = root.finish();
        self.report_unknown_variables();
        let Notes { mut problems, mut warnings, values, keys, replaced, .. } = self.notes.take();
        for problem in problems.iter_mut().chain(&mut warnings) {
            problem.message = replaced.redact(std::mem::take(&mut problem.message));
        }
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        (value, Findings { problems, warnings, values, listing, keys })
    }

    fn problem(&self, place: Place, key: String, message: String) {
        let problem = Problem { place, key, message };
        let problems = &mut self.notes.borrow_mut().problems;
        // A key that is asked for twice has its one problem once.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    fn file(&self, span: Option<std::ops::Range<usize>>) -> Place {
        let line = span.map(|span| line_of(self.source.text, span.start));
        Place::File { line, name: self.source.name() }
    }

    fn variable(&self, name: &str) -> Option<&'a str> {
        self.notes.borrow_mut().variables.insert(name.to_owned());
        self.source.environment.get(name).map(String::as_str)
    }

    /// An override that overrides nothing is a misspelling, and would be missed for a long time.
    fn report_unknown_variables(&self) {
        let known = std::mem::take(&mut self.notes.borrow_mut().variables);
        let overrides = self.source.environment.keys().filter(|name| {
            let rest = name.strip_prefix(OVERRIDE_PREFIX);
            rest.is_some_and(|rest| rest.contains(OVERRIDE_SEPARATOR))
        });
        for name in overrides.filter(|name| !known.contains(*name)) {
            let candidates =
                known.iter().filter(|known| known.starts_with(OVERRIDE_PREFIX)).map(String::as_str);
            let message = match suggest::nearest(name, candidates) {
                Some(nearest) => format!("no such setting; did you mean {nearest}?"),
                None => "no such setting; unset it (blocks in [[ ]] cannot be set from the \
                         environment, but their secrets can: use the `_env` keys)"
                    .to_owned(),
            };
            let place = Place::Environment { variable: name.clone() };
            self.problem(place, String::new(), message);
        }
    }
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
