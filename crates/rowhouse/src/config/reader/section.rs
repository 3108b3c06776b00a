//! One section of the file and the questions it answers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use rowhouse_tenancy::quantity::{parse_duration, parse_size, write_duration};
use toml_edit::{Item, TableLike, Value};

use super::value::{Text, Written};
use super::{OVERRIDE_PREFIX, OVERRIDE_SEPARATOR, Reader, reference};
use crate::config::problem::{Place, Problem};
use crate::config::suggest;

/// One table of the file, with its defaults and overrides.
pub struct Section<'r> {
    pub(super) reader: &'r Reader<'r>,
    /// How messages name it: `pool`, `secret[1]`; empty for the whole file.
    path: String,
    /// How the default file names it: `pool`, `resource.database`.
    pattern: String,
    /// `[pool]` or `[[secret]]`.
    header: String,
    table: Option<&'r dyn TableLike>,
    defaults: Option<&'r dyn TableLike>,
    span: Option<Range<usize>>,
    /// Blocks in `[[ ]]` have no names that a variable could use.
    overridable: bool,
    asked: RefCell<BTreeSet<&'static str>>,
    /// Keys whose values hold references, with what was written.
    references: RefCell<BTreeMap<&'static str, String>>,
    lines: RefCell<String>,
    children: RefCell<String>,
}

impl<'r> Section<'r> {
    pub(super) fn root(reader: &'r Reader<'r>) -> Section<'r> {
        Section {
            reader,
            path: String::new(),
            pattern: String::new(),
            header: String::new(),
            table: Some(reader.document.as_table()),
            defaults: Some(reader.defaults.as_table()),
            span: None,
            overridable: false,
            asked: RefCell::default(),
            references: RefCell::default(),
            lines: RefCell::default(),
            children: RefCell::default(),
        }
    }

    /// Reads `[key]`, which need not be there.
    pub fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'r>) -> T) -> T {
        self.ask(key);
        let item = self.item(key);
        let table = item.and_then(Item::as_table_like);
        if item.is_some() && table.is_none() {
            self.problem(key, format!("must be a section: write [{}]", self.child_path(key)));
        }
        let defaults = self.defaults.and_then(|table| table.get(key)?.as_table_like());
        let mut child = self.child(key, self.child_path(key), table);
        child.defaults = defaults;
        child.span = item.and_then(Item::span);
        child.overridable = self.path.is_empty();
        child.header = format!("[{}]", child.pattern);
        self.read_child(&child, read)
    }

    /// Reads `[key]` if it is there or a variable sets something in it.
    pub fn optional_section<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Section<'r>) -> T,
    ) -> Option<T> {
        let prefix = format!("{OVERRIDE_PREFIX}{}{OVERRIDE_SEPARATOR}", key.to_uppercase());
        let overridden =
            self.reader.source.environment.keys().any(|name| name.starts_with(&prefix));
        self.ask(key);
        (self.item(key).is_some() || overridden).then(|| self.section(key, read))
    }

    /// Reads each `[[key]]`.
    pub fn sections<T>(
        &self,
        key: &'static str,
        mut read: impl FnMut(&Section<'r>) -> T,
    ) -> Vec<T> {
        self.ask(key);
        let tables: Vec<&'r dyn TableLike> = match self.item(key) {
            None => Vec::new(),
            Some(Item::ArrayOfTables(tables)) => {
                tables.iter().map(|table| table as &dyn TableLike).collect()
            }
            Some(Item::Value(Value::Array(array))) if array.iter().all(Value::is_inline_table) => {
                let tables = array.iter().filter_map(Value::as_inline_table);
                tables.map(|table| table as &dyn TableLike).collect()
            }
            Some(_) => {
                let header = self.child_path(key);
                self.problem(key, format!("can be there several times: write [[{header}]]"));
                Vec::new()
            }
        };
        let spans = self.spans(key);
        let read_one = |(index, table): (usize, &'r dyn TableLike)| {
            let path = format!("{}[{index}]", self.child_path(key));
            let mut child = self.child(key, path, Some(table));
            child.span = spans.get(index).cloned().flatten();
            child.header = format!("[[{}]]", child.pattern);
            self.read_child(&child, &mut read)
        };
        tables.into_iter().enumerate().map(read_one).collect()
    }

    /// A text, if there is one.
    pub fn text(&self, key: &'static str) -> Option<String> {
        let text =
            self.parsed(key, "a text in quotes", |written| written.as_text().map(str::to_owned))?;
        self.list(key, &text.as_str().into(), &self.place(key));
        Some(text)
    }

    /// A text that must be there and not be empty; otherwise a problem and an empty text.
    pub fn required_text(&self, key: &'static str) -> String {
        let text = self.text(key);
        let there = self.written(key).is_some();
        if !there {
            self.problem(key, "is needed: add it".to_owned());
        } else if text.as_deref() == Some("") {
            self.problem(key, "must not be empty".to_owned());
        }
        text.unwrap_or_default()
    }

    /// A text that `parse` makes something of, as `expected` says.
    pub fn parse<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let read = |written: &Written<'_>| {
            let text = written.as_text()?;
            Some((parse(text)?, text.to_owned()))
        };
        let (value, text) = self.parsed(key, expected, read)?;
        self.list(key, &text.into(), &self.place(key));
        Some(value)
    }

    /// One of the given words.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let expected = format!("one of {}", quoted.join(", "));
        self.parse(key, &expected, |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
        })
    }

    /// Texts: a list, or one alone.
    pub fn texts(&self, key: &'static str) -> Vec<String> {
        let expected = "a text in quotes or a list of them";
        let Some(texts) = self.parsed(key, expected, Written::as_texts) else {
            return Vec::new();
        };
        let array: Value = texts.iter().map(String::as_str).collect();
        self.list(key, &array, &self.place(key));
        texts
    }

    /// Yes or no; no where nothing is written.
    pub fn switch(&self, key: &'static str) -> bool {
        let on = self.parsed(key, "true or false", Written::as_switch);
        if let Some(on) = on {
            self.list(key, &on.into(), &self.place(key));
        }
        on.unwrap_or(false)
    }

    /// A whole number within a range; otherwise a problem and the lower end.
    pub fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> usize {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.number(key, &expected, &range, Written::as_integer)
    }

    /// A whole number within a range, if there is one.
    pub fn optional_integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<usize> {
        self.written(key).map(|_| self.integer(key, range))
    }

    /// A whole number of bytes, perhaps with a unit, within a range; otherwise a problem and the
    /// lower end.
    pub fn size(&self, key: &'static str, range: RangeInclusive<u64>) -> usize {
        let expected = format!(
            "a size such as \"4MiB\" or 4194304, from {} to {} bytes",
            range.start(),
            range.end()
        );
        self.number(key, &expected, &range, |written| {
            written.as_integer().or_else(|| parse_size(written.as_text()?))
        })
    }

    /// A number, or a text with its unit, that `parse` makes something of.
    pub fn amount<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let read = |written: &Written<'_>| {
            let number = || written.as_integer().map(|number| number.to_string());
            let text = written.as_text().map(str::to_owned).or_else(number)?;
            Some((parse(&text)?, text))
        };
        let (value, text) = self.parsed(key, expected, read)?;
        let listed = text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from);
        self.list(key, &listed, &self.place(key));
        Some(value)
    }

    /// A duration within a range; otherwise a problem and the lower end.
    pub fn duration(&self, key: &'static str, range: RangeInclusive<Duration>) -> Duration {
        let expected = format!(
            "a duration such as \"45s\" (units ms, s, min, h), from {} to {}",
            write_duration(*range.start()),
            write_duration(*range.end())
        );
        let duration = self.parsed(key, &expected, |written| {
            parse_duration(written.as_text()?).filter(|duration| range.contains(duration))
        });
        let Some(duration) = duration else { return *range.start() };
        self.list(key, &write_duration(duration).into(), &self.place(key));
        duration
    }

    /// A duration within a range, if there is one.
    pub fn optional_duration(
        &self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.written(key).map(|_| self.duration(key, range))
    }

    /// The name of a file, relative to the configuration.
    pub fn file(&self, key: &'static str) -> Option<PathBuf> {
        let name = self.text(key)?;
        if name.is_empty() {
            self.problem(key, "must name a file".to_owned());
            return None;
        }
        Some(self.reader.source.resolve(&name))
    }

    /// The folder that relative names begin at.
    pub fn folder(&self) -> PathBuf {
        self.reader.source.resolve("")
    }

    /// A variable that other programs have a meaning for, as PGHOST.
    pub fn foreign_variable(&self, name: &str) -> Option<&'r str> {
        self.reader.variable(name).filter(|value| !value.is_empty())
    }

    /// Whether a key was written, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.overriding_variable(key).is_some() || self.item(key).is_some()
    }

    /// Something is wrong with a key of this section.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        self.reader.problem(self.place(key), self.child_path(key), message.into());
    }

    /// Something is odd with a key of this section, and can be used all the same.
    pub fn warning(&self, key: &str, message: impl Into<String>) {
        let (place, key) = (self.place(key), self.child_path(key));
        let warning = Problem { place, key, message: message.into() };
        self.reader.notes.borrow_mut().warnings.push(warning);
    }

    /// Something is wrong that a variable says.
    pub fn problem_in_variable(&self, variable: &str, key: &str, message: impl Into<String>) {
        let place = Place::Environment { variable: variable.to_owned() };
        self.reader.problem(place, self.child_path(key), message.into());
    }

    /// Each of `value` must be there once only.
    pub fn unique<T: Ord + Clone>(&self, key: &str, value: &T, seen: &mut BTreeSet<T>) {
        if !seen.insert(value.clone()) {
            self.problem(key, "is there already: each must be different");
        }
    }

    /// Adds a line to what is in force.
    pub fn list(&self, key: &str, value: &Value, place: &Place) {
        // A key or a text that breaks the line cannot be written here: keys are ours, texts quoted.
        let mut lines = self.lines.borrow_mut();
        let _ = match self.references.borrow().get(key) {
            Some(written) => writeln!(lines, "{key} = {written} # {place}"),
            None => writeln!(lines, "{key} = {value} # {place}"),
        };
        let values = &mut self.reader.notes.borrow_mut().values;
        values.put(self.child_path(key), value.to_string());
    }

    /// Where a key was written, or where it should have been.
    pub fn place(&self, key: &str) -> Place {
        if let Some(variable) = self.overriding_variable(key) {
            return Place::Environment { variable };
        }
        match self.table.and_then(|table| table.get_key_value(key)) {
            Some((written, item)) => self.reader.file(written.span().or_else(|| item.span())),
            None if self.default_item(key).is_some() => Place::Default,
            None => self.reader.file(self.span.clone()),
        }
    }

    /// Reports the keys that nobody asked for and returns what is in force.
    pub(super) fn finish(&self) -> String {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            if !asked.contains(key) {
                let what = if self.path.is_empty() { "section" } else { "key" };
                let message = match suggest::nearest(key, asked.iter().copied()) {
                    Some(nearest) => format!("unknown {what}; did you mean {nearest}?"),
                    None => format!("unknown {what}; take it out"),
                };
                self.problem(key, message);
            }
        }
        let mut listing = self.header.clone();
        if !listing.is_empty() {
            listing.push('\n');
        }
        listing.push_str(&self.lines.borrow());
        listing.push_str(&self.children.borrow());
        listing
    }

    /// What was written for a key: the environment wins over the file, the file over the default.
    pub(super) fn written(&self, key: &'static str) -> Option<Written<'r>> {
        self.ask(key);
        let text = match self.overriding_variable(key) {
            Some(variable) => Text::Variable(self.reader.variable(&variable)?),
            None => Text::Toml(self.item(key).or_else(|| self.default_item(key))?),
        };
        let text = reference::expand(self.reader, text).unwrap_or_else(|message| {
            self.problem(key, message);
            Text::Broken
        });
        Some(Written { text, place: self.place(key) })
    }

    fn parsed<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&Written<'r>) -> Option<T>,
    ) -> Option<T> {
        let written = self.written(key)?;
        if let Text::Replaced { written, .. } | Text::ReplacedList { written, .. } = &written.text {
            self.references.borrow_mut().insert(key, written.clone());
        }
        let value = read(&written);
        if value.is_none() && !matches!(written.text, Text::Broken) {
            let message = format!("must be {expected}, not {}", written.found());
            self.reader.problem(written.place, self.child_path(key), message);
        }
        value
    }

    fn number(
        &self,
        key: &'static str,
        expected: &str,
        range: &RangeInclusive<u64>,
        read: impl Fn(&Written<'r>) -> Option<u64>,
    ) -> usize {
        let number =
            self.parsed(key, expected, |written| read(written).filter(|n| range.contains(n)));
        let number = number.unwrap_or(*range.start());
        self.list(key, &i64::try_from(number).unwrap_or(i64::MAX).into(), &self.place(key));
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    fn read_child<T>(&self, child: &Section<'r>, read: impl FnOnce(&Section<'r>) -> T) -> T {
        let value = read(child);
        let listing = child.finish();
        let mut children = self.children.borrow_mut();
        if !self.path.is_empty() || !children.is_empty() {
            children.push('\n');
        }
        children.push_str(&listing);
        value
    }

    fn child(&self, key: &str, path: String, table: Option<&'r dyn TableLike>) -> Section<'r> {
        let pattern = if self.pattern.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.pattern)
        };
        Section { path, pattern, table, defaults: None, ..Section::root(self.reader) }
    }

    pub(super) fn child_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn ask(&self, key: &'static str) {
        self.asked.borrow_mut().insert(key);
        let pattern = if self.pattern.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.pattern)
        };
        self.reader.notes.borrow_mut().keys.insert(pattern);
        if self.overridable {
            self.reader.notes.borrow_mut().variables.insert(self.variable_name(key));
        }
    }

    fn item(&self, key: &str) -> Option<&'r Item> {
        self.table.and_then(|table| table.get(key)).filter(|item| !item.is_none())
    }

    fn default_item(&self, key: &str) -> Option<&'r Item> {
        self.defaults.and_then(|table| table.get(key)).filter(|item| !item.is_none())
    }

    fn variable_name(&self, key: &str) -> String {
        let (section, key) = (self.path.to_uppercase(), key.to_uppercase());
        format!("{OVERRIDE_PREFIX}{section}{OVERRIDE_SEPARATOR}{key}")
    }

    fn overriding_variable(&self, key: &str) -> Option<String> {
        let name = self.overridable.then(|| self.variable_name(key))?;
        self.reader.source.environment.contains_key(&name).then_some(name)
    }

    /// Where the blocks of `[[key]]` begin.
    fn spans(&self, key: &str) -> Vec<Option<Range<usize>>> {
        match self.item(key) {
            Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| table.span()).collect(),
            Some(Item::Value(Value::Array(array))) => array.iter().map(Value::span).collect(),
            _ => Vec::new(),
        }
    }
}
