//! Reports as they are printed, of tenants with all kinds of names.

use rowhouse_tenancy::price::{Money, PriceList, Split};

use super::line::{Lines, Used};
use super::reading::Read;
use super::*;

fn used(units: u64) -> Used {
    Used { requests: 2, charged: 1, units, database_us: 1500, ..Used::default() }
}

fn report(names: &[&str], terms: &Terms, check: impl Fn(&print::Report<'_>)) {
    let mut lines = Lines::new();
    for (index, name) in names.iter().enumerate() {
        lines.insert(((*name).to_owned(), String::new()), used(10_000_000 * (index as u64 + 1)));
    }
    let costs = bill::costs(&lines, terms);
    let lines = bill::priced(lines, &costs);
    let read = Read::default();
    let month = Month::parse("2026-10").unwrap();
    check(&print::Report { month, by: None, terms, lines, read: &read });
}

#[test]
fn months() {
    for text in
        ["2026", "2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "２026-01", "+026-01"]
    {
        assert!(Month::parse(text).is_err(), "{text}");
    }
    assert_eq!(Month::parse("1970-01").unwrap().hours(), (0, 31 * 24));
    assert_eq!(Month::parse("1970-02").unwrap().hours(), (31 * 24, 59 * 24));
    assert_eq!(Month::parse("2026-12").unwrap().to_string(), "2026-12");
    let (begin, end) = Month::parse("9999-12").unwrap().hours();
    assert!(begin <= end);
}

/// No name acts on a terminal or in a spreadsheet, and JSON has each as it is.
#[test]
fn hostile_names() {
    let names = [
        "=cmd|' /C calc'!A0",
        "+1",
        "-2+3",
        "@SUM(A1)",
        "a,b",
        "quo\"te",
        "right\u{202e}tfel",
        "\u{200b}",
        "日本",
    ];
    report(&names, &Terms::List(PriceList::rds_data_api()), |report| {
        let csv = report.csv_text();
        let shown: Vec<&str> =
            csv.lines().skip(1).filter_map(|line| line.strip_prefix("2026-10,")).collect();
        assert_eq!(shown.len(), names.len());
        for field in &shown {
            assert!(!field.starts_with(['=', '+', '-', '@']), "{field}");
        }
        assert!(shown.iter().any(|line| line.starts_with("\"'=cmd|' /C calc'!A0\",")), "{csv}");
        assert!(shown.iter().any(|line| line.starts_with("\"quo\"\"te\",")), "{csv}");
        let table = report.table_text(true);
        assert!(!table.contains(['\u{202e}', '\u{200b}', '\u{1b}']), "{table}");
        assert!(table.contains("right\\u{202e}tfel"), "{table}");
        let json = report.json_value();
        let lines = json["usage"].as_array().unwrap();
        for name in names {
            assert!(lines.iter().any(|line| line["tenant"] == name), "{name}");
        }
    });
}

#[test]
fn money_of_lists_and_bills() {
    report(&["a", "b"], &Terms::List(PriceList::rds_data_api()), |report| {
        let costs: Vec<String> = report.lines.iter().map(|line| line.cost.to_string()).collect();
        assert_eq!(costs, ["7.000000", "3.500000"]);
        assert_eq!(report.json_value()["total"]["cost"], "10.500000");
        assert!(report.table_text(false).contains("0.35 up to 1,000,000,000, 0.2 beyond."));
    });
    let bill = Money::parse("100").unwrap();
    report(&["a", "b"], &Terms::Bill(bill, Split::Both), |report| {
        let costs: Vec<String> = report.lines.iter().map(|line| line.cost.to_string()).collect();
        assert_eq!(costs, ["58.333333", "41.666667"]);
        assert!(report.table_text(true).contains("█"));
    });
    report(&[], &Terms::Bill(bill, Split::Units), |report| {
        assert_eq!(report.json_value()["total"]["cost"], "0.000000");
        assert!(report.table_text(true).contains("total"));
    });
}
