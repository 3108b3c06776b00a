//! The paths: each is one transaction of one tenant.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use uuid::Uuid;

use crate::fault::Fault;
use crate::store::{self, Item, Tenant};
use crate::tenant::{Caller, Tenants};

/// Characters of a title.
const TITLE_CHARS_MAX: usize = 200;

/// What makes an item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    title: String,
}

/// All paths.
pub fn routes(tenants: Tenants) -> Router {
    Router::new()
        .route("/items/", get(list_items).post(add_item))
        .route("/items/{id}", get(show_item).delete(remove_item))
        .route("/tenants/", get(list_tenants))
        .with_state(tenants)
}

async fn list_items(
    State(tenants): State<Tenants>,
    caller: Caller,
) -> Result<Json<Vec<Item>>, Fault> {
    let mut connection = tenants.connect(caller).await?;
    let transaction = connection.begin().await?;
    let items = store::items(&transaction).await?;
    transaction.commit().await?;
    Ok(Json(items))
}

async fn show_item(
    State(tenants): State<Tenants>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Item>, Fault> {
    let mut connection = tenants.connect(caller).await?;
    let transaction = connection.begin().await?;
    let item = store::item(&transaction, id).await?;
    transaction.commit().await?;
    Ok(Json(item))
}

async fn add_item(
    State(tenants): State<Tenants>,
    caller: Caller,
    new: Result<Json<NewItem>, JsonRejection>,
) -> Result<(StatusCode, Json<Item>), Fault> {
    let Json(new) = new.map_err(|rejection| Fault::invalid(&rejection.body_text()))?;
    if new.title.trim().is_empty() || new.title.chars().count() > TITLE_CHARS_MAX {
        return Err(Fault::invalid("a title has 1 to 200 characters"));
    }
    let mut connection = tenants.connect(caller).await?;
    let transaction = connection.begin().await?;
    let item = store::add(&transaction, &new.title).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(item)))
}

async fn remove_item(
    State(tenants): State<Tenants>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Fault> {
    let mut connection = tenants.connect(caller).await?;
    let transaction = connection.begin().await?;
    store::remove(&transaction, id).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_tenants(
    State(tenants): State<Tenants>,
    caller: Caller,
) -> Result<Json<Vec<Tenant>>, Fault> {
    let mut connection = tenants.connect(caller).await?;
    let transaction = connection.begin().await?;
    let found = store::tenants(&transaction).await?;
    transaction.commit().await?;
    Ok(Json(found))
}
