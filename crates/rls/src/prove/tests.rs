//! Attempts, out of small catalogs.

use super::attempt::{Command, Parameter, Statement, Step};
use super::report::{Facts, Proof, Tried, json, text};
use super::sample::{Sample, SampledTenant, subjects};
use super::*;
use crate::catalog::{Column, ForeignKey, Index, Relation};
use crate::prove::attempt::Way;
use crate::prove::judge::{Judged, Verdict};

fn column(number: i16, name: &str, type_name: &str) -> Column {
    Column {
        number,
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        not_null: true,
        update: true,
        ..Column::default()
    }
}

fn table(oid: u64, name: &str, columns: Vec<Column>) -> Relation {
    let privileges = ["SELECT", "INSERT", "UPDATE", "DELETE"].map(str::to_owned);
    Relation {
        oid,
        schema: "public".to_owned(),
        name: format!("public.{name}"),
        usage: true,
        privileges: privileges.into(),
        columns,
        ..Relation::default()
    }
}

/// Two tables: items of tenants, and lines that refer to items.
fn catalog() -> Catalog {
    let item =
        table(1, "item", vec![column(1, "tenant_id", "integer"), column(2, "id", "integer")]);
    let line = table(2, "line", vec![column(1, "item", "integer"), column(2, "note", "text")]);
    let key = ForeignKey {
        table: 2,
        columns: vec![1],
        referenced: 1,
        referenced_columns: vec![2],
        ..ForeignKey::default()
    };
    let unique = Index {
        table: 1,
        name: "public.item_id_key".to_owned(),
        unique: true,
        valid: true,
        columns: vec![2],
        ..Index::default()
    };
    Catalog {
        relations: [(1, item), (2, line)].into(),
        foreign_keys: vec![key],
        indexes: vec![unique],
        ..Catalog::default()
    }
}

fn tenant(name: &str, values: &[&str]) -> SampledTenant {
    let numbered = (1..).zip(values.iter().map(|value| Some((*value).to_owned())));
    SampledTenant { tenant: name.to_owned(), row: numbered.collect(), rows: 1 }
}

fn samples() -> Samples {
    let items = vec![tenant("1", &["1", "11"]), tenant("2", &["2", "22"])];
    let lines = vec![tenant("1", &["11", "a"]), tenant("2", &["22", "b'"])];
    let sample = |tenants| Sample { tenants, rows: Some(2), unknown: None };
    [(1, sample(items)), (2, sample(lines))].into()
}

fn found(samples: &Samples) -> Attempts {
    let intent = Intent { settings: vec!["app.tenant_id".to_owned()], ..Intent::default() };
    attempts(&catalog(), &Conventions::default(), samples, &intent)
}

#[test]
fn every_command_is_tried_on_every_table_and_named_once() {
    let found = found(&samples());
    assert_eq!(found.gaps, []);
    let mut ids = BTreeSet::new();
    assert!(found.attempts.iter().all(|one| ids.insert(one.id.clone())));
    for command in Command::COLUMNS {
        let tried = |object: &str| {
            let mut all = found.attempts.iter();
            all.any(|one| one.object == object && one.command == command)
        };
        assert!(tried("public.item"), "{command}");
        // Lines have no tenant to be moved to, and no key of their own.
        let none = [Command::Move, Command::Keys].contains(&command);
        assert_eq!(tried("public.line"), !none, "{command}");
    }
}

#[test]
fn the_last_statement_of_an_attempt() {
    let found = found(&samples());
    for (id, sql, values) in [
        (
            "public.item select: asks for its rows #1",
            "select 1 from public.item where tenant_id = $1::integer limit 1",
            &["2"][..],
        ),
        (
            "public.line delete: deletes a row of it #2",
            "delete from public.line where item = $1::integer and ctid = any (array(select ctid \
             from public.line where item = $1::integer limit 1))",
            &["11"],
        ),
        (
            "public.item insert: writes a row for it #1",
            "insert into public.item (tenant_id, id) overriding system value values \
             ($1::integer, $2::integer)",
            &["2", "22"],
        ),
        (
            "public.item keys: asks a unique key for its value #2",
            "insert into public.item (tenant_id, id) overriding system value values \
             ($1::integer, $2::integer) on conflict (id) do nothing",
            &["2", "11"],
        ),
    ] {
        let attempt = found.attempts.iter().find(|one| one.id == id).expect(id);
        let Some(Step::Run(statement)) = attempt.steps.last() else { panic!("{id}") };
        assert_eq!(statement.sql, sql);
        let own: Vec<_> = statement.parameters.iter().flat_map(|one| &one.value).collect();
        assert_eq!(own, values, "{id}");
    }
}

#[test]
fn what_cannot_be_proven_is_said() {
    let mut samples = samples();
    samples.get_mut(&1).unwrap().tenants.pop();
    samples.get_mut(&2).unwrap().unknown = Some("nobody may look".to_owned());
    samples.get_mut(&2).unwrap().tenants.clear();
    let gaps = found(&samples).gaps;
    let expected =
        [("public.item", "it has rows of one tenant only"), ("public.line", "nobody may look")];
    assert_eq!(gaps, expected.map(|(one, other)| (one.to_owned(), other.to_owned())));
}

#[test]
fn values_become_constants_where_they_stand() {
    let parameters: Vec<Parameter> = ["a'b", "$1"]
        .map(|text| Parameter { value: Some(text.to_owned()), meaning: String::new() })
        .into();
    for (sql, literal) in [
        ("select $1, $2", "select 'a''b', '$1'"),
        ("select '$1', \"$2\", $1", "select '$1', \"$2\", 'a''b'"),
        ("do $do$ begin $2 end $do$", "do $do$ begin '$1' end $do$"),
        ("select $0, $3, $", "select $0, $3, $"),
    ] {
        let parameters = parameters.clone();
        let statement = Statement { parameters, ..Statement::plain(sql) };
        assert_eq!(statement.literal(), literal);
    }
}

#[test]
fn questions_about_tables_are_bounded() {
    let catalog = catalog();
    for subject in subjects(&catalog, &Conventions::default()) {
        for sql in [subject.tenants_query(4), subject.count_query(), subject.row_query("x'y")] {
            assert!(sql.contains("limit"), "{sql}");
            assert!(!sql.contains("x'y"), "{sql}");
        }
        assert_eq!(subject.read_row("no row"), None);
    }
}

#[test]
fn a_report_shows_tenants_to_nobody_who_has_not_asked() {
    let found = found(&samples());
    let crossed = |attempt: &Attempt| Tried {
        attempt: attempt.clone(),
        way: Way::Direct,
        judged: Judged { verdict: Verdict::Crossed, reason: "23505: Key (22)".to_owned() },
        sqlstate: Some("23505".to_owned()),
    };
    let facts = Facts {
        server: "15.18".to_owned(),
        rowhouse: "0",
        began_at: String::new(),
        ended_at: String::new(),
        database: "app".to_owned(),
        role: "app_user".to_owned(),
        ways: vec![Way::Direct],
        statements: 7,
        ..Facts::default()
    };
    let tried = found.attempts.iter().filter(|one| one.command == Command::Insert).map(crossed);
    let proof = Proof { facts, tried: tried.collect(), gaps: Vec::new(), remarks: Vec::new() };
    assert!(proof.crossed());
    let alias = |_: &str| "somebody".to_owned();
    let hidden = [text(&proof, Some(&alias)), json(&proof, Some(&alias)).to_string()];
    for report in &hidden {
        assert!(report.contains("somebody") && report.contains("23505"), "{report}");
        assert!(!report.contains("22") && !report.contains("b'"), "{report}");
    }
    let shown = [text(&proof, None), json(&proof, None).to_string()];
    assert!(shown.iter().all(|report| report.contains("22") && report.contains("b'")));
}
