//! A plan as a script that people read and psql runs.

use std::fmt::Write;

use super::{Phase, Plan};

/// The script. Steps of the first phase are one transaction.
pub fn script(plan: &Plan, database: &str) -> String {
    let mut script = format!(
        "-- What makes database {database} safe for many tenants. Read it before you run it.\n"
    );
    for (object, sentence) in &plan.remarks {
        let _ = writeln!(script, "-- For you to decide: {}: {}", line(object), line(sentence));
    }
    if plan.steps.is_empty() {
        script.push_str("-- Nothing is missing.\n");
        return script;
    }
    let together = || plan.steps.iter().filter(|step| step.phase == Phase::Together);
    if together().next().is_some() {
        script.push_str("\nbegin;\nset local lock_timeout = '5s';\n");
        let mut object = "";
        for step in together() {
            if step.object != object {
                object = &step.object;
                let _ = writeln!(script, "\n-- {}", line(object));
            }
            let _ = writeln!(script, "{}; -- {}", step.sql, line(&step.reason));
        }
        script.push_str("\ncommit;\n");
    }
    for step in plan.steps.iter().filter(|step| step.phase == Phase::Alone) {
        let (object, reason) = (line(&step.object), line(&step.reason));
        let _ = writeln!(script, "\n-- {object}: {reason}\n{};", step.sql);
    }
    script
}

/// One line: a name with a line break in it must not end a comment.
fn line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
