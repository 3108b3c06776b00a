//! The parts of the benchmark that could be wrong without anybody noticing.

use super::options::{Options, Part};
use super::pgbench::Summary;
use super::processes::Stat;
use super::report::median;

#[test]
fn options() {
    let parse = |text: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words).ok()
    };
    let options = parse("--rounds 7 --seconds 2 --connections 4,8 --json a.json").unwrap();
    assert_eq!((options.rounds, options.time.as_secs()), (7, 2));
    assert_eq!(options.connections, [4, 8]);
    assert_eq!(
        (options.part, parse("--sealed --rounds 3").unwrap().part),
        (Part::Doors, Part::Sealed)
    );
    assert_eq!(parse("--wire --program a").unwrap().part, Part::Wire);
    for bad in [
        "--rounds",
        "--rounds 0",
        "--rounds x",
        "--connections 4,,8",
        "--fast 1",
        "5",
        "--wire --sealed",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn medians() {
    let cases: [(&[f64], f64); 4] =
        [(&[], 0.0), (&[3.0], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)];
    for (values, expected) in cases {
        assert_eq!(median(values.iter().copied()), expected, "{values:?}");
    }
}

#[test]
fn process_statistics() {
    let text = "42 (a) b (c) S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 99 1 1";
    let stat = format!("{:?}", Stat::parse(text).unwrap());
    assert_eq!(stat, "Stat { parent: 7, ticks: 120.0, children_ticks: 7.0 }");
    for bad in ["", "42 (a", "42 (a) S 7", "42 (a) S x 1 1 0 -1 4 1 2 3 4 1 2 3 4"] {
        assert_eq!(Stat::parse(bad), None, "{bad}");
    }
}

#[test]
fn summaries_of_pgbench() {
    let good = "number of transactions actually processed: 33421\n\
                number of failed transactions: 0 (0.000%)\n\
                latency average = 0.957 ms\n\
                tps = 16712.345678 (without initial connection time)\n";
    let summary = Summary { rate: 16712.345678, average_ms: 0.957 };
    assert_eq!(Summary::parse(good), Some(summary));
    let none = good.replace("16712", "0").replace(".345678", "");
    for bad in [good.replace(": 0 (", ": 3 ("), good.replace("tps", "rate"), none, String::new()] {
        assert_eq!(Summary::parse(&bad), None, "{bad}");
    }
    let other = Summary { rate: 16712.345678, average_ms: 2.957 };
    let both = Summary::together(&[summary, other]);
    assert_eq!((both.rate, both.average_ms.round()), (33424.691356, 2.0));
}
