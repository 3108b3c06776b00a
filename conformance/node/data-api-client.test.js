/** data-api-client, on the AWS SDK for JavaScript v2: queries, batches, casts, transactions. */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, beforeEach, test } from "node:test";

import {
  AS_ADMIN,
  asAdmin,
  dropSchema,
  freshSchema,
  signedBy,
  signedByTenant,
  TARGET,
  wallOff,
} from "./callers.js";

const require = createRequire(import.meta.url);
// It says at every start that it is the old one, which nobody here needs to be told.
require("aws-sdk/lib/maintenance_mode_message").suppress = true;
const createClient = require("data-api-client");

const SCHEMA = "conformance_dac";
const open = (options, target, more = {}) =>
  createClient({ engine: "pg", ...target, options, ...more });
const client = open(signedBy("ROWHOUSEADMIN"), AS_ADMIN);
const UUID = "7f6d1fd1-4d5c-4a7b-8a0e-000000000001";

before(async () => {
  await freshSchema(SCHEMA);
  await client.query(`create type ${SCHEMA}.mood as enum ('sad', 'ok')`);
  await client.query(`
    create table ${SCHEMA}.thing (
      id serial primary key, name text unique, price numeric(10, 2), weight float8, ok boolean,
      data bytea, doc jsonb, key uuid, mood ${SCHEMA}.mood, day date, at timestamp,
      zoned timestamptz, tags text[], tenant_id integer not null default 1
    )`);
  await wallOff(`${SCHEMA}.thing`);
  await asAdmin(`grant usage on all sequences in schema ${SCHEMA} to app_user`);
});
beforeEach(() => asAdmin(`truncate ${SCHEMA}.thing restart identity`));
after(() => dropSchema(SCHEMA));

test("named parameters of every kind, rows by column name", async () => {
  const at = new Date("2024-01-15T10:30:00.120Z");
  const inserted = await client.query(
    `insert into ${SCHEMA}.thing (name, price, weight, ok, data, doc, key, mood, at, zoned)
     values (:name, :price, :weight, :ok, :data, :doc, :key, :mood, :at, :at)`,
    [
      { name: "it's", weight: 1.5, ok: true, data: Buffer.from([0, 255]), at },
      { name: "price", value: "9.99", cast: "numeric" },
      { name: "doc", value: '{"a": [1]}', cast: "jsonb" },
      { name: "key", value: UUID, cast: "uuid" },
      { name: "mood", value: "ok", cast: `${SCHEMA}.mood` },
    ],
  );
  assert.deepEqual(inserted, { numberOfRecordsUpdated: 1 });
  const { records } = await client.query(`select * from ${SCHEMA}.thing where name = :name`, {
    name: "it's",
  });
  const [{ data, ...row }] = records;
  assert.deepEqual(Buffer.from(data), Buffer.from([0, 255]));
  assert.deepEqual(row, {
    id: 1,
    name: "it's",
    price: "9.99",
    weight: 1.5,
    ok: true,
    doc: '{"a":[1]}',
    key: UUID,
    mood: "ok",
    day: null,
    at,
    zoned: at,
    tags: null,
    tenant_id: 1,
  });
});

test("without casts, by what PostgreSQL takes the parameter for", async () => {
  await client.query(
    `insert into ${SCHEMA}.thing (doc, key, mood, price) values (:doc, :key, :mood, :price)`,
    { doc: "{}", key: UUID, mood: "sad", price: "1" },
  );
  const { records } = await client.query(`select price from ${SCHEMA}.thing where key = :key`, {
    key: UUID,
  });
  assert.deepEqual(records, [{ price: "1.00" }]);
});

test("identifiers, arrays of values, metadata, records as they are", async () => {
  await client.query(`insert into ${SCHEMA}.thing (name, tags) values ('a', '{x,y}')`);
  // The client quotes identifiers as MySQL does; what it makes of them must be told, not lost.
  await assert.rejects(
    client.query(`select ::column from ${SCHEMA}.thing`, { column: "name" }),
    /SQLState: 42601/,
  );
  const answer = await client.query({
    sql: `select id, tags from ${SCHEMA}.thing`,
    includeResultMetadata: true,
    hydrateColumnNames: false,
  });
  assert.deepEqual(answer.records, [[1, { stringValues: ["x", "y"] }]]);
  assert.deepEqual(
    answer.columnMetadata.map((column) => column.label),
    ["id", "tags"],
  );
});

test("dates: as instants, as local times, as texts", async () => {
  await client.query(
    `insert into ${SCHEMA}.thing (day, at) values ('2024-02-29', '2024-01-15 10:30:00')`,
  );
  const sql = `select day, at from ${SCHEMA}.thing`;
  const [instants] = (await client.query(sql)).records;
  assert.equal(instants.day.toISOString(), "2024-02-29T00:00:00.000Z");
  assert.equal(instants.at.toISOString(), "2024-01-15T10:30:00.000Z");
  const formatted = (formatOptions) => open(signedBy("ROWHOUSEADMIN"), AS_ADMIN, { formatOptions });
  const [texts] = (await formatted({ deserializeDate: false }).query(sql)).records;
  assert.deepEqual(texts, { day: "2024-02-29", at: "2024-01-15 10:30:00" });
  const [local] = (await formatted({ treatAsLocalDate: true }).query(sql)).records;
  assert.equal(local.at.getHours(), 10);
});

test("batches", async () => {
  const sets = Array.from({ length: 20 }, (_, index) => [{ name: `n${index}` }]);
  const inserted = await client.query(`insert into ${SCHEMA}.thing (name) values (:name)`, sets);
  assert.deepEqual(inserted, { updateResults: sets.map(() => ({})) });
  const { records } = await client.query(`select count(*) as all from ${SCHEMA}.thing`);
  assert.deepEqual(records, [{ all: 20 }]);
});

test("transactions: results in order, a value of one in the next, rollback tells why", async () => {
  const insert = (name) => [
    `insert into ${SCHEMA}.thing (name) values (:name) returning id`,
    { name },
  ];
  const results = await client
    .transaction()
    .query(...insert("a"))
    .query((last) => [`update ${SCHEMA}.thing set ok = true where id = :id`, last.records[0]])
    .commit();
  assert.deepEqual(results, [
    { records: [{ id: 1 }] },
    { numberOfRecordsUpdated: 1 },
    { transactionStatus: "Transaction Committed" },
  ]);
  let told;
  const failing = client
    .transaction()
    .query(...insert("b"))
    .query(...insert("a"))
    .rollback((error, status) => {
      told = [error.code, status.transactionStatus];
    });
  await assert.rejects(failing.commit(), (error) => {
    assert.equal(error.code, "DatabaseErrorException");
    assert.equal(error.statusCode, 400);
    assert.equal(error.retryable, false);
    assert.ok(error.requestId);
    assert.match(error.message, /SQLState: 23505$/);
    return true;
  });
  assert.deepEqual(told, ["DatabaseErrorException", "Rollback Complete"]);
  const { records } = await client.query(`select name, ok from ${SCHEMA}.thing`);
  assert.deepEqual(records, [{ name: "a", ok: true }]);
});

test("the SDK's own calls through the client", async () => {
  const { transactionId } = await client.beginTransaction();
  await client.executeStatement({
    transactionId,
    sql: `insert into ${SCHEMA}.thing (name) values ('x')`,
  });
  await client.batchExecuteStatement({
    transactionId,
    sql: `insert into ${SCHEMA}.thing (name) values (:n)`,
    parameterSets: [[{ name: "n", value: { stringValue: "y" } }]],
  });
  assert.deepEqual(await client.rollbackTransaction({ transactionId }), {
    transactionStatus: "Rollback Complete",
  });
  const { records } = await client.query(`select * from ${SCHEMA}.thing`);
  assert.deepEqual(records, []);
});

test("an application says its tenant first in the transaction", async () => {
  for (const tenant of [1, 2]) {
    await client.query(`insert into ${SCHEMA}.thing (tenant_id) values (:tenant)`, { tenant });
  }
  const application = open(signedBy("ROWHOUSEDEV"), TARGET);
  const [, seen] = await application
    .transaction()
    .query("select set_config('app.current_tenant', :tenant, true)", { tenant: "2" })
    .query(`select tenant_id from ${SCHEMA}.thing`)
    .commit();
  assert.deepEqual(seen.records, [{ tenant_id: 2 }]);
  assert.deepEqual((await application.query(`select * from ${SCHEMA}.thing`)).records, []);
});

test("a tenant needs to say nothing, and cannot say anything else", async () => {
  for (const tenant of [1, 2]) {
    await client.query(`insert into ${SCHEMA}.thing (tenant_id) values (:tenant)`, { tenant });
  }
  const tenant = open(await signedByTenant("2"), TARGET);
  const { records } = await tenant.query(`select tenant_id from ${SCHEMA}.thing`);
  assert.deepEqual(records, [{ tenant_id: 2 }]);
  const other = tenant.query("set app.current_tenant = 1");
  await assert.rejects(other, { code: "DatabaseErrorException", message: /SQLState: 42501$/ });
});
