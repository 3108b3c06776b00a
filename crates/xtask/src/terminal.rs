//! What a person sees: the only place of this crate that prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the place that prints")]

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

/// Text as it is.
pub fn print(text: impl Display) {
    print!("{text}");
}

/// One line of news.
pub fn line(text: impl Display) {
    println!("{text}");
}

/// The name of a step that begins.
pub fn heading(step: &str) {
    println!("{}", paint("1;36", &format!("== {step}")));
}

/// A step that ended well, and how long it took.
pub fn done(step: &str, time: Duration) {
    println!("{}", paint("32", &format!("-- {step} ok ({:.1} s)", time.as_secs_f64())));
}

/// The one line that says what went wrong and what to do.
pub fn problem(text: impl Display) {
    eprintln!("xtask: {text}");
}

/// Colour for people only: logs of CI and files stay plain (<https://no-color.org>).
pub fn is_coloured() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !is_set("CI") && !is_set("NO_COLOR")
}

fn paint(code: &str, text: &str) -> String {
    if is_coloured() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
