//! Zoned PostgreSQL times as UTC text without an offset, the way the service returns them.
//!
//! The gateway runs its sessions with `TimeZone=UTC`, so normally only `+00` is cut. A caller may
//! still set another zone in its own transaction; then the clock and, if need be, the date are
//! moved. PostgreSQL's years run from 4714 BC to 294276 AD, more than a calendar library covers,
//! and an offset is less than a day: moving to the day before or after is all that is needed.

use std::borrow::Cow;
use std::fmt::Write;

const DAY_SECONDS: i32 = 86_400;

/// `2024-01-15 10:30:00.123+05:30` → `2024-01-15 05:00:00.123`. What is not an ISO timestamp with
/// an offset (`infinity`, another DateStyle) is returned as it is.
pub(crate) fn timestamp_in_utc(text: &str) -> Cow<'_, str> {
    if let Some(utc) = text.strip_suffix("+00") {
        return Cow::Borrowed(utc);
    }
    moved_timestamp(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// `22:41:04.968123+02` → `20:41:04.968123`; a time of day wraps around midnight.
pub(crate) fn time_in_utc(text: &str) -> Cow<'_, str> {
    if let Some(utc) = text.strip_suffix("+00") {
        return Cow::Borrowed(utc);
    }
    moved_time(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn moved_timestamp(text: &str) -> Option<String> {
    let (moment, bc) = match text.strip_suffix(" BC") {
        Some(moment) => (moment, true),
        None => (text, false),
    };
    let (date, clock) = moment.split_once(' ')?;
    let (seconds, fraction) = utc_clock(clock)?;
    let date = Date::parse(date, bc)?;
    let date = match seconds {
        ..0 => date.day_before(),
        DAY_SECONDS.. => date.day_after(),
        _ => date,
    };
    let mut moved = String::with_capacity(text.len());
    date.write(&mut moved);
    moved.push(' ');
    write_clock(&mut moved, seconds.rem_euclid(DAY_SECONDS), fraction);
    if date.year <= 0 {
        moved.push_str(" BC");
    }
    Some(moved)
}

fn moved_time(text: &str) -> Option<String> {
    let (seconds, fraction) = utc_clock(text)?;
    let mut moved = String::with_capacity(text.len());
    write_clock(&mut moved, seconds.rem_euclid(DAY_SECONDS), fraction);
    Some(moved)
}

/// `hh:mm:ss[.fraction](+|-)hh[:mm[:ss]]` → seconds of the day in UTC (below zero or beyond the day
/// when the date moves) and the fraction with its point.
fn utc_clock(text: &str) -> Option<(i32, &str)> {
    let (local, offset) = text.split_at_checked(text.rfind(['+', '-'])?)?;
    let (clock, fraction) = match local.find('.') {
        Some(point) => local.split_at_checked(point)?,
        None => (local, ""),
    };
    let mut parts = clock.split(':');
    let seconds = hours_minutes_seconds(&mut parts)?;
    let behind = offset.starts_with('-');
    let offset = hours_minutes_seconds(&mut offset.get(1..)?.split(':'))?;
    (offset < DAY_SECONDS).then_some(())?;
    Some((if behind { seconds + offset } else { seconds - offset }, fraction))
}

fn hours_minutes_seconds<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<i32> {
    let hours = two_digits(parts.next()?)?;
    let minutes = parts.next().map_or(Some(0), two_digits)?;
    let seconds = parts.next().map_or(Some(0), two_digits)?;
    parts.next().is_none().then_some(hours * 3600 + minutes * 60 + seconds)
}

fn two_digits(text: &str) -> Option<i32> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn write_clock(out: &mut String, seconds: i32, fraction: &str) {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a String cannot fail.
    let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}{fraction}");
}

/// A day of the proleptic Gregorian calendar with astronomical years: 1 BC is year 0.
#[derive(Clone, Copy)]
struct Date {
    year: i32,
    month: i32,
    day: i32,
}

impl Date {
    fn parse(text: &str, bc: bool) -> Option<Date> {
        let mut parts = text.split('-');
        let written: i32 =
            parts.next()?.parse().ok().filter(|year| (1..=999_999).contains(year))?;
        let year = if bc { 1 - written } else { written };
        let month = two_digits(parts.next()?).filter(|month| (1..=12).contains(month))?;
        let day = two_digits(parts.next()?)?;
        let date = Date { year, month, day };
        (parts.next().is_none() && (1..=date.days_in_month()).contains(&day)).then_some(date)
    }

    fn days_in_month(self) -> i32 {
        match self.month {
            2 if self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_before(self) -> Date {
        if self.day > 1 {
            return Date { day: self.day - 1, ..self };
        }
        let first = match self.month {
            1 => Date { year: self.year - 1, month: 12, day: 1 },
            month => Date { month: month - 1, ..self },
        };
        Date { day: first.days_in_month(), ..first }
    }

    fn day_after(self) -> Date {
        if self.day < self.days_in_month() {
            return Date { day: self.day + 1, ..self };
        }
        match self.month {
            12 => Date { year: self.year + 1, month: 1, day: 1 },
            month => Date { month: month + 1, day: 1, ..self },
        }
    }

    fn write(self, out: &mut String) {
        let written = if self.year > 0 { self.year } else { 1 - self.year };
        // Writing to a String cannot fail.
        let _ = write!(out, "{written:04}-{:02}-{:02}", self.month, self.day);
    }
}

#[cfg(test)]
mod tests;
