//! Which relations hold tenants' rows, and by which column.

use std::collections::{BTreeMap, BTreeSet};

use super::Conventions;
use crate::catalog::{Catalog, Column, Function, Policy, Relation, RelationKind};
use crate::expression::{Expression, Surroundings};

/// The setting that fixes name where the database names none.
const SETTING_DEFAULT: &str = "app.tenant_id";

/// A catalog in which the tenants' tables are known.
pub struct Survey<'a> {
    pub catalog: &'a Catalog,
    pub conventions: &'a Conventions,
    /// Tables with a tenant column.
    columns: BTreeMap<u64, &'a Column>,
    /// Tables without one whose rows refer to tenants' rows.
    dependent: BTreeSet<u64>,
    /// The settings that policies read, with how many policies read each.
    pub settings: BTreeMap<String, usize>,
    /// Policies are to believe `rowhouse.tenant()` alone.
    pub sealed: bool,
    /// `rowhouse.tenant()`.
    seal: Option<u64>,
}

/// A policy with its expressions taken apart.
pub struct Read<'a> {
    pub policy: &'a Policy,
    pub using: Option<Expression>,
    pub check: Option<Expression>,
    functions: Vec<&'a str>,
    tenant_column: Option<&'a str>,
}

impl<'a> Survey<'a> {
    pub fn new(catalog: &'a Catalog, conventions: &'a Conventions) -> Survey<'a> {
        let is_seal = |one: &&Function| one.name == "rowhouse.tenant()";
        let seal = catalog.functions.values().find(is_seal).map(|one| one.oid);
        let mut survey = Survey {
            catalog,
            conventions,
            columns: BTreeMap::new(),
            dependent: BTreeSet::new(),
            settings: BTreeMap::new(),
            sealed: conventions.sealed || seal.is_some(),
            seal,
        };
        survey.find_by_name();
        survey.find_referenced();
        survey.find_by_policy();
        survey.find_dependent();
        survey.count_settings();
        survey
    }

    /// Relations of the schemas that were asked for.
    pub fn relations(&self) -> impl Iterator<Item = &'a Relation> {
        let schemas = &self.conventions.schemas;
        self.catalog
            .relations
            .values()
            .filter(move |one| schemas.is_empty() || schemas.contains(&one.schema))
    }

    /// Functions of the schemas that were asked for.
    pub fn functions(&self) -> impl Iterator<Item = &'a Function> {
        let schemas = &self.conventions.schemas;
        self.catalog
            .functions
            .values()
            .filter(move |one| schemas.is_empty() || schemas.contains(&one.schema))
    }

    /// Tables with a tenant column, with it.
    pub fn tenant_tables(&self) -> impl Iterator<Item = (&'a Relation, &'a Column)> {
        self.relations()
            .filter(|one| one.is_table())
            .filter_map(|one| Some((one, self.tenant_column(one.oid)?)))
    }

    /// The column that holds the tenant.
    pub fn tenant_column(&self, table: u64) -> Option<&'a Column> {
        self.columns.get(&table).copied()
    }

    /// Rows of it belong to tenants.
    pub fn is_tenants(&self, relation: u64) -> bool {
        self.columns.contains_key(&relation) || self.dependent.contains(&relation)
    }

    /// The relation's policies, with their expressions taken apart.
    pub fn policies(&self, table: u64) -> Vec<Read<'a>> {
        let of_table = self.catalog.policies.iter().filter(|policy| policy.table == table);
        of_table.map(|policy| self.read(policy)).collect()
    }

    /// The expression that fixes compare the tenant column with: once for each statement.
    pub fn context(&self, table: u64, column: &Column) -> String {
        format!("(select {})", self.context_value(table, column))
    }

    /// The tenant of the transaction, null when there is none.
    pub fn context_value(&self, table: u64, column: &Column) -> String {
        let cast = match column.type_name.as_str() {
            "text" => String::new(),
            other => format!("::{other}"),
        };
        if self.sealed {
            return format!("rowhouse.tenant(){cast}");
        }
        let setting = self.setting(table).replace('\'', "''");
        format!("nullif(current_setting('{setting}', true), ''){cast}")
    }

    /// The setting that a table's fixes name: the one given, the one its own policies read, or the
    /// one that most policies read.
    fn setting(&self, table: u64) -> String {
        if let Some(given) = &self.conventions.tenant_setting {
            return given.clone();
        }
        let own = self.policies(table);
        let own = own
            .iter()
            .flat_map(Read::expressions)
            .find_map(|one| one.settings().first().map(|name| (*name).to_owned()));
        own.unwrap_or_else(|| self.main_setting().to_owned())
    }

    /// The setting that most policies read.
    pub fn main_setting(&self) -> &str {
        let most = self.settings.iter().max_by_key(|(_, count)| **count);
        let given = self.conventions.tenant_setting.as_deref();
        given.or(most.map(|(name, _)| name.as_str())).unwrap_or(SETTING_DEFAULT)
    }

    /// The policy asks `rowhouse.tenant()`, and no setting.
    pub fn asks_seal(&self, read: &Read<'_>) -> bool {
        self.seal.is_some_and(|oid| read.policy.calls.contains(&oid)) && !self.reads_plain(read)
    }

    /// The policy reads a setting, itself or through a function of users'.
    pub fn reads_plain(&self, read: &Read<'_>) -> bool {
        read.expressions().any(|one| !one.settings().is_empty())
            || self.sources(read.policy).any(|one| !one.settings().is_empty())
    }

    /// What the functions of users' that a policy calls do, `rowhouse.tenant()` excepted: it reads
    /// a setting and believes none.
    fn sources(&self, policy: &'a Policy) -> impl Iterator<Item = Expression> {
        let others = policy.calls.iter().filter(|oid| Some(**oid) != self.seal);
        let functions = others.filter_map(|oid| self.catalog.functions.get(oid));
        functions.map(|function| Expression::parse(&function.source))
    }

    /// A function's name without its arguments, as expressions call it.
    fn callable_name(name: &str) -> &str {
        name.split('(').next().unwrap_or(name)
    }

    fn read(&self, policy: &'a Policy) -> Read<'a> {
        let functions = policy.calls.iter().filter_map(|oid| self.catalog.functions.get(oid));
        Read {
            policy,
            using: policy.using.as_deref().map(Expression::parse),
            check: policy.check.as_deref().map(Expression::parse),
            functions: functions.map(|one| Self::callable_name(&one.name)).collect(),
            tenant_column: self.tenant_column(policy.table).map(|column| column.name.as_str()),
        }
    }

    fn find_by_name(&mut self) {
        for relation in self.catalog.relations.values() {
            let names = &self.conventions.tenant_columns;
            let found = names.iter().find_map(|name| relation.column(name));
            let holds_rows = relation.is_table() || relation.kind == RelationKind::Foreign;
            if let Some(column) = found.filter(|_| holds_rows) {
                self.columns.insert(relation.oid, column);
            }
        }
    }

    /// What a tenant column refers to is the table of tenants.
    fn find_referenced(&mut self) {
        for key in &self.catalog.foreign_keys {
            let Some(own) = self.columns.get(&key.table).map(|column| column.number) else {
                continue;
            };
            let place = key.columns.iter().position(|number| *number == own);
            let other = place.and_then(|place| key.referenced_columns.get(place));
            let referenced = self.catalog.relations.get(&key.referenced);
            if let (Some(relation), Some(&number)) = (referenced, other)
                && !self.columns.contains_key(&relation.oid)
                && let Some(column) = relation.column_at(number)
            {
                self.columns.insert(relation.oid, column);
            }
        }
    }

    /// A column that a policy holds to the context is the tenant's, whatever its name.
    fn find_by_policy(&mut self) {
        for policy in &self.catalog.policies {
            if self.columns.contains_key(&policy.table) {
                continue;
            }
            let Some(relation) = self.catalog.relations.get(&policy.table) else { continue };
            let read = self.read(policy);
            let Some(using) = read.using.as_ref().or(read.check.as_ref()) else { continue };
            let found = relation.columns.iter().find(|column| {
                using.restricts(&Surroundings {
                    tenant_column: Some(&column.name),
                    context_functions: &read.functions,
                    reads_others: false,
                })
            });
            if let Some(column) = found {
                self.columns.insert(relation.oid, column);
            }
        }
    }

    fn find_dependent(&mut self) {
        loop {
            let mut grown = false;
            for key in &self.catalog.foreign_keys {
                let is_table =
                    self.catalog.relations.get(&key.table).is_some_and(Relation::is_table);
                if is_table && !self.is_tenants(key.table) && self.is_tenants(key.referenced) {
                    grown |= self.dependent.insert(key.table);
                }
            }
            if !grown {
                return;
            }
        }
    }

    /// Whether a policy of the table reads this setting, by itself or in a function.
    pub fn reads_setting(&self, table: u64, setting: &str) -> bool {
        let mut policies = self.catalog.policies.iter().filter(|policy| policy.table == table);
        policies.any(|policy| self.settings_of(policy).contains(setting))
    }

    fn settings_of(&self, policy: &'a Policy) -> BTreeSet<String> {
        let read = self.read(policy);
        let sources: Vec<Expression> = self.sources(policy).collect();
        read.expressions()
            .chain(&sources)
            .flat_map(|expression| expression.settings())
            .map(str::to_owned)
            .collect()
    }

    fn count_settings(&mut self) {
        for policy in &self.catalog.policies {
            for name in self.settings_of(policy) {
                *self.settings.entry(name).or_default() += 1;
            }
        }
    }
}

impl Read<'_> {
    /// USING and WITH CHECK, as far as they are there.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.using.iter().chain(&self.check)
    }

    /// What the expressions are judged against.
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            tenant_column: self.tenant_column,
            context_functions: &self.functions,
            reads_others: !self.policy.reads.is_empty(),
        }
    }
}
