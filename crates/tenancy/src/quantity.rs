//! Durations and sizes as people write them: `45s`, `4MiB`, always with the unit.

use std::time::Duration;

/// Units of time and their length in nanoseconds, the largest first for [`write_duration`].
/// PostgreSQL writes minutes `min`, since `m` alone could be taken for months or metres.
const TIME_UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Units of size and their bytes.
const SIZE_UNITS: [(&str, u64); 4] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `50ms`, `45s`, `3min`, `24h`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    parse_quantity(text, &TIME_UNITS).map(Duration::from_nanos)
}

/// Writes a duration in the largest unit that leaves no fraction.
pub fn write_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    TIME_UNITS
        .iter()
        .find(|(_, unit)| nanos != 0 && nanos.is_multiple_of(*unit))
        .map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", nanos / unit))
}

/// Reads `4MiB`, `64KiB`, `512B`.
pub fn parse_size(text: &str) -> Option<u64> {
    parse_quantity(text, &SIZE_UNITS)
}

/// Writes a size in the largest unit that leaves no fraction.
pub fn write_size(bytes: u64) -> String {
    SIZE_UNITS
        .iter()
        .rev()
        .find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit))
        .map_or_else(|| "0B".to_owned(), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// Digits, perhaps a space, a unit; nothing that does not fit into 64 bits.
fn parse_quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests;
