//! `rowhouse rls plan` and `apply`: what is missing, as SQL; and doing it, or taking it back.

use rowhouse_rls::catalog::quote_literal;
use rowhouse_rls::doctor::main_setting;
use rowhouse_rls::plan::{Engine, Intent, Phase, Plan, Shape, Step, TenantRole, plan, script};
use serde_json::json;

use super::place::Place;
use super::reader::Reader;
use super::{Apply, EngineName, PlanCommand, PlanFormat, PlanOptions, ShapeName};
use crate::cli::{Failure, terminal};

/// A role that every cluster has and that owns and may do nothing of its own: what it meets in the
/// catalog is what PUBLIC may, and so what a role that is yet to be created would meet.
const STAND_IN: &str = "pg_signal_backend";
/// Where `apply` writes down what it has done, for `--revert`.
const JOURNAL: &str = "rowhouse.rls_change";
/// The journal's table, made by whoever applies and nobody else's.
const MAKE_JOURNAL: &str = "
    create schema if not exists rowhouse;
    revoke create on schema rowhouse from public;
    create table if not exists rowhouse.rls_change (
        id bigint generated always as identity primary key,
        changed_at timestamptz not null default now(),
        changed_by text not null default session_user,
        sql text not null,
        revert text not null
    );
    revoke all on rowhouse.rls_change from public";

/// Prints what is missing.
pub async fn print(arguments: &PlanCommand) -> Result<(), Failure> {
    let place = Place::find(&arguments.options.connection).await?;
    let mut reader = Reader::connect(&place.login).await?;
    let (plan, database) = draft(&mut reader, &arguments.options, &place).await?;
    match arguments.format {
        PlanFormat::Sql => terminal::print(&script(&plan, &database)),
        PlanFormat::Json => {
            let steps: Vec<_> = plan
                .steps
                .iter()
                .map(|step| {
                    let Step { phase, object, reason, sql, revert } = step;
                    let alone = *phase == Phase::Alone;
                    json!({
                        "object": object, "reason": reason, "sql": sql, "revert": revert,
                        "outside_transaction": alone,
                    })
                })
                .collect();
            let remarks: Vec<_> = plan
                .remarks
                .iter()
                .map(|(object, text)| json!({ "object": object, "message": text }))
                .collect();
            terminal::line(&format!("{:#}", json!({ "steps": steps, "remarks": remarks })));
        }
    }
    Ok(())
}

/// Does what is missing, or takes back what was done.
pub async fn apply(arguments: &Apply) -> Result<(), Failure> {
    let place = Place::find(&arguments.options.connection).await?;
    let mut reader = Reader::connect(&place.login).await?;
    let timeout = quote_literal(&format!("{}ms", arguments.lock_timeout.as_millis()));
    reader.query(&format!("set lock_timeout = {timeout}")).await?;
    if arguments.revert {
        return revert(&mut reader).await;
    }
    let (plan, _) = draft(&mut reader, &arguments.options, &place).await?;
    for (object, sentence) in &plan.remarks {
        terminal::error(&format!("for you to decide: {object}: {sentence}"));
    }
    if plan.steps.is_empty() {
        terminal::line("nothing is missing");
        return Ok(());
    }
    together(&mut reader, &plan).await?;
    alone(&mut reader, &plan).await?;
    terminal::line(&format!(
        "{} steps done; `rowhouse rls apply --revert` takes them back",
        plan.steps.len()
    ));
    Ok(())
}

async fn draft(
    reader: &mut Reader,
    options: &PlanOptions,
    place: &Place,
) -> Result<(Plan, String), Failure> {
    let role = place.app_role.as_deref().ok_or_else(|| {
        Failure::new("name the role that tenants' statements are to run as with --app-role")
    })?;
    let exists = reader.has_role(role).await?;
    let mut catalog = reader.catalog(if exists { role } else { STAND_IN }).await?;
    if !exists {
        catalog.server.role = quoted(reader, role).await?;
        catalog.server.predefined.clear();
    }
    let mut tenant_roles = Vec::new();
    for text in &options.tenant_role {
        let (role, tenant) = match text.split_once('=') {
            Some((role, tenant)) => (role, Some(tenant.to_owned())),
            None => (text.as_str(), None),
        };
        tenant_roles.push(TenantRole { role: quoted(reader, role).await?, tenant });
    }
    let bypass_role = match &options.bypass_role {
        Some(role) => Some(quoted(reader, role).await?),
        None => None,
    };
    let intent = Intent {
        app_role: catalog.server.role.clone(),
        engine: match options.engine {
            EngineName::Postgres => Engine::Postgres,
            EngineName::Citus => Engine::Citus,
            EngineName::Cockroach => Engine::Cockroach,
            EngineName::Yugabyte => Engine::Yugabyte,
        },
        shape: match options.shape {
            ShapeName::Floor => Shape::Floor,
            ShapeName::Plain => Shape::Plain,
        },
        scope_keys: options.scope_keys,
        tenant_roles,
        bypass_role,
    };
    let mut conventions = options.conventions.value(place);
    // Where policies read one of several configured settings, each table keeps its own.
    if conventions.tenant_setting.is_none()
        && !place.tenant_settings.contains(&main_setting(&catalog, &conventions))
    {
        conventions.tenant_setting = place.tenant_settings.first().cloned();
    }
    let plan = plan(&catalog, &conventions, &intent);
    Ok((plan, catalog.server.database))
}

/// PostgreSQL knows best which names need quotes.
async fn quoted(reader: &mut Reader, name: &str) -> Result<String, Failure> {
    let rows = reader.query(&format!("select quote_ident({})", quote_literal(name))).await?;
    let first = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    first.ok_or_else(|| Failure::new("the server quotes no name"))
}

/// All or nothing.
async fn together(reader: &mut Reader, plan: &Plan) -> Result<(), Failure> {
    let steps: Vec<&Step> =
        plan.steps.iter().filter(|step| step.phase == Phase::Together).collect();
    reader.query("begin").await?;
    reader.query(MAKE_JOURNAL).await?;
    for (index, step) in steps.iter().enumerate() {
        terminal::progress(&format!("{} of {}: {}", index + 1, steps.len(), step.sql));
        let done = reader.query(&step.sql).await;
        if let Err(Failure(lines)) = done {
            let why = lines.join("; ");
            return Err(Failure::new(format!(
                "{why}; at: {}; nothing was changed. A lock timeout means that somebody uses the \
                 table: try again, or with a longer --lock-timeout",
                step.sql
            )));
        }
        reader.query(&entry(step)).await?;
    }
    reader.query("commit").await.map(drop)
}

/// Each by itself; what is done stays done.
async fn alone(reader: &mut Reader, plan: &Plan) -> Result<(), Failure> {
    for step in plan.steps.iter().filter(|step| step.phase == Phase::Alone) {
        terminal::progress(&format!("alone: {}", step.sql));
        // An index that could not be completed is there and useless: it must go before it is tried
        // again.
        if let Err(Failure(lines)) = reader.query(&step.sql).await {
            let _ = reader.query(&step.revert).await;
            return Err(Failure::new(format!(
                "{}; at: {}; everything before it is done, apply again for the rest",
                lines.join("; "),
                step.sql
            )));
        }
        reader.query(&entry(step)).await?;
    }
    Ok(())
}

fn entry(step: &Step) -> String {
    let (sql, revert) = (quote_literal(&step.sql), quote_literal(&step.revert));
    format!("insert into {JOURNAL} (sql, revert) values ({sql}, {revert})")
}

async fn revert(reader: &mut Reader) -> Result<(), Failure> {
    let there = format!("select to_regclass('{JOURNAL}') is not null");
    let rows = reader.query(&there).await?;
    if rows.first().and_then(|row| row.first()?.as_deref()) != Some("t") {
        terminal::line("nothing was applied here");
        return Ok(());
    }
    reader.query("begin").await?;
    let journal = format!("delete from {JOURNAL} returning id, revert");
    let sorted = format!("with gone as ({journal}) select revert from gone order by id desc");
    let rows = reader.query(&sorted).await?;
    for (index, row) in rows.iter().enumerate() {
        let Some(sql) = row.first().and_then(Option::as_deref) else { continue };
        terminal::progress(&format!("{} of {}: {sql}", index + 1, rows.len()));
        if let Err(Failure(lines)) = reader.query(sql).await {
            return Err(Failure::new(format!(
                "{}; at: {sql}; nothing was taken back",
                lines.join("; ")
            )));
        }
    }
    reader.query("commit").await?;
    terminal::line(&format!("{} steps taken back", rows.len()));
    Ok(())
}
