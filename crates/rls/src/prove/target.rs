//! A table under attack: what is known of it, and the pieces that statements about it are made of.

use super::attempt::{Attempt, Command, Context, Expect, Parameter, Statement, Step, Ways};
use super::sample::{Sample, SampledTenant, parent};
use crate::catalog::{Column, Relation};
use crate::doctor::survey::Survey;

/// Functions that make keys nobody can guess.
pub(super) const RANDOM: [&str; 4] = ["gen_random_uuid", "uuid_generate_v4", "uuidv4", "uuidv7"];

/// A table whose rows are tenants'.
pub(super) struct Target<'a> {
    pub survey: &'a Survey<'a>,
    pub table: &'a Relation,
    pub tenant: Option<&'a Column>,
    pub sample: &'a Sample,
    /// Columns by which rows of one tenant are picked, for a table without tenant column.
    reference: Vec<&'a Column>,
}

/// A statement that is being written.
#[derive(Default)]
pub(super) struct Draft {
    parameters: Vec<Parameter>,
}

/// Who attacks whom.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub attacker: &'a SampledTenant,
    pub victim: &'a SampledTenant,
}

/// Whose value a parameter is, in words.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Attacker,
    Victim,
}

impl<'a> Target<'a> {
    /// A table and what is known of its rows; `None` for one whose tenants cannot be told.
    pub fn new(
        survey: &'a Survey<'a>,
        table: &'a Relation,
        sample: &'a Sample,
    ) -> Option<Target<'a>> {
        let tenant = survey.tenant_column(table.oid);
        let reference = match tenant {
            Some(_) => Vec::new(),
            None => {
                let (key, _, _) = parent(survey, table.oid)?;
                let columns: Option<Vec<_>> =
                    key.columns.iter().map(|number| table.column_at(*number)).collect();
                columns?
            }
        };
        Some(Target { survey, table, tenant, sample, reference })
    }

    /// Each tenant against the next: all of them attack, and all are attacked.
    pub fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        let tenants = &self.sample.tenants;
        let next = tenants.iter().cycle().skip(1);
        let pairs = tenants.iter().zip(next);
        pairs.filter(|_| tenants.len() > 1).map(|(attacker, victim)| Pair { attacker, victim })
    }

    /// The condition that picks rows of one tenant.
    pub fn pick(&self, draft: &mut Draft, tenant: &SampledTenant, whose: Whose) -> String {
        match self.tenant {
            Some(column) => {
                let value = draft.value(column, Some(tenant.tenant.clone()), whose);
                format!("{} = {value}", column.name)
            }
            None => {
                let conditions: Vec<String> = self
                    .reference
                    .iter()
                    .map(|column| {
                        let value = tenant.row.get(&column.number).cloned().flatten();
                        format!("{} = {}", column.name, draft.value(column, value, whose))
                    })
                    .collect();
                conditions.join(" and ")
            }
        }
    }

    /// The same for one row at most.
    pub fn pick_one(&self, draft: &mut Draft, tenant: &SampledTenant, whose: Whose) -> String {
        let pick = self.pick(draft, tenant, whose);
        let name = &self.table.name;
        format!("{pick} and ctid = any (array(select ctid from {name} where {pick} limit 1))")
    }

    /// Columns that an INSERT must or should say: those that may not be null, those that would
    /// otherwise take a value from a default (and perhaps advance a sequence), those of keys.
    fn written(&self) -> impl Iterator<Item = &'a Column> {
        let (catalog, table, tenant) = (self.survey.catalog, self.table, self.tenant);
        let is_key = move |column: &Column| {
            let index = catalog
                .indexes
                .iter()
                .any(|index| index.table == table.oid && index.columns.contains(&column.number));
            let foreign = catalog
                .foreign_keys
                .iter()
                .any(|key| key.table == table.oid && key.columns.contains(&column.number));
            index || foreign
        };
        table.columns.iter().filter(|column| !column.generated).filter(move |column| {
            column.not_null
                || column.identity
                || column.default.is_some()
                || tenant.is_some_and(|tenant| tenant.number == column.number)
                || is_key(column)
        })
    }

    /// `(columns) overriding system value values (…)` of a tenant's row. `change` gives other
    /// values for some columns; a column for which it gives `Err` is left to its default.
    pub fn row(
        &self,
        draft: &mut Draft,
        tenant: &SampledTenant,
        whose: Whose,
        change: impl Fn(&Column) -> Option<Result<(String, Whose), ()>>,
    ) -> String {
        self.row_of(draft, self.written(), (tenant, whose), change)
    }

    /// The same with all columns: an expression of an index may read any.
    pub fn whole_row(
        &self,
        draft: &mut Draft,
        tenant: &SampledTenant,
        whose: Whose,
        change: impl Fn(&Column) -> Option<Result<(String, Whose), ()>>,
    ) -> String {
        let all = self.table.columns.iter().filter(|column| !column.generated);
        self.row_of(draft, all, (tenant, whose), change)
    }

    fn row_of(
        &self,
        draft: &mut Draft,
        columns: impl Iterator<Item = &'a Column>,
        (tenant, whose): (&SampledTenant, Whose),
        change: impl Fn(&Column) -> Option<Result<(String, Whose), ()>>,
    ) -> String {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for column in columns {
            let (value, whose) = match change(column) {
                Some(Err(())) => continue,
                Some(Ok((value, whose))) => (Some(value), whose),
                None => (tenant.row.get(&column.number).cloned().flatten(), whose),
            };
            names.push(column.name.as_str());
            values.push(draft.value(column, value, whose));
        }
        let (names, values) = (names.join(", "), values.join(", "));
        format!("({names}) overriding system value values ({values})")
    }

    /// The names of [`Target::row`]'s columns and their values as COPY reads them.
    pub fn copied(&self, tenant: &SampledTenant) -> (String, String) {
        let columns: Vec<&Column> = self.written().collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> = columns
            .iter()
            .map(|column| match tenant.row.get(&column.number).and_then(Option::as_deref) {
                None => "\\N".to_owned(),
                Some(text) => escape(text),
            })
            .collect();
        (names.join(", "), values.join("\t") + "\n")
    }

    /// A column that the role may update and that holds nobody's identity, if there is one; else
    /// any.
    pub fn updated(&self) -> Option<&'a Column> {
        let fit = |column: &&Column| column.update && !column.generated && !column.identity;
        let plain = self.table.columns.iter().filter(fit).find(|column| self.is_plain(column));
        plain.or_else(|| self.table.columns.iter().find(|column| !column.generated))
    }

    /// In no key and not the tenant.
    pub fn is_plain(&self, column: &Column) -> bool {
        let catalog = self.survey.catalog;
        let is_tenant = self.tenant.is_some_and(|tenant| tenant.number == column.number);
        let indexed = catalog
            .indexes
            .iter()
            .any(|index| index.table == self.table.oid && index.columns.contains(&column.number));
        let refers = catalog
            .foreign_keys
            .iter()
            .any(|key| key.table == self.table.oid && key.columns.contains(&column.number));
        !is_tenant && !indexed && !refers
    }

    /// An attempt of one tenant against another.
    pub fn against(
        &self,
        pair: Pair<'_>,
        command: Command,
        name: &'static str,
        why: &'static str,
        (statement, expect): (Statement, Expect),
    ) -> Attempt {
        let own = Some(pair.attacker.tenant.clone());
        let privilege = match command {
            Command::Insert | Command::Copy | Command::Upsert => "INSERT",
            Command::Update | Command::Move | Command::Lock | Command::Merge => "UPDATE",
            Command::Delete => "DELETE",
            Command::Truncate => "TRUNCATE",
            _ => "SELECT",
        };
        let reads = matches!(command, Command::Select | Command::NoTenant | Command::Statistics);
        Attempt {
            id: String::new(),
            object: self.table.name.clone(),
            command,
            name,
            why,
            attacker: own.clone(),
            victim: Some(pair.victim.tenant.clone()),
            context: own.map_or(Context::Nothing, Context::Tenant),
            steps: vec![Step::Run(statement)],
            expect,
            privileged: self.table.allows(privilege),
            writes: !reads,
            ways: Ways::Both,
            alone: false,
        }
    }
}

impl Draft {
    /// A parameter of a column's type.
    pub fn value(&mut self, column: &Column, value: Option<String>, whose: Whose) -> String {
        let whose = match whose {
            Whose::Attacker => "the attacker's own",
            Whose::Victim => "another tenant's",
        };
        self.parameters.push(Parameter { value, meaning: format!("{} of {whose}", column.name) });
        format!("${}::{}", self.parameters.len(), column.type_name)
    }

    /// A text that is a tenant.
    pub fn text(&mut self, tenant: &str) -> String {
        let meaning = "another tenant".to_owned();
        self.parameters.push(Parameter { value: Some(tenant.to_owned()), meaning });
        format!("${}", self.parameters.len())
    }

    /// The statement that the parameters belong to.
    pub fn done(self, sql: String) -> Statement {
        Statement { sql, parameters: self.parameters, ..Statement::default() }
    }
}

/// COPY's text format (<https://www.postgresql.org/docs/current/sql-copy.html>).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c => escaped.push(c),
        }
    }
    escaped
}
