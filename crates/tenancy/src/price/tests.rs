//! Prices and shares, case by case: the worked example that everybody can check by hand first.

use super::*;

const BILLION: u64 = 1_000_000_000;

#[test]
fn money() {
    for (text, micros) in [
        ("0.35", 350_000),
        ("0", 0),
        ("9", 9_000_000),
        ("1200.50", 1_200_500_000),
        ("0.000001", 1),
        ("1000000000000", 1_000_000_000_000_000_000),
    ] {
        assert_eq!(Money::parse(text), Some(Money(micros)), "{text}");
    }
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "0.0000001",
        "1,5",
        " 1",
        "1000000000001",
        "٣",
        "NaN",
    ] {
        assert_eq!(Money::parse(text), None, "{text}");
    }
    for (micros, cents, exact) in [
        (0, "0.00", "0.000000"),
        (9_198_000, "9.20", "9.198000"),
        (4_999, "0.00", "0.004999"),
        (5_000, "0.01", "0.005000"),
        (u64::MAX, "18446744073709.55", "18446744073709.551615"),
    ] {
        assert_eq!(
            (Money(micros).to_cents().as_str(), Money(micros).to_string().as_str()),
            (cents, exact)
        );
    }
}

/// The first four are the worked example of the reference architecture: ten requests a second for
/// 730 hours, and six that take two units each.
#[test]
fn the_price_list_of_the_data_api() {
    let list = PriceList::rds_data_api();
    assert_eq!(list.problem(), None);
    for (units, cost) in [
        (10 * 3600 * 730, "9.198000"),
        (26_280_000, "9.198000"),
        (31_520_000, "11.032000"),
        (2 * 6 * 3600 * 730, "11.037600"),
        (0, "0.000000"),
        (1, "0.000000"),
        (2, "0.000001"),
        (BILLION, "350.000000"),
        (BILLION + 1, "350.000000"),
        (BILLION + 5, "350.000001"),
        (3 * BILLION, "750.000000"),
    ] {
        assert_eq!(list.cost(units).to_string(), cost, "{units}");
    }
    assert_eq!(list.cost(26_280_000).to_cents(), "9.20");
    assert_eq!(list.cost(31_520_000).to_cents(), "11.03");
}

fn list(steps: &[(Option<u64>, u64)]) -> PriceList {
    let step =
        |(up_to, micros): &(Option<u64>, u64)| Step { up_to: *up_to, per_million: Money(*micros) };
    PriceList { steps: steps.iter().map(step).collect(), ..PriceList::rds_data_api() }
}

#[test]
fn scales() {
    assert_eq!(list(&[(None, u64::MAX)]).cost(u64::MAX), Money(u64::MAX));
    let free = list(&[(Some(1000), 0), (Some(2000), 1_000_000), (None, 500_000)]);
    for (count, micros) in [(1000, 0), (1001, 1), (2000, 1000), (3000, 1500)] {
        assert_eq!(free.cost(count), Money(micros), "{count}");
    }
    for steps in [
        &[][..],
        &[(Some(5), 1)],
        &[(None, 1), (None, 2)],
        &[(Some(5), 1), (Some(5), 2), (None, 1)],
        &[(Some(0), 1), (None, 1)],
    ] {
        assert!(list(steps).problem().is_some(), "{steps:?}");
    }
}

#[test]
fn bills_are_split_to_the_last_millionth() {
    let bill = Money(1_000_000);
    for (by, used, expected) in [
        (Split::Units, &[(0, 1), (0, 1), (0, 1)][..], &[333_334, 333_333, 333_333][..]),
        (Split::DatabaseTime, &[(3, 0), (1, 9)], &[750_000, 250_000]),
        (Split::Both, &[(3, 0), (1, 1)], &[375_000, 625_000]),
        (Split::Both, &[(0, 1), (0, 3)], &[250_000, 750_000]),
        (Split::Both, &[(1, 0), (3, 0)], &[250_000, 750_000]),
        (Split::Units, &[(0, u64::MAX), (0, u64::MAX)], &[500_000, 500_000]),
        (Split::Units, &[(0, 0), (0, 2)], &[0, 1_000_000]),
    ] {
        let shares = split(bill, by, used).unwrap();
        assert_eq!(shares, expected.iter().copied().map(Money).collect::<Vec<_>>(), "{used:?}");
        assert_eq!(shares.iter().map(|share| share.0).sum::<u64>(), bill.0);
    }
    for by in [Split::Units, Split::DatabaseTime, Split::Both] {
        assert_eq!(split(bill, by, &[(0, 0)]), None);
        assert_eq!(split(bill, by, &[]), None);
    }
}
