//! The time of signing, in the two spellings that the protocol allows.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// A second in UTC, not before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant {
    unix_s: u64,
    civil: DateTime,
}

impl Instant {
    /// ISO 8601 basic format, `20150830T123600Z`, and nothing else of ISO 8601.
    pub(super) fn parse_basic(text: &[u8]) -> Option<Self> {
        let [y1, y2, y3, y4, mo1, mo2, d1, d2, b'T', h1, h2, mi1, mi2, s1, s2, b'Z'] = *text else {
            return None;
        };
        let year = number(&[y1, y2, y3, y4])?;
        let [month, day] = [number(&[mo1, mo2])?, number(&[d1, d2])?];
        let [hour, minute, second] = [number(&[h1, h2])?, number(&[mi1, mi2])?, number(&[s1, s2])?];
        let small = |value: i16| i8::try_from(value).ok();
        let date = Date::new(year, small(month)?, small(day)?).ok()?;
        let time = Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
        Self::new(DateTime::from_parts(date, time))
    }

    /// The format of the HTTP `Date` header, `Sun, 30 Aug 2015 12:36:00 GMT` (RFC 9110 5.6.7).
    pub(super) fn parse_http(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let timestamp = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Self::new(TimeZone::UTC.to_datetime(timestamp))
    }

    pub(super) fn unix_s(&self) -> u64 {
        self.unix_s
    }

    /// `20150830`, as in the credential scope.
    pub(super) fn day(&self) -> String {
        let date = self.civil.date();
        format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
    }

    /// `20150830T123600Z`, as in the string to sign.
    pub(super) fn basic(&self) -> String {
        let time = self.civil.time();
        format!("{}T{:02}{:02}{:02}Z", self.day(), time.hour(), time.minute(), time.second())
    }

    fn new(civil: DateTime) -> Option<Self> {
        let timestamp = TimeZone::UTC.to_timestamp(civil).ok()?;
        Some(Self { unix_s: u64::try_from(timestamp.as_second()).ok()?, civil })
    }
}

/// Two to four ASCII digits.
fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        value.checked_mul(10)?.checked_add(i16::from(digit))
    })
}
