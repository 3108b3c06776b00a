//! One value as it was written, in the file or in an environment variable.

use toml_edit::{Item, Value};

use crate::config::problem::Place;

/// One value and where it stands.
pub struct Written<'r> {
    /// The value.
    pub text: Text<'r>,
    /// Where it stands.
    pub place: Place,
}

/// What a value is made of.
pub enum Text<'r> {
    /// TOML, which has types.
    Toml(&'r Item),
    /// The environment, where everything is text.
    Variable(&'r str),
    /// A text with references, and what it says with them replaced.
    Replaced {
        /// What it says. Not to be printed.
        content: String,
        /// What was written, as TOML.
        written: String,
    },
    /// The same for a list.
    ReplacedList {
        /// What it says. Not to be printed.
        content: Vec<String>,
        /// What was written, as TOML.
        written: String,
    },
    /// References that cannot be replaced, which has been reported.
    Broken,
}

impl Written<'_> {
    /// A text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.text {
            Text::Toml(item) => item.as_str(),
            Text::Variable(text) => Some(text),
            Text::Replaced { content, .. } => Some(content),
            Text::ReplacedList { .. } | Text::Broken => None,
        }
    }

    /// A whole number that is not negative.
    pub fn as_integer(&self) -> Option<u64> {
        match &self.text {
            Text::Toml(item) => item.as_integer().and_then(|number| u64::try_from(number).ok()),
            Text::Variable(text) => text.trim().parse().ok(),
            Text::Replaced { content, .. } => content.trim().parse().ok(),
            Text::ReplacedList { .. } | Text::Broken => None,
        }
    }

    /// Yes or no.
    pub fn as_switch(&self) -> Option<bool> {
        match &self.text {
            Text::Toml(item) => item.as_bool(),
            Text::Variable(text) => text.trim().parse().ok(),
            Text::Replaced { content, .. } => content.trim().parse().ok(),
            Text::ReplacedList { .. } | Text::Broken => None,
        }
    }

    /// A list of texts; one text alone is a list of one.
    pub fn as_texts(&self) -> Option<Vec<String>> {
        match &self.text {
            Text::Toml(Item::Value(Value::Array(array))) => {
                array.iter().map(|value| value.as_str().map(str::to_owned)).collect()
            }
            Text::Toml(item) => item.as_str().map(|text| vec![text.to_owned()]),
            Text::Variable(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(str::to_owned).collect())
            }
            Text::Replaced { content, .. } => Some(vec![content.clone()]),
            Text::ReplacedList { content, .. } => Some(content.clone()),
            Text::Broken => None,
        }
    }

    /// What was found, for "must be …, not …".
    pub fn found(&self) -> String {
        match &self.text {
            Text::Variable(text) => format!("{text:?}"),
            Text::Replaced { written, .. } | Text::ReplacedList { written, .. } => {
                format!("what {written} stands for")
            }
            Text::Broken => "what cannot be read".to_owned(),
            Text::Toml(Item::Value(value)) if !value.is_array() && !value.is_inline_table() => {
                value.to_string().trim().to_owned()
            }
            Text::Toml(item) => format!("{} {}", article(item.type_name()), item.type_name()),
        }
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
