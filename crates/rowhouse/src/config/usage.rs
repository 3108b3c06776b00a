//! `[usage]`: where answers are counted, what they cost, who is told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use rowhouse_tenancy::price::{Charged, Money, PriceList, Step};
use rowhouse_tenancy::secret::Secret;

use super::reader::Section;
use super::reader::secret::SecretKeys;

/// Less is no journal: it is some sixty answers.
const JOURNAL_BYTES_MIN: u64 = 4 * 1024;
/// More than any disk.
const JOURNAL_BYTES_MAX: u64 = 1 << 50;
/// Ten years.
const MONTHS_MAX: u64 = 120;
/// A currency has three letters (ISO 4217); points and credits have names.
const CURRENCY_CHARS_MAX: usize = 12;

/// What proves to a receiver of events who sends them.
const EVENTS_TOKEN: SecretKeys = SecretKeys {
    inline: "cloud_events_token",
    file: "cloud_events_token_file",
    variable: "cloud_events_token_env",
};

/// How usage is kept.
#[derive(Debug)]
pub struct Usage {
    /// The folder of the journal; `None`: nothing is metered.
    pub journal_dir: Option<PathBuf>,
    /// What is done when the journal cannot be written.
    pub when_full: WhenFull,
    /// Bytes of all of it.
    pub journal_bytes_max: u64,
    /// How often it is added up in PostgreSQL.
    pub fold_interval: Duration,
    /// How many months PostgreSQL keeps.
    pub retention_months: u64,
    /// Where sums are sent to as CloudEvents.
    pub cloud_events: Option<CloudEvents>,
    /// What usage costs, by name.
    pub prices: Vec<PriceList>,
}

/// What is done when the journal cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Answers are given, and counted in memory.
    Count,
    /// Callers are refused.
    Refuse,
}

/// Who is told of sums.
#[derive(Debug)]
pub struct CloudEvents {
    /// Where to.
    pub sink: EventSink,
    /// `source` of the events.
    pub source: String,
    /// Events that may wait.
    pub backlog_max: usize,
}

/// Where events go.
#[derive(Debug)]
pub enum EventSink {
    /// Appended to a file, one on each line.
    File(PathBuf),
    /// Posted.
    Http {
        /// Where to.
        url: Uri,
        /// Sent as a bearer token.
        token: Option<Secret>,
        /// PEM file with the roots that the server's certificate must lead to.
        ca_file: Option<PathBuf>,
    },
}

/// `[usage]`.
pub fn usage(section: &Section<'_>) -> Usage {
    let second = Duration::from_secs(1);
    let journal_dir = section.file("journal_dir");
    let when_full =
        section.word("when_full", &[("count", WhenFull::Count), ("refuse", WhenFull::Refuse)]);
    let bytes_max = section.size("journal_bytes_max", JOURNAL_BYTES_MIN..=JOURNAL_BYTES_MAX);
    let fold_interval = section.duration("fold_interval", second / 10..=second * 3600);
    let retention_months = section.integer("retention_months", 1..=MONTHS_MAX) as u64;
    let cloud_events = cloud_events(section);
    let mut names = BTreeSet::new();
    let prices = section.sections("price", |section| price(section, &mut names));
    let mut prices: Vec<PriceList> = prices.into_iter().flatten().collect();
    let standard = PriceList::rds_data_api();
    if !prices.iter().any(|list| list.name == standard.name) {
        prices.push(standard);
    }
    if cloud_events.is_some() && journal_dir.is_none() {
        section.problem("journal_dir", "is needed: there are no events where nothing is metered");
    }
    Usage {
        journal_dir,
        when_full: when_full.unwrap_or(WhenFull::Count),
        journal_bytes_max: bytes_max as u64,
        fold_interval,
        retention_months,
        cloud_events,
        prices,
    }
}

/// What is counted has to be added up somewhere, or it would fill the disk.
pub fn check(file: &Section<'_>, usage: &Usage, has_registry: bool) {
    if usage.journal_dir.is_some() && !has_registry && !file.has("registry") {
        let message = "is needed beside usage.journal_dir: it says where usage is added up";
        file.problem("registry", message);
    }
}

fn cloud_events(section: &Section<'_>) -> Option<CloudEvents> {
    let has_file = section.has("cloud_events_file");
    let has_url = section.has("cloud_events_url");
    let file = section.file("cloud_events_file");
    let expected = "a URL as https://metering.example.com/events; http:// is for loopback";
    let url = section.parse("cloud_events_url", expected, web_url);
    let token = section.optional_secret(&EVENTS_TOKEN);
    let ca_file = section.file("cloud_events_ca_file");
    let source = section.text("cloud_events_source").unwrap_or_default();
    let backlog_max = section.integer("cloud_events_backlog_max", 1..=100_000_000);
    if has_file && has_url {
        section.problem("cloud_events_file", "and cloud_events_url: take one of them out");
    }
    if source.is_empty() {
        section.problem("cloud_events_source", "must not be empty: it is needed in every event");
    }
    let sink = match (file, url) {
        (Some(path), _) => EventSink::File(path),
        (None, Some(url)) => EventSink::Http { url, token, ca_file },
        (None, None) => {
            if token.is_some() && !has_url {
                section
                    .problem("cloud_events_token", "is for cloud_events_url, which is not there");
            }
            return None;
        }
    };
    Some(CloudEvents { sink, source, backlog_max })
}

/// A token must not travel in clear, nor what tenants do.
fn web_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    let is_near =
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match url.scheme_str() {
        Some("https") => Some(url),
        Some("http") if is_near => Some(url),
        _ => None,
    }
}

fn price(section: &Section<'_>, names: &mut BTreeSet<String>) -> Option<PriceList> {
    let name = section.required_text("name");
    section.unique("name", &name, names);
    let expected = "the currency in letters, as \"USD\"";
    let currency = section.parse("currency", expected, |text| {
        let letters = text.chars().all(|c| c.is_ascii_alphabetic()) && !text.is_empty();
        (letters && text.len() <= CURRENCY_CHARS_MAX).then(|| text.to_owned())
    });
    let charged = section
        .word("charged", &[("units", Charged::Units), ("requests", Charged::Requests)])
        .unwrap_or(Charged::Units);
    let steps = section.sections("step", |section| {
        let up_to = section.optional_integer("up_to", 1..=u64::MAX >> 1).map(|end| end as u64);
        let expected = "an amount in quotes, as \"0.35\", with at most six digits after the point";
        let per_million = section.parse("per_million", expected, Money::parse);
        if !section.has("per_million") {
            section.problem("per_million", "is needed: the price of a million");
        }
        Some(Step { up_to, per_million: per_million? })
    });
    let steps: Vec<Step> = steps.into_iter().collect::<Option<_>>()?;
    let currency = currency.unwrap_or_else(|| "USD".to_owned());
    let list = PriceList { name, currency, charged, steps };
    if let Some(problem) = list.problem() {
        section.problem("step", problem);
        return None;
    }
    Some(list)
}
