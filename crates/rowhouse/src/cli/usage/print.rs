//! A report as a table, as JSON, as CSV. Tenants' names are whatever their issuers say: none may
//! act on a terminal or in a spreadsheet.

use std::fmt::Write as _;
use std::io::IsTerminal;

use rowhouse_tenancy::price::{Charged, Money, Split};
use serde_json::{Value, json};

use super::line::{Line, Used};
use super::reading::Read;
use super::{By, Month, Terms};
use crate::cli::terminal;

/// A tenant's name in a table; longer ones are cut.
const NAME_CHARS_MAX: usize = 40;
/// The longest bar.
const BAR_CHARS: usize = 24;
/// An eighth of a character each.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// What is printed.
pub struct Report<'a> {
    /// Of which month.
    pub month: Month,
    /// Apart by what.
    pub by: Option<By>,
    /// How usage became money.
    pub terms: &'a Terms,
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// What else was found.
    pub read: &'a Read,
}

impl Report<'_> {
    /// For people: with bars on a terminal.
    pub fn table(&self) {
        terminal::print(&self.table_text(std::io::stdout().is_terminal()));
    }

    /// For programs.
    pub fn json(&self) {
        terminal::line(&self.json_value().to_string());
    }

    /// For spreadsheets.
    pub fn csv(&self) {
        terminal::print(&self.csv_text());
    }

    pub(super) fn table_text(&self, bars: bool) -> String {
        let mut rows = vec![self.head(self.part_name().unwrap_or_default())];
        rows.extend(self.lines.iter().map(|line| self.cells(&shown(&line.tenant), line)));
        let (used, cost) = self.total();
        let total = Line { tenant: String::new(), part: String::new(), used, cost };
        rows.push(self.cells("total", &total));
        let columns = rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let dearest = self.lines.iter().map(|line| line.cost.micros()).max().unwrap_or(0);
        let texts = 1 + usize::from(self.part_name().is_some());
        let mut text = format!("Usage of {} (UTC)\n\n", self.month);
        for (index, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Writing to a String does not fail.
                let _ = match column < texts {
                    true => write!(line, "{cell:<width$}  "),
                    false => write!(line, "{cell:>width$}  "),
                };
            }
            let cost = index.checked_sub(1).and_then(|at| self.lines.get(at));
            if let Some(cost) = cost.filter(|_| bars) {
                line.push_str(&bar(cost.cost.micros(), dearest));
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push_str(&self.notes());
        text
    }

    fn head(&self, part: &str) -> Vec<String> {
        let mut head = vec!["tenant"];
        if self.by.is_some() {
            head.push(part);
        }
        head.extend(["requests", "units", "rows", "in", "out", "database", "queue"]);
        head.extend(["errors", "refused"]);
        let mut head: Vec<String> = head.into_iter().map(str::to_owned).collect();
        head.push(self.currency().map_or("cost".to_owned(), |currency| format!("cost {currency}")));
        head
    }

    fn cells(&self, name: &str, line: &Line) -> Vec<String> {
        let used = &line.used;
        let mut cells = vec![name.to_owned()];
        if self.by.is_some() {
            cells.push(line.part.clone());
        }
        cells.extend([
            grouped(used.requests),
            grouped(used.units),
            grouped(used.rows),
            size(used.bytes_in),
            size(used.bytes_out),
            time(used.database_us),
            time(used.queue_us),
            grouped(used.errors),
            grouped(used.refused),
            line.cost.to_cents(),
        ]);
        cells
    }

    fn notes(&self) -> String {
        let mut text = match self.terms {
            Terms::List(list) => {
                let what = match list.charged {
                    Charged::Units => "units",
                    Charged::Requests => "requests",
                };
                let mut text = format!("\nPrices: {}, for a million {what}:", shown(&list.name));
                for step in &list.steps {
                    let price = step.per_million.to_string();
                    let price = price.trim_end_matches('0').trim_end_matches('.');
                    let _ = match step.up_to {
                        Some(end) => write!(text, " {price} up to {},", grouped(end)),
                        None => write!(
                            text,
                            " {price} {}",
                            if list.steps.len() > 1 { "beyond" } else { "" }
                        ),
                    };
                }
                text.trim_end().to_owned() + ".\n"
            }
            Terms::Bill(bill, by) => {
                let by = match by {
                    Split::DatabaseTime => "database time",
                    Split::Units => "units",
                    Split::Both => "database time and units, one half each",
                };
                format!("\nShares of a bill of {}, by {by}.\n", bill.to_cents())
            }
        };
        if self.read.not_folded > 0 {
            let count = grouped(self.read.not_folded);
            let _ = writeln!(text, "Of these, {count} are in this gateway's journal only, so far.");
        }
        if self.read.in_doubt > 0 {
            let count = grouped(self.read.in_doubt);
            let _ = writeln!(
                text,
                "Of these, at most {count} were not sent: gateways were killed as they sent them."
            );
        }
        if self.read.damaged > 0 {
            let count = grouped(self.read.damaged);
            let _ = writeln!(text, "{count} entries of journals could not be read.");
        }
        text
    }

    pub(super) fn json_value(&self) -> Value {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let mut value = numbers(&line.used, line.cost);
                if let Some(fields) = value.as_object_mut() {
                    let tenant = (!line.tenant.is_empty()).then_some(line.tenant.as_str());
                    fields.insert("tenant".to_owned(), tenant.into());
                    if let Some(name) = self.part_name() {
                        fields.insert(name.to_owned(), line.part.as_str().into());
                    }
                }
                value
            })
            .collect();
        let (used, cost) = self.total();
        let list = match self.terms {
            Terms::List(list) => Value::from(list.name.as_str()),
            Terms::Bill(..) => Value::Null,
        };
        json!({
            "month": self.month.to_string(),
            "price_list": list,
            "currency": self.currency(),
            "usage": lines,
            "total": numbers(&used, cost),
            "not_folded": self.read.not_folded,
            "in_doubt": self.read.in_doubt,
            "damaged": self.read.damaged,
        })
    }

    pub(super) fn csv_text(&self) -> String {
        let mut text = String::from("month,tenant,");
        if let Some(name) = self.part_name() {
            let _ = write!(text, "{name},");
        }
        text.push_str(
            "requests,charged,units,rows,bytes_in,bytes_out,database_us,queue_us,errors,refused,\
             cost,currency\r\n",
        );
        for line in &self.lines {
            let used = &line.used;
            let _ = write!(text, "{},{},", self.month, field(&line.tenant));
            if self.by.is_some() {
                let _ = write!(text, "{},", field(&line.part));
            }
            let numbers = [
                used.requests,
                used.charged,
                used.units,
                used.rows,
                used.bytes_in,
                used.bytes_out,
                used.database_us,
                used.queue_us,
                used.errors,
                used.refused,
            ];
            for number in numbers {
                let _ = write!(text, "{number},");
            }
            let _ = write!(text, "{},{}\r\n", line.cost, self.currency().unwrap_or_default());
        }
        text
    }

    fn total(&self) -> (Used, Money) {
        let mut used = Used::default();
        let mut cost: u64 = 0;
        for line in &self.lines {
            used.add(&line.used);
            cost = cost.saturating_add(line.cost.micros());
        }
        (used, Money::from_micros(cost))
    }

    fn part_name(&self) -> Option<&'static str> {
        self.by.map(|by| match by {
            By::Hour => "hour",
            By::Day => "day",
            By::Operation => "operation",
        })
    }

    fn currency(&self) -> Option<&str> {
        match self.terms {
            Terms::List(list) => Some(&list.currency),
            Terms::Bill(..) => None,
        }
    }
}

fn numbers(used: &Used, cost: Money) -> Value {
    json!({
        "requests": used.requests,
        "charged": used.charged,
        "units": used.units,
        "rows": used.rows,
        "bytes_in": used.bytes_in,
        "bytes_out": used.bytes_out,
        "database_us": used.database_us,
        "queue_us": used.queue_us,
        "errors": used.errors,
        "refused": used.refused,
        // A number would be read as a float by most.
        "cost": cost.to_string(),
    })
}

/// A name on a terminal: whatever is not plainly seen is written out. Names have no control
/// characters, but marks that turn the line around, and blanks that hide.
fn shown(name: &str) -> String {
    if name.is_empty() {
        return "(no tenant)".to_owned();
    }
    let mut text = String::new();
    for c in name.chars() {
        let is_hidden = c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        match is_hidden {
            true => text.extend(c.escape_unicode()),
            false => text.push(c),
        }
    }
    if text.chars().count() > NAME_CHARS_MAX {
        text = text.chars().take(NAME_CHARS_MAX - 1).collect();
        text.push('…');
    }
    text
}

/// A field of CSV (RFC 4180). What spreadsheets would take for a formula gets a `'` before it
/// (OWASP, "CSV Injection").
fn field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\n', '\r', '\'', ';']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn bar(value: u64, largest: u64) -> String {
    if largest == 0 || value == 0 {
        return String::new();
    }
    let eighths = u128::from(value) * (BAR_CHARS as u128) * 8 / u128::from(largest);
    let eighths = usize::try_from(eighths).unwrap_or(0).max(1);
    let mut text = "█".repeat(eighths / 8);
    text.extend(EIGHTHS.get(eighths % 8).filter(|c| **c != ' '));
    text
}

/// 26,280,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: u64) -> String {
    scaled(bytes, 1024, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

fn time(micros: u64) -> String {
    match micros {
        0..60_000_000 => scaled(micros, 1000, &["us", "ms", "s"]),
        _ => {
            let minutes = micros / 60_000_000;
            match minutes / 60 {
                0 => format!("{minutes} min"),
                hours => format!("{} h {} min", grouped(hours), minutes % 60),
            }
        }
    }
}

/// With one digit after the point where there is a unit below.
fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let mut tenths = u128::from(number) * 10;
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    let mut is_whole = true;
    while tenths >= u128::from(step) * 10 && units.peek().is_some() {
        tenths /= u128::from(step);
        unit = units.next().copied().unwrap_or_default();
        is_whole = false;
    }
    match is_whole {
        true => format!("{number} {unit}"),
        false => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}
