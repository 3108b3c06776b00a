//! Words that may not stand in the code, or only in one place.

use super::{File, Finding};

/// A word, where it is banned and where in there it is allowed all the same.
struct Ban {
    rule: &'static str,
    words: &'static [&'static str],
    /// Paths that begin like this.
    within: &'static [&'static str],
    /// Paths in there that may.
    but: &'static [&'static str],
    why: &'static str,
}

const PURE: [&str; 4] = ["crates/protocol/", "crates/data-api/", "crates/tenancy/", "crates/rls/"];
const GATEWAY: [&str; 1] = ["crates/rowhouse/src/"];

const BANS: [Ban; 6] = [
    Ban {
        rule: "events",
        words: &["tracing::", "tracing_subscriber::"],
        within: &GATEWAY,
        but: &["crates/rowhouse/src/observe"],
        why: "what happens is one closed enum; log, metrics, audit and usage are its sinks: \
              emit an `observe::Event`",
    },
    Ban {
        rule: "environment",
        words: &["env::var", "env::vars", "env::var_os", "env::vars_os"],
        within: &[
            "crates/rowhouse/src/",
            "crates/protocol/",
            "crates/data-api/",
            "crates/tenancy/",
            "crates/rls/",
        ],
        but: &["crates/rowhouse/src/config/raw", "crates/rowhouse/src/main.rs"],
        why: "configuration is read once, in config/raw.rs, where all its problems are found",
    },
    Ban {
        rule: "clock",
        words: &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"],
        within: &PURE,
        but: &[],
        why: "pure crates read no clock: time is an argument, so a test can say what time it is",
    },
    Ban {
        rule: "pure",
        words: &[
            "std::net",
            "std::fs",
            "std::thread",
            "std::process",
            "tokio::",
            "rand::",
            "SystemRandom",
        ],
        within: &PURE,
        but: &[
            "crates/protocol/tests",
            "crates/data-api/tests",
            "crates/tenancy/tests",
            "crates/rls/tests",
        ],
        why: "pure crates do no IO and draw no random numbers: keys and randomness are arguments",
    },
    Ban {
        rule: "unbounded",
        words: &["unbounded_channel", "UnboundedSender", "std::sync::mpsc::channel"],
        within: &["crates/"],
        but: &[],
        why: "everything has a limit: a queue without one is memory without one",
    },
    Ban {
        rule: "root-escape",
        words: &["super::super::"],
        within: &GATEWAY,
        but: &[],
        why: "the layer table reads `crate::…`: write the path from the root",
    },
];

/// Words of the table, in code; comments and strings may speak of them.
pub fn banned(file: &File) -> Vec<Finding> {
    let starts = |paths: &[&str]| paths.iter().any(|path| file.path.starts_with(path));
    let mut findings = Vec::new();
    for ban in BANS.iter().filter(|ban| starts(ban.within) && !starts(ban.but)) {
        for (index, line) in file.code.lines().enumerate() {
            if let Some(word) = ban.words.iter().find(|word| holds_word(line, word)) {
                let message = format!("`{word}`: {}", ban.why);
                findings.push(Finding::new(file, index + 1, ban.rule, message));
            }
        }
    }
    findings
}

/// Marks of unfinished work. They are put together here so that this file is not its own finding.
pub fn unfinished(file: &File) -> Vec<Finding> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
    ];
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(mark) = marks.iter().find(|mark| holds_word(line, mark)) {
            let message = format!("`{mark}`: what is here is finished; what is not has an issue");
            findings.push(Finding::new(file, index + 1, "unfinished", message));
        }
    }
    findings
}

/// A test that sleeps is slow on a fast machine and fails on a slow one, unless it has a reason.
pub fn sleeping_tests(file: &File) -> Vec<Finding> {
    if !file.is_test() {
        return Vec::new();
    }
    let text: Vec<&str> = file.text.lines().collect();
    let explained = |index: usize| {
        let same = text.get(index).is_some_and(|line| line.contains("//"));
        let above = index.checked_sub(1).and_then(|above| text.get(above));
        same || above.is_some_and(|line| line.trim_start().starts_with("// "))
    };
    let lines = file.code.lines().enumerate();
    let sleeping = lines.filter(|(index, line)| line.contains("sleep(") && !explained(*index));
    let message =
        "a test that sleeps without a comment saying why waiting for the event will not do";
    sleeping.map(|(index, _)| Finding::new(file, index + 1, "sleep", message)).collect()
}

/// The word, not as a part of a longer one.
fn holds_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let open = word.ends_with(is_word) && after.is_some_and(is_word);
        !before.is_some_and(is_word) && !open
    })
}
