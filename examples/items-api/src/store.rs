//! The SQL. None of it names a tenant.

use serde::Serialize;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::fault::Fault;

/// A row of `items`.
#[derive(Debug, Serialize)]
pub struct Item {
    id: Uuid,
    title: String,
    tenant_id: Uuid,
}

/// A row of `tenants` with its items.
#[derive(Debug, Serialize)]
pub struct Tenant {
    id: Uuid,
    name: String,
    items: Vec<Item>,
}

/// All items that may be seen.
pub async fn items(transaction: &Transaction<'_>) -> Result<Vec<Item>, Fault> {
    let rows = transaction.query("select id, title, tenant_id from items order by title", &[]);
    rows.await?.iter().map(|row| Item::read(row, 0)).collect()
}

/// One of them.
pub async fn item(transaction: &Transaction<'_>, id: Uuid) -> Result<Item, Fault> {
    let sql = "select id, title, tenant_id from items where id = $1";
    let row = transaction.query_opt(sql, &[&id]).await?.ok_or_else(Fault::not_found)?;
    Item::read(&row, 0)
}

/// A new one, of the tenant that the transaction is for.
pub async fn add(transaction: &Transaction<'_>, title: &str) -> Result<Item, Fault> {
    let sql = "insert into items (title, tenant_id) \
               values ($1, nullif(current_setting('app.current_tenant_id', true), '')::uuid) \
               returning id, title, tenant_id";
    Item::read(&transaction.query_one(sql, &[&title]).await?, 0)
}

/// Takes one away.
pub async fn remove(transaction: &Transaction<'_>, id: Uuid) -> Result<(), Fault> {
    match transaction.execute("delete from items where id = $1", &[&id]).await? {
        0 => Err(Fault::not_found()),
        _ => Ok(()),
    }
}

/// All tenants that may be seen, with their items.
pub async fn tenants(transaction: &Transaction<'_>) -> Result<Vec<Tenant>, Fault> {
    let sql = "select tenants.id, tenants.name, items.id, items.title, items.tenant_id \
               from tenants left outer join items on tenants.id = items.tenant_id \
               order by tenants.name, tenants.id, items.title";
    let mut tenants: Vec<Tenant> = Vec::new();
    for row in transaction.query(sql, &[]).await? {
        let id: Uuid = row.try_get(0)?;
        if tenants.last().is_none_or(|last| last.id != id) {
            tenants.push(Tenant { id, name: row.try_get(1)?, items: Vec::new() });
        }
        // A tenant without items comes in one row with nothing on the right.
        let has_item = row.try_get::<_, Option<Uuid>>(2)?.is_some();
        if let (true, Some(tenant)) = (has_item, tenants.last_mut()) {
            tenant.items.push(Item::read(&row, 2)?);
        }
    }
    Ok(tenants)
}

impl Item {
    /// From three columns of a row.
    fn read(row: &Row, first: usize) -> Result<Item, Fault> {
        Ok(Item {
            id: row.try_get(first)?,
            title: row.try_get(first + 1)?,
            tenant_id: row.try_get(first + 2)?,
        })
    }
}
