//! Speed: policies are part of every query's plan.

use super::finding;
use super::survey::Survey;
use crate::code::Code;
use crate::finding::Finding;

/// Below this a sequential scan is as good as an index.
const ROWS_FOR_INDEX: i64 = 1000;

/// RH401 to RH404.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for (table, column) in survey.tenant_tables() {
        let name = &table.name;
        let led = survey.catalog.indexes.iter().any(|index| {
            let first = index.columns.first() == Some(&column.number);
            index.table == table.oid && first && index.valid && !index.partial
        });
        if !led && !(0..ROWS_FOR_INDEX).contains(&table.rows) {
            let tenant = &column.name;
            findings.push(finding(
                Code::NoTenantIndex,
                name,
                format!("no index begins with {tenant}: every statement reads all tenants' rows"),
                format!("create index concurrently on {name} ({tenant});"),
            ));
        }
        if table.rows < 0 {
            findings.push(finding(
                Code::NeverAnalyzed,
                name,
                "it was never analysed: the planner guesses",
                format!("analyze {name};"),
            ));
        }
        for read in survey.policies(table.oid) {
            let around = read.surroundings();
            let policy = &read.policy.name;
            if read.expressions().any(|one| one.asks_for_each_row(&around)) {
                findings.push(finding(
                    Code::ContextForEachRow,
                    name,
                    format!(
                        "policy {policy} asks for the context once for each row; in a scalar \
                         sub-select it is asked once for each statement"
                    ),
                    format!("write ({} = {})", column.name, survey.context(table.oid, column)),
                ));
            }
            if !read.policy.reads.is_empty() {
                findings.push(finding(
                    Code::PolicyReadsTable,
                    name,
                    format!("policy {policy} reads other tables, perhaps once for each row"),
                    format!("compare {} with the context and nothing else", column.name),
                ));
            }
        }
    }
}
