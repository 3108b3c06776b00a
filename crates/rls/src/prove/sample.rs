//! Which tenants have rows where, and one row of each: what attempts are made with. The questions
//! are asked by somebody who sees all rows, and are bounded.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Column, ForeignKey, Relation, quote_literal};
use crate::doctor::Conventions;
use crate::doctor::survey::Survey;

/// Rows that are looked through for tenants where no index helps.
const LOOK_ROWS_MAX: u64 = 10_000;
/// Tables up to this many rows also meet statements that no condition bounds.
pub const SMALL_ROWS_MAX: u64 = 1_000;
/// A sampled row is sent with every attempt: larger ones are left out.
pub const ROW_BYTES_MAX: usize = 256 * 1024;

/// A table whose rows are tenants', and how it is told whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The table.
    pub table: u64,
    /// Its name, schema-qualified and quoted.
    pub name: String,
    from: String,
    tenant: String,
    tenant_type: String,
    indexed: bool,
    rows: i64,
    columns: Vec<Column>,
}

/// What is known of a table's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Tenants with rows.
    pub tenants: Vec<SampledTenant>,
    /// How many rows there are, where they are [`SMALL_ROWS_MAX`] at most.
    pub rows: Option<u64>,
    /// Why nothing is known.
    pub unknown: Option<String>,
}

/// A tenant, and a row of its.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampledTenant {
    /// The tenant, as the context has it.
    pub tenant: String,
    /// Values by column number.
    pub row: BTreeMap<i16, Option<String>>,
    /// How many rows it has, where the table is small.
    pub rows: u64,
}

/// Samples by table.
pub type Samples = BTreeMap<u64, Sample>;

/// The tables to be sampled.
pub fn subjects(catalog: &Catalog, conventions: &Conventions) -> Vec<Subject> {
    let survey = Survey::new(catalog, conventions);
    let with_column = survey.tenant_tables().map(|(table, column)| {
        let indexed = catalog.indexes.iter().any(|index| {
            let leads = index.columns.first() == Some(&column.number);
            index.table == table.oid && index.valid && !index.partial && leads
        });
        let tenant = format!("t.{}", column.name);
        subject(table, table.name.clone() + " t", (tenant, &column.type_name), indexed)
    });
    let dependent = survey
        .relations()
        .filter(|one| one.is_table() && survey.is_tenants(one.oid))
        .filter(|one| survey.tenant_column(one.oid).is_none())
        .filter_map(|one| {
            let (key, parent, column) = parent(&survey, one.oid)?;
            let joined = join(one, parent, key)?;
            let name = &parent.name;
            let from = format!("{} t join {name} p on {joined}", one.name);
            let tenant = format!("p.{}", column.name);
            Some(subject(one, from, (tenant, &column.type_name), false))
        });
    with_column.chain(dependent).collect()
}

/// The key by which a table without tenant column belongs to a tenant's row, and that row's table.
pub(super) fn parent<'a>(
    survey: &Survey<'a>,
    table: u64,
) -> Option<(&'a ForeignKey, &'a Relation, &'a Column)> {
    survey.catalog.foreign_keys.iter().filter(|key| key.table == table).find_map(|key| {
        let column = survey.tenant_column(key.referenced)?;
        Some((key, survey.catalog.relations.get(&key.referenced)?, column))
    })
}

fn join(own: &Relation, parent: &Relation, key: &ForeignKey) -> Option<String> {
    let pairs: Option<Vec<String>> = key
        .columns
        .iter()
        .zip(&key.referenced_columns)
        .map(|(one, other)| {
            let (one, other) = (own.column_at(*one)?, parent.column_at(*other)?);
            Some(format!("t.{} = p.{}", one.name, other.name))
        })
        .collect();
    Some(pairs?.join(" and ")).filter(|text| !text.is_empty())
}

fn subject(
    table: &Relation,
    from: String,
    (tenant, tenant_type): (String, &str),
    indexed: bool,
) -> Subject {
    Subject {
        table: table.oid,
        name: table.name.clone(),
        from,
        tenant,
        tenant_type: tenant_type.to_owned(),
        indexed,
        rows: table.rows,
        columns: table.columns.clone(),
    }
}

impl Subject {
    /// The question which tenants have rows: one column, at most `most` rows.
    pub fn tenants_query(&self, most: usize) -> String {
        let Subject { from, tenant, name, .. } = self;
        if self.indexed {
            // One step down the index for each tenant, however many rows it has.
            return format!(
                "with recursive found as (
                    (select {tenant} as tenant from {from} where {tenant} is not null
                        order by 1 limit 1)
                    union all
                    select (select {tenant} from {from} where {tenant} > found.tenant
                        order by 1 limit 1)
                    from found where found.tenant is not null
                )
                select tenant::text from found where tenant is not null limit {most}"
            );
        }
        let large = u64::try_from(self.rows).unwrap_or_default() > LOOK_ROWS_MAX;
        let sampled = match large && *from == format!("{name} t") {
            // So much of it that about as many rows come as are looked through.
            true => {
                let part = LOOK_ROWS_MAX.saturating_mul(100);
                format!("{from} tablesample system ({part} / {}.0)", self.rows)
            }
            false => from.clone(),
        };
        format!(
            "select distinct looked.tenant::text from (
                select {tenant} as tenant from {sampled} limit {LOOK_ROWS_MAX}
            ) looked where looked.tenant is not null order by 1 limit {most}"
        )
    }

    /// The question for one row of a tenant: a JSON array of texts.
    pub fn row_query(&self, tenant: &str) -> String {
        let values: Vec<String> =
            self.columns.iter().map(|column| format!("t.{}::text", column.name)).collect();
        format!(
            "select to_jsonb(array[{}]::text[])::text from {} where {} = {}::{} limit 1",
            values.join(", "),
            self.from,
            self.tenant,
            quote_literal(tenant),
            self.tenant_type,
        )
    }

    /// The question how many rows there are, and of how many tenants each: tenant and count. More
    /// than [`SMALL_ROWS_MAX`] are not counted.
    pub fn count_query(&self) -> String {
        let Subject { from, tenant, .. } = self;
        format!(
            "select looked.tenant, count(*)::text from (
                select {tenant}::text as tenant from {from} limit {}
            ) looked group by 1",
            SMALL_ROWS_MAX + 1
        )
    }

    /// Reads what [`Subject::row_query`] has returned; `None` if the row is too large to be used.
    pub fn read_row(&self, text: &str) -> Option<BTreeMap<i16, Option<String>>> {
        if text.len() > ROW_BYTES_MAX {
            return None;
        }
        let values: Vec<Option<String>> = serde_json::from_str(text).ok()?;
        Some(self.columns.iter().map(|column| column.number).zip(values).collect())
    }
}
