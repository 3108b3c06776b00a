//! Requests in a day and in a month, by the calendar of UTC.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::identity::now_unix;

const SECONDS_PER_DAY: u64 = 86_400;

/// What day it is. Asked for each request that has a quota, so the month is looked up once a day.
#[derive(Default)]
pub struct Calendar {
    today: Cell<Option<Today>>,
}

/// A day and its month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today {
    /// Days since 1970.
    pub day: u64,
    /// Months since the year 0.
    pub month: u64,
    /// Days since 1970 on the first day of this month.
    this_month: u64,
    /// The same of the next month.
    next_month: u64,
    /// Seconds since 1970, now.
    now: u64,
}

/// What has been used of a quota in the period that runs.
#[derive(Debug, Default)]
pub struct Quota {
    period: AtomicU64,
    used: AtomicU64,
}

impl Calendar {
    /// The day and the month of now.
    pub fn today(&self) -> Today {
        let now = now_unix();
        let day = now / SECONDS_PER_DAY;
        match self.today.get() {
            Some(today) if today.day == day => Today { now, ..today },
            _ => {
                let today = Today::at(now);
                self.today.set(Some(today));
                today
            }
        }
    }
}

impl Today {
    /// The day that a second (Unix time) is in.
    pub fn at(now: u64) -> Today {
        let day = now / SECONDS_PER_DAY;
        let second = i64::try_from(now).unwrap_or(i64::MAX);
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        let date = at.to_zoned(TimeZone::UTC).date();
        let month = u64::try_from(i64::from(date.year()) * 12 + i64::from(date.month()));
        let first = date.first_of_month();
        let next_month = first.checked_add(1.month()).map_or(day + 31, days);
        Today { day, month: month.unwrap_or(0), this_month: days(first), next_month, now }
    }

    /// Seconds until the next day.
    pub fn day_left(&self) -> u64 {
        ((self.day + 1) * SECONDS_PER_DAY).saturating_sub(self.now)
    }

    /// Days of this month.
    pub fn month_days(&self) -> u64 {
        self.next_month.saturating_sub(self.this_month)
    }

    /// Seconds until the next month.
    pub fn month_left(&self) -> u64 {
        (self.next_month * SECONDS_PER_DAY).saturating_sub(self.now)
    }
}

fn days(date: Date) -> u64 {
    let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC).date();
    let span = date.since(epoch).map_or(0, |span| span.get_days());
    u64::try_from(span).unwrap_or(0)
}

impl Quota {
    /// Takes one of `max` of this period; false where none is left.
    pub fn take(&self, period: u64, max: u64) -> bool {
        self.turn(period);
        let take = |used: u64| (used < max).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Gives one back that was taken for nothing.
    pub fn give_back(&self) {
        let back = |used: u64| Some(used.saturating_sub(1));
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
    }

    /// How much of `max` is left in this period.
    pub fn left(&self, period: u64, max: u64) -> u64 {
        self.turn(period);
        max.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// A new period begins with nothing used, and none comes back. Whoever is first empties the
    /// count; a request that comes at that very moment may be counted in the period before.
    fn turn(&self, period: u64) {
        if self.period.load(Ordering::Relaxed) < period
            && self.period.fetch_max(period, Ordering::Relaxed) < period
        {
            self.used.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
