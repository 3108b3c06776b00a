//! What is a limit, what is not, and that nothing is lost on the way to text and back.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

#[test]
fn assignments() {
    let cases = [
        ("requests_per_second=50", Ok("50")),
        (" burst = 200 ", Ok("200")),
        ("concurrency=100000", Ok("100000")),
        ("concurrency=100001", Err("concurrency must be a whole number from 1 to 100000")),
        ("requests_per_month=1000000000000000", Ok("1000000000000000")),
        ("statement_timeout=1500ms", Ok("1500ms")),
        ("statement_timeout=90s", Ok("90s")),
        ("statement_timeout=24h", Ok("24h")),
        ("statement_timeout=30", Err("must be a time with its unit such as 30s, from 1ms to 24h")),
        ("statement_timeout=1us", Err("from 1ms to 24h")),
        ("statement_timeout=25h", Err("from 1ms to 24h")),
        ("result_bytes_max=4MiB", Ok("4MiB")),
        ("result_bytes_max=4194304", Ok("4MiB")),
        ("result_bytes_max=1025", Ok("1025B")),
        ("result_bytes_max=1023", Err("must be a size such as 4MiB, from 1KiB to 1GiB")),
        ("burst=0", Err("burst must be a whole number from 1 to 1000000")),
        ("burst=-1", Err("burst must be")),
        ("burst=+1", Err("burst must be")),
        ("burst=1.5", Err("burst must be")),
        ("burst=٣", Err("burst must be")),
        ("burst=99999999999999999999999", Err("burst must be")),
        ("burst", Err("write name=value")),
        ("", Err("write name=value")),
        ("=5", Err("there is no limit \"\"; there are requests_per_second, burst,")),
        ("Burst=5", Err("there is no limit \"Burst\"")),
        ("a\nb=5", Err("there is no limit \"a\\nb\"")),
    ];
    for (text, expected) in cases {
        let mut limits = Limits::default();
        match (limits.assign(text), expected) {
            (Ok(()), Ok(value)) => {
                let shown: Vec<String> = limits.entries().map(|(_, value)| value).collect();
                assert_eq!(shown, [value], "{text}");
            }
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{text}: {error}");
                assert!(limits.is_empty(), "{text}");
            }
            (got, _) => panic!("{text}: {got:?}"),
        }
    }
}

#[test]
fn an_empty_value_takes_a_limit_away() {
    let mut limits = Limits { burst: Some(5), concurrency: Some(2), ..Limits::default() };
    limits.assign("burst=").unwrap();
    assert_eq!(limits, Limits { concurrency: Some(2), ..Limits::default() });
    limits.assign("concurrency=").unwrap();
    assert!(limits.is_empty());
}

#[test]
fn own_limits_win_over_those_of_the_tier() {
    let own = Limits { burst: Some(5), requests_per_day: Some(9), ..Limits::default() };
    let tier = Limits {
        burst: Some(100),
        statement_timeout: Some(Duration::from_secs(3)),
        ..Limits::default()
    };
    let both = own.over(&tier);
    let expected = Limits { requests_per_day: Some(9), ..tier };
    assert_eq!(both, Limits { burst: Some(5), ..expected });
    assert_eq!(Limits::default().over(&tier), tier);
    assert_eq!(own.over(&Limits::default()), own);
}

#[test]
fn objects() {
    let cases = [
        ("{}", Ok(vec![])),
        (
            r#"{"burst":5,"statement_timeout":"2s"}"#,
            Ok(vec![("burst", "5"), ("statement_timeout", "2s")]),
        ),
        (r#"{"result_bytes_max":2048}"#, Ok(vec![("result_bytes_max", "2KiB")])),
        (r#"{"result_bytes_max":"2KiB"}"#, Ok(vec![("result_bytes_max", "2KiB")])),
        (r#"{"burst":null}"#, Ok(vec![])),
        (r#"{"burst":"5"}"#, Err("burst must be")),
        (r#"{"burst":5.5}"#, Err("burst must be")),
        (r#"{"burst":-5}"#, Err("burst must be")),
        (r#"{"burst":[5]}"#, Err("burst must be")),
        (r#"{"statement_timeout":30}"#, Err("statement_timeout must be")),
        (r#"{"bursts":5}"#, Err("there is no limit \"bursts\"")),
        ("[]", Err("limits are a JSON object")),
        ("", Err("limits are a JSON object")),
        ("{\"burst\":5", Err("limits are a JSON object")),
    ];
    for (text, expected) in cases {
        match (Limits::from_json(text), expected) {
            (Ok(limits), Ok(entries)) => {
                let shown: Vec<_> =
                    limits.entries().map(|(key, text)| (key.as_str(), text)).collect();
                let shown: Vec<_> = shown.iter().map(|(key, text)| (*key, text.as_str())).collect();
                assert_eq!(shown, entries, "{text}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }
    let long = format!("{{{}}}", " ".repeat(LIMITS_JSON_BYTES_MAX));
    assert_eq!(Limits::from_json(&long), Err(InvalidLimit::NotAnObject));
}

#[test]
fn a_reader_takes_what_it_knows() {
    let text = r#"{"burst":5,"concurrency":0,"requests_per_parsec":1}"#;
    let (limits, ignored) = Limits::read_json(text).unwrap();
    assert_eq!(limits, Limits { burst: Some(5), ..Limits::default() });
    let unknown = InvalidLimit::Unknown("requests_per_parsec".to_owned());
    assert_eq!(ignored, [InvalidLimit::Value(Limit::Concurrency), unknown]);
}

#[test]
fn a_merge_is_whole_or_nothing() {
    let object = |text: &str| serde_json::from_str(text).unwrap();
    let mut limits = Limits { burst: Some(5), ..Limits::default() };
    limits.merge_json(&object(r#"{"burst":null,"concurrency":3}"#)).unwrap();
    assert_eq!(limits, Limits { concurrency: Some(3), ..Limits::default() });
    let before = limits.clone();
    assert!(limits.merge_json(&object(r#"{"burst":7,"nothing":3}"#)).is_err());
    assert_eq!(limits, before);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(values in proptest::array::uniform9(any::<Option<u64>>())) {
        let mut limits = Limits::default();
        for (limit, value) in Limit::ALL.into_iter().zip(values) {
            let range = limit.range();
            limits.put(limit, value.map(|value| value.clamp(*range.start(), *range.end())));
        }
        prop_assert_eq!(&Limits::from_json(&limits.to_json().to_string()), &Ok(limits.clone()));
        let mut assigned = Limits::default();
        for (limit, text) in limits.entries() {
            prop_assert_eq!(assigned.assign(&format!("{}={text}", limit.as_str())), Ok(()));
        }
        prop_assert_eq!(assigned, limits);
    }

    #[test]
    fn any_text_is_a_limit_or_an_error(text in "(?s).{0,40}|[a-z_]{1,30}=.{0,20}|\\{.{0,40}\\}") {
        let _ = Limits::default().assign(&text);
        let _ = Limits::read_json(&text);
    }
}
