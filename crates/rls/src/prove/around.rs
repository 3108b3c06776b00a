//! Attempts by what stands around the tables: views, materialised views, foreign tables, children,
//! statistics, functions that run with their owner's rights.

use super::attempt::{Attempt, Command, Context, Expect, Statement, Step, Ways};
use super::sample::Samples;
use super::target::{Draft, Pair, Target, Whose};
use crate::catalog::{Column, Function, Relation, RelationKind, quote_literal};
use crate::doctor::survey::Survey;

const VIEW: &str = "it reads with its owner's rights, or holds what its owner once saw";
const STATISTICS: &str = "histograms and most common values are values of other tenants' rows";
const CALLED: &str = "it runs with its owner's rights, whom no policy may hold";

/// What is tried on views and on what holds rows without being a table.
pub(super) fn views(
    survey: &Survey<'_>,
    nobody: &Nobody,
    samples: &Samples,
    attempts: &mut Vec<Attempt>,
) {
    for view in survey.relations() {
        let reads = survey.catalog.read_by(view.oid);
        let is_view = matches!(view.kind, RelationKind::View | RelationKind::MaterializedView);
        let of_tenants = match is_view {
            true => reads.iter().any(|oid| survey.is_tenants(*oid)),
            false => view.kind == RelationKind::Foreign && survey.is_tenants(view.oid),
        };
        if !of_tenants {
            continue;
        }
        let column = tenant_column(survey, view, &reads);
        look(view, column, nobody, attempts);
        let own = samples.get(&view.oid);
        let sampled = own.or_else(|| reads.iter().find_map(|oid| samples.get(oid)));
        let tenants = sampled.map_or(&[][..], |sample| sample.tenants.as_slice());
        if let ([attacker, victim, ..], Some(column)) = (tenants, column) {
            against(view, column, &attacker.tenant, &victim.tenant, attempts);
            against(view, column, &victim.tenant, &attacker.tenant, attempts);
        }
    }
}

/// A tenant that has no rows anywhere, for each type that tenants have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nobody {
    /// Type and value.
    pub values: Vec<(String, String)>,
}

impl Nobody {
    fn of(&self, type_name: Option<&str>) -> Option<&str> {
        let mut values = self.values.iter();
        let found = match type_name {
            Some(name) => values.find(|(one, _)| one == name),
            None => values.next(),
        };
        found.map(|(_, value)| value.as_str())
    }
}

/// A value of a type that hardly anybody is called; it is looked for before it is used.
pub fn nobody(type_name: &str) -> Option<&'static str> {
    let plain = type_name.split('(').next().unwrap_or_default().trim();
    match plain {
        "smallint" | "integer" | "bigint" | "numeric" => Some("-7919"),
        "uuid" => Some("00000000-7919-4919-8919-000000007919"),
        "text" | "character varying" => Some("rowhouse-prove-nobody"),
        _ => None,
    }
}

/// The column of a view that is called as a tenant column under it.
fn tenant_column<'a>(
    survey: &Survey<'_>,
    view: &'a Relation,
    reads: &std::collections::BTreeSet<u64>,
) -> Option<&'a Column> {
    let own = survey.tenant_column(view.oid).and_then(|column| view.column_at(column.number));
    let named = || {
        let mut names = reads.iter().filter_map(|oid| survey.tenant_column(*oid));
        names.find_map(|column| {
            // The table of tenants has them in its key, which another column of a view may be
            // called like.
            let is_key = !survey.conventions.tenant_columns.contains(&column.name);
            view.column(&column.name).filter(|_| !is_key)
        })
    };
    own.or_else(named)
}

/// As nobody: every row that comes is somebody else's.
fn look(view: &Relation, column: Option<&Column>, nobody: &Nobody, attempts: &mut Vec<Attempt>) {
    let Some(tenant) = nobody.of(column.map(|column| column.type_name.as_str())) else { return };
    let (statement, expect) = match column {
        Some(column) => {
            let (view, name) = (&view.name, &column.name);
            let sql = format!("select 1 from {view} where {name} is not null limit 1");
            (Statement::plain(sql), Expect::NoRows)
        }
        None => {
            let sql = format!("select * from {} limit 1", view.name);
            let expect = Expect::NothingTold { invoker: view.security_invoker };
            (Statement::plain(sql), expect)
        }
    };
    attempts.push(Attempt {
        attacker: Some(tenant.to_owned()),
        context: Context::Tenant(tenant.to_owned()),
        steps: vec![Step::Run(statement)],
        expect,
        ..of_view(view, "as a tenant that has no rows")
    });
}

fn against(
    view: &Relation,
    column: &Column,
    attacker: &str,
    victim: &str,
    attempts: &mut Vec<Attempt>,
) {
    let mut draft = Draft::default();
    let value = draft.value(column, Some(victim.to_owned()), Whose::Victim);
    let sql = format!("select 1 from {} where {} = {value} limit 1", view.name, column.name);
    attempts.push(Attempt {
        attacker: Some(attacker.to_owned()),
        victim: Some(victim.to_owned()),
        context: Context::Tenant(attacker.to_owned()),
        steps: vec![Step::Run(draft.done(sql))],
        expect: Expect::NoRows,
        ..of_view(view, "asks for its rows")
    });
}

fn of_view(view: &Relation, name: &'static str) -> Attempt {
    Attempt {
        id: String::new(),
        object: view.name.clone(),
        command: Command::Select,
        name,
        why: VIEW,
        attacker: None,
        victim: None,
        context: Context::Nothing,
        steps: Vec::new(),
        expect: Expect::NoRows,
        privileged: view.allows("SELECT"),
        writes: false,
        ways: Ways::Both,
        alone: false,
    }
}

/// What the planner has gathered of a table's values.
pub(super) fn statistics(target: &Target<'_>, attempts: &mut Vec<Attempt>) {
    let Some(first) = target.sample.tenants.first() else { return };
    let name = quote_literal(&target.table.name);
    let sql = format!(
        "select 1 from pg_catalog.pg_stats s where \
         pg_catalog.format('%I.%I', s.schemaname, s.tablename) = {name} and \
         (s.most_common_vals is not null or s.histogram_bounds is not null) limit 1"
    );
    let made = (Statement::plain(sql), Expect::NoRows);
    let pair = Pair { attacker: first, victim: first };
    let name = "reads the planner's statistics";
    let attempt = target.against(pair, Command::Statistics, name, STATISTICS, made);
    attempts.push(Attempt { victim: None, ..attempt });

    for pair in target.pairs().take(1) {
        let Some(column) = target.tenant.filter(|column| column.statistics) else { continue };
        let Some(nobody) = nobody(&column.type_name) else { continue };
        let table = &target.table.name;
        let explain = |value: &str| {
            let mut draft = Draft::default();
            let value = draft.value(column, Some(value.to_owned()), Whose::Victim);
            let name = &column.name;
            let sql = format!("explain (format json) select 1 from {table} where {name} = {value}");
            draft.done(sql).inline()
        };
        let made = (explain(&pair.victim.tenant), Expect::SameEstimate);
        let why = "EXPLAIN estimates from the values of all tenants how many rows another one has";
        let name = "has the planner estimate";
        let mut attempt = target.against(pair, Command::Statistics, name, why, made);
        attempt.steps.insert(0, Step::Run(explain(nobody)));
        attempts.push(attempt);
    }
}

/// Functions that take nothing and run with the rights of an owner whom no policy holds.
pub(super) fn functions(survey: &Survey<'_>, nobody: &Nobody, attempts: &mut Vec<Attempt>) {
    let Some(tenant) = nobody.of(None) else { return };
    let columns = &survey.conventions.tenant_columns;
    let Some(column) = columns.first() else { return };
    for function in callable(survey).filter(|one| one.name.ends_with("()")) {
        let sql = format!(
            "select pg_catalog.to_jsonb(called)::text from {} called limit 20",
            function.name
        );
        attempts.push(Attempt {
            id: String::new(),
            object: function.name.clone(),
            command: Command::Call,
            name: "as a tenant that has no rows",
            why: CALLED,
            attacker: Some(tenant.to_owned()),
            victim: None,
            context: Context::Tenant(tenant.to_owned()),
            steps: vec![Step::Run(Statement::plain(sql))],
            expect: Expect::NoOtherTenant { column: column.trim_matches('"').to_owned() },
            privileged: true,
            writes: true,
            ways: Ways::Both,
            alone: false,
        });
    }
}

/// Functions that the role may call and that run with their owner's rights.
pub(super) fn callable<'a>(survey: &Survey<'a>) -> impl Iterator<Item = &'a Function> {
    let own = |one: &&Function| one.definer && one.callable && one.schema != "rowhouse";
    survey.functions().filter(own)
}
