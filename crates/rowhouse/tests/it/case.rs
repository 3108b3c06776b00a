//! One trial: a name, and what to do with the stand. It fails by a panic.

use crate::stand::Stand;

/// A named trial.
pub struct Case {
    /// What a person types to run this one alone.
    pub name: String,
    /// The trial.
    pub run: Box<dyn FnOnce(&Stand) + Send>,
}

/// A trial.
pub fn case(name: impl Into<String>, run: impl FnOnce(&Stand) + Send + 'static) -> Case {
    Case { name: name.into(), run: Box::new(run) }
}

/// A trial that is a function, and its name.
pub type Named<'n> = (&'n str, fn(&Stand));

/// Trials that are functions, in a suite of that name.
pub fn suite(name: &str, trials: &[Named<'_>]) -> Vec<Case> {
    trials.iter().map(|&(trial, run)| case(format!("{name}::{trial}"), run)).collect()
}
