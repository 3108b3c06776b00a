// Who comes in by the PostgreSQL door, and the schema that the programs work in.
//
// `rowhouse dev` writes where its doors are into DATA_DIR/endpoints.json. With ROWHOUSE_PG, a host
// and a port, the programs talk to that one: a PostgreSQL with the same roles answers the same.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import pg from "pg";

const DATA_DIR = process.env.ROWHOUSE_DATA_DIR ?? ".rowhouse";
const SEED_PASSWORD = "TestPW123!";

const read = (name) => JSON.parse(readFileSync(join(DATA_DIR, name), "utf8"));

function address() {
  const [host, port] = (process.env.ROWHOUSE_PG ?? read("endpoints.json").pg).split(":");
  return { host, port: Number(port) };
}

/// What `new pg.Client` and `new pg.Pool` take, for an application that says its tenant.
export function login(tenant, more = {}) {
  const { user = "app_user", options = "" } = more;
  const password = user === "app_user" ? "app_user" : SEED_PASSWORD;
  const own = tenant === undefined ? "" : `-c app.current_tenant=${tenant}`;
  const who = { user, password, database: "postgres" };
  return { ...address(), ...who, ...more, options: `${own} ${options}` };
}

export async function connect(tenant, more) {
  const client = new pg.Client(login(tenant, more));
  await client.connect();
  return client;
}

/// Runs with a client that is closed whatever happens.
export async function withClient(tenant, run, more) {
  const client = await connect(tenant, more);
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/// The PostgreSQL behind the door, as its operator reaches it.
async function asOperator(sql) {
  const { host, port, superuser, superuser_password_file: file } = read("cluster.json");
  const password = readFileSync(file, "utf8").trim();
  const client = new pg.Client({ host, port, user: superuser, password, database: "postgres" });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

/// Until PostgreSQL works at a statement like that, whoever sent it.
export async function untilRunning(like) {
  const sql = `select from pg_stat_activity where state = 'active' and query like '${like}'
    and pid <> pg_backend_pid()`;
  for (let tries = 0; tries < 1000; tries += 1) if ((await asOperator(sql)).rowCount) return;
  throw new Error(`${like} is not running`);
}

export const makeSchema = (name) =>
  asOperator(`
    drop schema if exists ${name} cascade;
    create schema ${name};
    grant usage on schema ${name} to app_user;
    create table ${name}.note (
      tenant_id text not null default current_setting('app.current_tenant'),
      id bigint generated always as identity primary key,
      body text not null
    );
    create policy own on ${name}.note
      using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')))
      with check (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')));
    alter table ${name}.note enable row level security;
    alter table ${name}.note force row level security;
    create table ${name}.plain (id bigint, body text);
    grant select, insert, update, delete on all tables in schema ${name} to app_user;
  `);

export const dropSchema = (name) => asOperator(`drop schema ${name} cascade`);
