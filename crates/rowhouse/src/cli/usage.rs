//! `rowhouse usage`: what tenants have used in a month, and what it costs.

mod bill;
mod line;
mod print;
mod reading;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rowhouse_tenancy::price::{Money, PriceList, Split};

use super::Failure;
use super::config::load_file;
use super::tenant::place::Place;

/// Metered requests, units and money, tenant by tenant, for one month in UTC.
///
/// A unit is 32 KiB of request and answer together, one at least. docs/usage.md says what counts.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse usage --config rowhouse.toml
  rowhouse usage --month 2026-10 --tenant acme --by day --format csv
  rowhouse usage --bill 1834.50 --split both            # a share of your own bill for each")]
pub struct Usage {
    /// The month, as 2026-10. Left out: this one.
    #[arg(long, value_name = "YYYY-MM", value_parser = Month::parse)]
    month: Option<Month>,
    /// This tenant alone.
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Also apart by hour, day or operation.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// The price list: one of [[usage.price]], or rds-data-api.
    #[arg(long, value_name = "NAME", conflicts_with = "bill")]
    price_list: Option<String>,
    /// Split this amount among all tenants instead.
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    bill: Option<Money>,
    /// By what it is split.
    #[arg(long, value_enum, default_value_t = SplitBy::Both, requires = "bill")]
    split: SplitBy,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    place: Place,
}

/// What lines are for, besides tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// 2026-10-07T13:00:00Z.
    Hour,
    /// 2026-10-07.
    Day,
    /// ExecuteStatement and so on.
    Operation,
}

/// By what a bill is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitBy {
    /// The time that the database worked.
    DatabaseTime,
    /// Units.
    Units,
    /// One half by each.
    Both,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
}

/// A month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Month(Date);

/// How usage becomes money.
enum Terms {
    List(PriceList),
    Bill(Money, Split),
}

/// Reads, adds up, prints.
pub async fn run(arguments: &Usage) -> Result<(), Failure> {
    let month = arguments.month.unwrap_or_else(Month::current);
    let login = arguments.place.login().await?;
    let config = arguments.place.file().map(|file| load_file(&file)).transpose()?;
    let usage = config.as_ref().map(|loaded| &loaded.config.usage);
    let terms = match arguments.bill {
        Some(bill) => Terms::Bill(bill, arguments.split.into()),
        None => {
            let lists = usage.map(|usage| usage.prices.as_slice()).unwrap_or_default();
            Terms::List(price_list(arguments.price_list.as_deref(), lists)?)
        }
    };
    let journal: Option<PathBuf> = usage.and_then(|usage| usage.journal_dir.clone());
    let asked = reading::Asked { month, by: arguments.by };
    let mut read = reading::read(&login, journal, asked).await?;
    let costs = bill::costs(&read.lines, &terms);
    let mut lines = bill::priced(std::mem::take(&mut read.lines), &costs);
    if let Some(tenant) = &arguments.tenant {
        lines.retain(|line| line.tenant == *tenant);
    }
    let report = print::Report { month, by: arguments.by, terms: &terms, lines, read: &read };
    match arguments.format {
        Format::Table => report.table(),
        Format::Json => report.json(),
        Format::Csv => report.csv(),
    }
    Ok(())
}

fn price_list(name: Option<&str>, lists: &[PriceList]) -> Result<PriceList, Failure> {
    let standard = PriceList::rds_data_api();
    let Some(name) = name else {
        // The first that the operator has written, else the Data API's.
        return Ok(lists.first().cloned().unwrap_or(standard));
    };
    let all = lists.iter().chain(std::iter::once(&standard));
    let found = all.clone().find(|list| list.name == name);
    found.cloned().ok_or_else(|| {
        let mut names: Vec<&str> = all.map(|list| list.name.as_str()).collect();
        names.dedup();
        Failure::new(format!("there is no price list {name:?}: choose one of {}", names.join(", ")))
    })
}

impl Month {
    fn parse(text: &str) -> Result<Month, String> {
        let wrong = || "write a month as 2026-10".to_owned();
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let digits =
            |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(wrong());
        }
        let (year, month) =
            (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
        Date::new(year, month, 1).map(Month).map_err(|_| wrong())
    }

    fn current() -> Month {
        Month(Timestamp::now().to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// Its first hour and the first behind it, in hours since 1970.
    fn hours(self) -> (u64, u64) {
        let hour = |date: Date| {
            let zoned = date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
            u64::try_from(zoned.unwrap_or(Timestamp::MAX.as_second()) / 3600).unwrap_or(0)
        };
        let next = self.0.checked_add(1.month()).unwrap_or(Date::MAX);
        (hour(self.0), hour(next))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl From<SplitBy> for Split {
    fn from(by: SplitBy) -> Split {
        match by {
            SplitBy::DatabaseTime => Split::DatabaseTime,
            SplitBy::Units => Split::Units,
            SplitBy::Both => Split::Both,
        }
    }
}

fn amount(text: &str) -> Result<Money, String> {
    Money::parse(text).ok_or_else(|| "write an amount as 1834.50".to_owned())
}

#[cfg(test)]
mod tests;
