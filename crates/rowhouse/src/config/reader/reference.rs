//! `${file:PATH}` and `${env:NAME}` inside the texts of a configuration: what stands elsewhere is
//! put in their place. What was put in is never printed; the reference is.

use toml_edit::{Item, Value};

use super::Reader;
use super::value::Text;
use crate::config::raw;

/// How every reference begins; `$${` is a dollar and a brace.
const BEGINNING: &str = "${";
const ESCAPED: &str = "$${";
/// Contents shorter than this are no secrets, and taking them out would garble the messages.
const REDACTED_CHARS_MIN: usize = 4;

/// What references were replaced by, and what was written.
#[derive(Debug, Default)]
pub struct Replaced(Vec<(String, String)>);

impl Replaced {
    /// A message without what was put in.
    pub fn redact(&self, mut message: String) -> String {
        for (content, written) in &self.0 {
            let escaped = content.escape_debug().to_string();
            for form in [content, &escaped] {
                if form.chars().count() >= REDACTED_CHARS_MIN {
                    message = message.replace(form.as_str(), written);
                }
            }
        }
        message
    }
}

/// The value with its references replaced; `Err` says which cannot be, and why.
pub fn expand<'r>(reader: &Reader<'r>, text: Text<'r>) -> Result<Text<'r>, String> {
    match &text {
        Text::Variable(written) if written.contains(BEGINNING) => one(reader, written),
        Text::Toml(Item::Value(Value::String(written))) if written.value().contains(BEGINNING) => {
            one(reader, written.value())
        }
        Text::Toml(Item::Value(Value::Array(array))) => {
            let texts: Option<Vec<&str>> = array.iter().map(Value::as_str).collect();
            match texts {
                Some(texts) if texts.iter().any(|text| text.contains(BEGINNING)) => {
                    let content = texts.iter().map(|text| replace(reader, text));
                    let content = content.collect::<Result<_, _>>()?;
                    let written = Value::Array(array.clone()).to_string().trim().to_owned();
                    Ok(Text::ReplacedList { content, written })
                }
                _ => Ok(text),
            }
        }
        _ => Ok(text),
    }
}

fn one<'r>(reader: &Reader<'r>, written: &str) -> Result<Text<'r>, String> {
    let content = replace(reader, written)?;
    Ok(Text::Replaced { content, written: Value::from(written).to_string() })
}

fn replace(reader: &Reader<'_>, written: &str) -> Result<String, String> {
    let mut replaced = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once(BEGINNING) {
        if let Some(before) = before.strip_suffix('$') {
            replaced.push_str(before);
            replaced.push_str(BEGINNING);
            rest = after;
            continue;
        }
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| format!("has a reference without an end: close it with }}, {HOW}"))?;
        let content = content(reader, name)?;
        reader.notes.borrow_mut().replaced.0.push((content.clone(), format!("${{{name}}}")));
        replaced.push_str(before);
        replaced.push_str(&content);
        rest = after;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

const HOW: &str = "or write $${ where the characters themselves are meant";

fn content(reader: &Reader<'_>, reference: &str) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) => {
            let content = reader.variable(name).map(str::to_owned);
            content.ok_or_else(|| format!("the environment has no variable {name}: set it"))
        }
        Some(("file", name)) => {
            let path = reader.source.resolve(name);
            let text = raw::read_named(&path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok(without_line_end(&text).to_owned())
        }
        _ => Err(format!(
            "${{{reference}}} is no reference: write ${{file:PATH}} or ${{env:NAME}}, {HOW}"
        )),
    }
}

/// Editors and `echo` end a file with a line end, which is not part of what it holds.
pub fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// A text that is taken as it is, references or not.
pub fn escape(text: &str) -> String {
    text.replace(BEGINNING, ESCAPED)
}
