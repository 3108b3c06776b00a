//! Secrets, which are written in place, in a file of their own, or in a variable. Never listed.

use rowhouse_tenancy::secret::Secret;

use super::Section;
use super::reference::without_line_end;
use super::value::{Text, Written};
use crate::config::raw;

/// The three keys of one secret.
pub struct SecretKeys {
    /// The secret in place.
    pub inline: &'static str,
    /// The name of a file that holds it.
    pub file: &'static str,
    /// The name of a variable that holds it.
    pub variable: &'static str,
}

/// `password`, `password_file`, `password_env`.
pub const PASSWORD: SecretKeys =
    SecretKeys { inline: "password", file: "password_file", variable: "password_env" };
/// `secret`, `secret_file`, `secret_env`.
pub const SECRET: SecretKeys =
    SecretKeys { inline: "secret", file: "secret_file", variable: "secret_env" };

impl Section<'_> {
    /// A secret that may be missing, but must not be there twice.
    pub fn optional_secret(&self, keys: &SecretKeys) -> Option<Secret> {
        let (inline, file, variable) =
            (self.written(keys.inline), self.text(keys.file), self.text(keys.variable));
        let ways = [inline.is_some(), file.is_some(), variable.is_some()];
        if ways.iter().filter(|there| **there).count() > 1 {
            let SecretKeys { inline, file, variable } = keys;
            self.problem(inline, format!("give one of {inline}, {file} and {variable} only"));
            return None;
        }
        match (inline, file, variable) {
            (Some(written), _, _) => self.secret_in_place(keys.inline, &written),
            (_, Some(name), _) => self.not_empty(keys.file, &self.file_text(keys.file, &name)?),
            (_, _, Some(name)) => self.secret_in_variable(keys.variable, &name),
            _ => None,
        }
    }

    /// A secret that must be there.
    pub fn required_secret(&self, keys: &SecretKeys) -> Option<Secret> {
        let SecretKeys { inline, file, variable } = keys;
        let secret = self.optional_secret(keys);
        let written = [inline, file, variable].iter().any(|key| self.written(key).is_some());
        if !written {
            self.problem(inline, format!("is needed: add {inline}, {file} or {variable}"));
        }
        secret
    }

    /// The text of the file that `key` names, without the line end that editors add.
    pub fn file_text(&self, key: &str, name: &str) -> Option<String> {
        let path = self.reader.source.resolve(name);
        match raw::read_named(&path) {
            Ok(text) => {
                let text = without_line_end(&text);
                self.note_content(key, text);
                Some(text.to_owned())
            }
            Err(error) => {
                self.problem(key, format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }

    /// What a value stands for that is not in the file itself, or not to be shown.
    fn note_content(&self, key: &str, text: &str) {
        self.reader.notes.borrow_mut().values.put_content(&self.child_path(key), text);
    }

    fn secret_in_place(&self, key: &'static str, written: &Written<'_>) -> Option<Secret> {
        self.list(key, &"***".into(), &written.place);
        let text = written.as_text();
        if text.is_none() && !matches!(written.text, Text::Broken) {
            self.problem(key, "must be a text in quotes");
        }
        self.not_empty(key, text?)
    }

    fn secret_in_variable(&self, key: &'static str, name: &str) -> Option<Secret> {
        let Some(text) = self.reader.variable(name) else {
            self.problem(key, format!("the environment has no variable {name}: set it"));
            return None;
        };
        self.not_empty(key, text)
    }

    fn not_empty(&self, key: &str, text: &str) -> Option<Secret> {
        if text.is_empty() {
            self.problem(key, "is empty: an empty secret protects nothing");
            return None;
        }
        self.note_content(key, text);
        Some(Secret::from(text))
    }
}
