/**
 * Who calls: an application, an operator or a tenant, each with unmodified clients.
 *
 * `rowhouse dev` writes where its doors are into DATA_DIR/endpoints.json.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ExecuteStatementCommand, RDSDataClient } from "@aws-sdk/client-rds-data";
import { fromTokenFile } from "@aws-sdk/credential-provider-web-identity";

const DATA_DIR = process.env.ROWHOUSE_DATA_DIR ?? ".rowhouse";
const PROGRAM = process.env.ROWHOUSE_PROGRAM ?? "rowhouse";

export const REGION = "us-east-1";
export const DATABASE = "postgres";
export const CLUSTER_ARN = "arn:aws:rds:us-east-1:000000000000:cluster:dev";
export const ENDPOINT = JSON.parse(readFileSync(join(DATA_DIR, "endpoints.json"), "utf8")).http;

export const secretArn = (name) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`;

/** What every call has to name. */
export const target = (secret) => ({
  resourceArn: CLUSTER_ARN,
  secretArn: secretArn(secret),
  database: DATABASE,
});
/** As the role that row-level security binds. */
export const TARGET = target("app_user");
/** As the superuser: for schemas and policies. */
export const AS_ADMIN = target("admin");

/** What an AWS client is configured with, of either major version. */
export const signedBy = (accessKeyId, more = {}) => ({
  endpoint: ENDPOINT,
  region: REGION,
  credentials: { accessKeyId, secretAccessKey: "rowhouse-dev-secret" },
  ...more,
});

/** A trusted application: it chooses the tenant itself, in each transaction. */
export const app = (more) => new RDSDataClient(signedBy("ROWHOUSEDEV", more));
/** An operator: no tenant, only a database role. */
export const admin = (more) => new RDSDataClient(signedBy("ROWHOUSEADMIN", more));

/** A file with a tenant's JWT, for as long as `use` runs. */
export async function withTokenFile(tenant, use) {
  const file = join(DATA_DIR, `conformance-node-${process.pid}-${tenant}`);
  const words = ["token", "--tenant", tenant, "--data-dir", DATA_DIR];
  writeFileSync(file, execFileSync(PROGRAM, words));
  try {
    return await use(file);
  } finally {
    rmSync(file);
  }
}

/** What a role for web identities is called: the gateway takes any. */
export const ROLE_ARN = "arn:aws:iam::123456789012:role/tenant";

/** Temporary credentials of a tenant, from the gateway's STS. */
export const credentialsOf = (tenant) =>
  withTokenFile(tenant, (webIdentityTokenFile) =>
    fromTokenFile({
      webIdentityTokenFile,
      roleArn: ROLE_ARN,
      clientConfig: { endpoint: ENDPOINT, region: REGION },
    })(),
  );

/** A tenant: whatever it sends, it stays this tenant. */
export const signedByTenant = async (tenant) =>
  signedBy(undefined, { credentials: await credentialsOf(tenant) });

const operator = admin();

/** One statement as the superuser, outside of what is being tried. */
export async function asAdmin(sql) {
  const answer = await operator.send(new ExecuteStatementCommand({ ...AS_ADMIN, sql }));
  return answer.records;
}

/** A PostgreSQL schema for one program, empty at the start whatever an earlier run has left. */
export async function freshSchema(name) {
  await asAdmin(`drop schema if exists ${name} cascade`);
  await asAdmin(`create schema ${name}`);
  await asAdmin(`grant usage on schema ${name} to app_user`);
}

export const dropSchema = (name) => asAdmin(`drop schema ${name} cascade`);

/** Only a tenant's own rows: the policy of the README. */
export async function wallOff(table) {
  await asAdmin(`grant select, insert, update, delete on ${table} to app_user`);
  const own = "tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::int)";
  await asAdmin(`create policy tenant on ${table} using (${own}) with check (${own})`);
  await asAdmin(`alter table ${table} enable row level security`);
  await asAdmin(`alter table ${table} force row level security`);
}
