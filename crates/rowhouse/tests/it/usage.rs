//! What tenants have used: every answer is counted once, whoever dies, and priced as it is written.

mod events;
mod full;
mod ground;
mod killed;

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::stand::Stand;
use crate::wire::client::Client;
use ground::Meter;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "usage",
        &[
            ("what_counts_and_what_it_costs", what_counts),
            ("two_gateways_add_up", two_gateways),
            ("a_segment_that_comes_back_is_not_added_again", a_segment_comes_back),
            ("names_do_nothing", names_do_nothing),
            ("tenants_have_no_business_there", tenants_have_no_business_there),
            ("a_journal_has_one_gateway", one_gateway),
            ("months_end", months_end),
        ],
    );
    cases.extend(killed::cases());
    cases.extend(full::cases());
    cases.extend(events::cases());
    cases
}

/// The one line of a tenant and an operation.
fn of<'v>(report: &'v Value, tenant: &str, operation: &str) -> &'v Value {
    let lines = report["usage"].as_array().unwrap();
    let found =
        lines.iter().find(|line| line["tenant"] == tenant && line["operation"] == operation);
    found.unwrap_or_else(|| panic!("{tenant} has no {operation}: {report}"))
}

fn what_counts(stand: &Stand) {
    let meter = Meter::new(stand, "usage_counts");
    let mut gateway = meter.gateway();
    let one = gateway.tenant("tenant_1");
    for _ in 0..3 {
        one.execute("select id from note").ok();
    }
    one.execute("select 1 / 0").fails_with("22012");
    one.execute(&format!("select repeat('x', {})", 40 * 1024)).ok();
    let transaction = one.begin();
    transaction.execute("select 1").ok();
    transaction.rollback().ok();
    gateway.nobody().execute("select 1").fails("AccessDeniedException", "");
    let mut client = Client::login(&gateway, "two", "it");
    assert_eq!(client.ask("select 1 union all select 2").shown(), "1;2");
    assert!(client.ask("select nothing").error.is_some());
    // Before anything is added up, and after.
    for stopped in [false, true] {
        if stopped {
            assert!(gateway.process.stop().success());
        }
        let report = meter.report(&["--by", "operation"]);
        let statements = of(&report, "tenant_1", "ExecuteStatement");
        let expected = json!([6, 6, 7, 11, 1]);
        let fields = ["requests", "charged", "units", "rows", "errors"];
        assert_eq!(json!(fields.map(|field| &statements[field])), expected, "{report}");
        assert!(statements["bytes_out"].as_u64().unwrap() > 40 * 1024);
        assert!(statements["database_us"].as_u64().unwrap() > 0);
        assert_eq!(of(&report, "tenant_1", "BeginTransaction")["requests"], 1);
        assert_eq!(of(&report, "tenant_1", "RollbackTransaction")["units"], 1);
        let talk = of(&report, "tenant_2", "Conversation");
        assert_eq!(json!(fields.map(|field| &talk[field])), json!([2, 2, 2, 2, 1]), "{report}");
        let nobody =
            report["usage"].as_array().unwrap().iter().find(|line| line["tenant"].is_null());
        let nobody = nobody.unwrap();
        assert_eq!(json!([nobody["refused"], nobody["units"]]), json!([1, 0]), "{report}");
        assert_eq!(report["total"]["requests"], 11);
        // Some may have been added up when the gateway began.
        assert!(!stopped || report["not_folded"] == 0, "{report}");
        assert_eq!(report["in_doubt"], 0);
    }
    let bill = meter.report(&["--bill", "10", "--split", "units", "--tenant", "tenant_1"]);
    assert_eq!(bill["usage"][0]["cost"], "8.181818", "9 of 11 units: {bill}");
    let list = meter.report(&["--price-list", "dear"]);
    assert_eq!(list["total"]["cost"], "11.000000");
    let csv = meter.done(&["--format", "csv", "--by", "day"]);
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.starts_with("month,tenant,day,requests,charged,units,"), "{csv}");
    let table = meter.done(&[]);
    assert!(table.contains("tenant_1") && table.contains("(no tenant)"), "{table}");
    assert!(!table.contains('█'), "bars are for terminals: {table}");
    let elsewhere = meter.report(&["--month", "2001-02"]);
    assert_eq!(elsewhere["usage"], json!([]));
    for wrong in [&["--month", "2026-13"][..], &["--bill", "-1"], &["--by", "moon"]] {
        assert_eq!(meter.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(meter.run(&["--price-list", "none"]).status.code(), Some(1));
}

fn two_gateways(stand: &Stand) {
    let meter = Meter::new(stand, "usage_two");
    let other = Folder::new("usage-other");
    let mut first = meter.gateway_with(&[("USAGE__FOLD_INTERVAL", "100ms")]);
    let directory = other.file("journal");
    let folder = directory.to_str().unwrap();
    let settings = [("USAGE__FOLD_INTERVAL", "100ms"), ("USAGE__JOURNAL_DIR", folder)];
    let mut second = meter.gateway_with(&settings);
    let people: Vec<_> = [&first, &second].map(|gateway| gateway.tenant("tenant_1")).into();
    for _ in 0..20 {
        for person in &people {
            person.execute("select 1").ok();
        }
    }
    meter.wait_for_sum(40);
    assert!(first.process.stop().success() && second.process.stop().success());
    assert_eq!(meter.sum(), 40);
    let gateways = "select count(distinct gateway) from rowhouse.usage_segment";
    assert_eq!(meter.direct().value(gateways), "2");
    assert_eq!(meter.segments().len(), 0, "what is added up is removed");
}

/// As after a power cut that undoes the removal of a file, or when somebody restores a folder.
fn a_segment_comes_back(stand: &Stand) {
    let meter = Meter::new(stand, "usage_back");
    let mut gateway = meter.gateway();
    gateway.tenant("tenant_1").execute("select 1").ok();
    gateway.process.kill();
    let left = meter.segments();
    assert_eq!(left.len(), 1);
    let (name, content) = left.into_iter().next().unwrap();
    for _ in 0..2 {
        let mut gateway = meter.gateway();
        gateway.tenant("tenant_1").execute("select 1").ok();
        assert!(gateway.process.stop().success());
        std::fs::write(meter.journal().join(&name), &content).unwrap();
        // Torn ones as well, and what is no segment.
        let torn = content.get(..100).unwrap();
        std::fs::write(meter.journal().join(format!("torn-{name}")), torn).unwrap();
        std::fs::write(meter.journal().join("nothing.usage"), b"").unwrap();
        std::fs::write(meter.journal().join("noise.usage"), [7; 1000]).unwrap();
    }
    let mut gateway = meter.gateway();
    assert!(gateway.process.stop().success());
    assert_eq!(meter.sum(), 3);
}

const NAMES: [&str; 7] = [
    "=cmd|' /C calc'!A0",
    "'; drop table rowhouse.usage_hour; --",
    "{\"tenant\": \"other\"}",
    "right\u{202e}tfel",
    "a,\"b\",c",
    "\\u0000 $1 %s {}",
    "名前",
];

fn names_do_nothing(stand: &Stand) {
    let meter = Meter::new(stand, "usage_names");
    let mut gateway = meter.gateway();
    let long = "n".repeat(255);
    for name in NAMES.into_iter().chain([long.as_str()]) {
        gateway.tenant(name).execute("select 1").ok();
    }
    for stopped in [false, true] {
        if stopped {
            assert!(gateway.process.stop().success());
        }
        let report = meter.report(&[]);
        let lines = report["usage"].as_array().unwrap();
        for name in NAMES.into_iter().chain([long.as_str()]) {
            let line = lines.iter().find(|line| line["tenant"] == name);
            assert_eq!(line.unwrap_or_else(|| panic!("{name}: {report}"))["requests"], 1);
            let one = meter.report(&["--tenant", name]);
            assert_eq!(one["usage"].as_array().unwrap().len(), 1, "{name}");
        }
        let csv = meter.done(&["--format", "csv"]);
        assert!(csv.contains(",\"'=cmd|' /C calc'!A0\","), "{csv}");
        assert!(!meter.done(&[]).contains('\u{202e}'));
    }
}

fn tenants_have_no_business_there(stand: &Stand) {
    let meter = Meter::new(stand, "usage_rights");
    let mut gateway = meter.gateway();
    gateway.tenant("tenant_1").execute("select 1").ok();
    assert!(gateway.process.stop().success());
    let mut direct = meter.direct();
    for table in ["usage_hour", "usage_segment", "usage_event"] {
        for right in ["select", "insert", "update", "delete", "truncate"] {
            let sql =
                format!("select has_table_privilege('app_user', 'rowhouse.{table}', '{right}')");
            assert_eq!(direct.value(&sql), "f", "{right} on {table}");
        }
    }
}

fn one_gateway(stand: &Stand) {
    let meter = Meter::new(stand, "usage_lock");
    let _gateway = meter.gateway();
    let output = meter.serve_once();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("usage.journal_dir of its own"), "{told}");
}

fn months_end(stand: &Stand) {
    let meter = Meter::new(stand, "usage_months");
    assert!(meter.gateway().process.stop().success());
    let mut direct = meter.direct();
    for months in [0, 1, 2, 40] {
        direct.query(&format!(
            "insert into rowhouse.usage_hour select date_trunc('month', now() at time zone 'UTC') \
             at time zone 'UTC' - interval '{months} months', 't', 'ExecuteStatement', 'ok', 1, \
             26280000, 0, 0, 0, 0, 0"
        ));
    }
    let last = "select to_char(date_trunc('month', now() at time zone 'UTC') \
                - interval '1 month', 'YYYY-MM')";
    let last = meter.report(&["--month", &direct.value(last), "--price-list", "rds-data-api"]);
    assert_eq!(last["total"]["cost"], "9.198000", "the worked example of the architecture");
    let mut gateway = meter.gateway_with(&[("USAGE__RETENTION_MONTHS", "2")]);
    assert!(gateway.process.stop().success());
    assert_eq!(direct.value("select count(*) from rowhouse.usage_hour"), "2");
}
