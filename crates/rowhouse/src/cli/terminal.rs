//! The one place that prints. What cannot be written is lost: the reader has gone.

use std::io::{self, IsTerminal, Write};

/// Text for standard output.
pub fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// One line for standard output.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// One line about a failure, on standard error.
pub fn error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "rowhouse: {text}");
}

/// What is being done that takes a while: for people only.
pub fn progress(text: &str) {
    if io::stdout().is_terminal() {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
