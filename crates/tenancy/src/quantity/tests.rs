//! What is a duration or a size, and what is not.

#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn durations_are_read_and_written_back() {
    for (text, millis) in [("50ms", 50), ("45s", 45_000), ("3min", 180_000), ("24h", 86_400_000)] {
        let duration = parse_duration(text).unwrap();
        assert_eq!(duration, Duration::from_millis(millis), "{text}");
        assert_eq!(write_duration(duration), text);
    }
    assert_eq!(write_duration(Duration::ZERO), "0s");
    assert_eq!(write_duration(Duration::from_secs(90)), "90s");
    assert_eq!(parse_duration(" 2 min "), Some(Duration::from_secs(120)));
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", "45", "s", "-1s", "1.5s", "1m", "1S", "1 s s", "９s", "99999999999999999999s"]
    {
        assert_eq!(parse_duration(text), None, "{text}");
    }
    assert_eq!(parse_duration("18446744073709551615h"), None);
}

#[test]
fn sizes_have_binary_units() {
    for (text, bytes) in
        [("1B", 1), ("64KiB", 65_536), ("4MiB", 4_194_304), ("1 GiB", 1 << 30), ("1025B", 1025)]
    {
        assert_eq!(parse_size(text), Some(bytes), "{text}");
        assert_eq!(write_size(bytes), text.replace(' ', ""));
    }
    assert_eq!(write_size(0), "0B");
    for text in ["4MB", "4M", "4mib", "17179869184GiB", "4"] {
        assert_eq!(parse_size(text), None, "{text}");
    }
}
