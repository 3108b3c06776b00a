//! Which tenants there are, asked by somebody who sees all rows.

use rowhouse_rls::catalog::{Catalog, quote_literal};
use rowhouse_rls::doctor::Conventions;
use rowhouse_rls::prove::sample::subjects;
use rowhouse_rls::prove::sample::{SMALL_ROWS_MAX, Sample, SampledTenant, Samples, Subject};
use rowhouse_rls::prove::{Nobody, nobody, tenant_types};

use crate::cli::rls::reader::Reader;
use crate::cli::{Failure, terminal};

/// Asks about every table. What cannot be asked about a table is noted with it.
pub async fn take(
    reader: &mut Reader,
    catalog: &Catalog,
    conventions: &Conventions,
    most: usize,
) -> Result<Samples, Failure> {
    // Whom policies hold is told so, instead of being shown some of the rows.
    reader.query("set row_security = off").await?;
    reader.query("set statement_timeout = '30s'").await?;
    reader.query("set default_transaction_read_only = on").await?;
    let mut samples = Samples::new();
    let subjects = subjects(catalog, conventions);
    for (index, subject) in subjects.iter().enumerate() {
        let (number, count) = (index + 1, subjects.len());
        terminal::progress(&format!("looking for tenants, {number} of {count}: {}", subject.name));
        let sample = match of_table(reader, subject, most).await {
            Ok(sample) => sample,
            Err(Failure(lines)) => {
                let unknown = Some(format!(
                    "its rows cannot be looked at ({}); log in as a role that sees all of them",
                    lines.join("; ")
                ));
                Sample { unknown, ..Sample::default() }
            }
        };
        samples.insert(subject.table, sample);
    }
    Ok(samples)
}

async fn of_table(reader: &mut Reader, subject: &Subject, most: usize) -> Result<Sample, Failure> {
    let mut sample = Sample::default();
    let counts = reader.query(&subject.count_query()).await?;
    let counts: Vec<(Option<String>, u64)> = counts
        .into_iter()
        .filter_map(|row| match row.as_slice() {
            [tenant, Some(count)] => Some((tenant.clone(), count.parse().ok()?)),
            _ => None,
        })
        .collect();
    let rows = counts.iter().map(|(_, count)| count).sum();
    sample.rows = Some(rows).filter(|rows| *rows <= SMALL_ROWS_MAX);
    for row in reader.query(&subject.tenants_query(most)).await? {
        let Some(tenant) = row.into_iter().next().flatten() else { continue };
        let found = reader.query(&subject.row_query(&tenant)).await?;
        let text = found.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        let Some(row) = text.and_then(|text| subject.read_row(&text)) else { continue };
        let own = counts.iter().find(|(one, _)| one.as_deref() == Some(&*tenant));
        let rows = own.map_or(0, |(_, count)| *count);
        sample.tenants.push(SampledTenant { tenant, row, rows });
    }
    Ok(sample)
}

/// For each type that tenants have, one who has no rows, as far as was seen.
pub fn nobodies(catalog: &Catalog, conventions: &Conventions, samples: &Samples) -> Nobody {
    let is_somebody = |text: &str| {
        let mut tenants = samples.values().flat_map(|sample| &sample.tenants);
        tenants.any(|one| one.tenant == text)
    };
    let of_type = |name: String| {
        let value = nobody(&name).filter(|value| !is_somebody(value))?;
        Some((name, value.to_owned()))
    };
    Nobody { values: tenant_types(catalog, conventions).into_iter().filter_map(of_type).collect() }
}

/// How many of these transactions PostgreSQL does not call aborted.
pub async fn not_aborted(reader: &mut Reader, ids: &[String]) -> Result<usize, Failure> {
    /// Ids in one question.
    const IDS_MAX: usize = 1_000;
    let mut count = 0;
    for chunk in ids.chunks(IDS_MAX) {
        let ids: Vec<String> = chunk.iter().map(|id| quote_literal(id)).collect();
        let sql = format!(
            "select count(*) from unnest(array[{}]::text[]) id \
             where pg_xact_status(id::xid8) is distinct from 'aborted'",
            ids.join(", ")
        );
        let rows = reader.query(&sql).await?;
        let text = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        count += text.and_then(|text| text.parse::<usize>().ok()).unwrap_or(chunk.len());
    }
    Ok(count)
}
