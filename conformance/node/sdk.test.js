/** The AWS SDK for JavaScript v3 by itself: every operation, member and error. */

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { after, before, test } from "node:test";

import {
  BatchExecuteStatementCommand,
  BeginTransactionCommand,
  CommitTransactionCommand,
  DatabaseErrorException,
  ExecuteSqlCommand,
  ExecuteStatementCommand,
  HttpEndpointNotEnabledException,
  RDSData,
  RollbackTransactionCommand,
  SecretsErrorException,
  StatementTimeoutException,
  TransactionNotFoundException,
} from "@aws-sdk/client-rds-data";

import {
  admin,
  app,
  AS_ADMIN,
  dropSchema,
  ENDPOINT,
  freshSchema,
  REGION,
  ROLE_ARN,
  secretArn,
  signedBy,
  TARGET,
  withTokenFile,
} from "./callers.js";

const SCHEMA = "conformance_sdk";
const operator = admin();
const execute = (sql, more = {}) =>
  operator.send(new ExecuteStatementCommand({ ...AS_ADMIN, sql, ...more }));
const field = async (sql, parameters = [], more = {}) =>
  (await execute(sql, { parameters, ...more })).records[0][0];
const named = (name, value, typeHint) => ({ name, value, typeHint });

before(async () => {
  await freshSchema(SCHEMA);
  await execute(`create table ${SCHEMA}.note (id bigint primary key, body text)`);
});
after(() => dropSchema(SCHEMA));

test("the answer's metadata", async () => {
  const answer = await execute("select 1");
  assert.equal(answer.$metadata.httpStatusCode, 200);
  assert.equal(answer.$metadata.attempts, 1);
  assert.match(answer.$metadata.requestId, /^[\w-]{8,}$/);
});

test("scalars out", async () => {
  const cases = [
    ["select null", { isNull: true }],
    ["select true", { booleanValue: true }],
    ["select 42", { longValue: 42 }],
    ["select 9007199254740991", { longValue: Number.MAX_SAFE_INTEGER }],
    ["select -1.5::float8", { doubleValue: -1.5 }],
    ["select 1::float8", { doubleValue: 1 }],
    ["select 'NaN'::float8", { doubleValue: NaN }],
    ["select '-infinity'::float8", { doubleValue: -Infinity }],
    ["select 100.10::numeric(10,2)", { stringValue: "100.10" }],
    ["select 'Grüße 🐘'", { stringValue: "Grüße 🐘" }],
    ["select '2024-01-15 10:30:00.120+02'::timestamptz", { stringValue: "2024-01-15 08:30:00.12" }],
    [`select '{"a": [1, 2]}'::jsonb`, { stringValue: '{"a":[1,2]}' }],
    ["select array[1, null, 3]", { arrayValue: { longValues: [1, null, 3] } }],
    ["select array[]::text[]", { arrayValue: { stringValues: [] } }],
    ["select array[1.5::float8]", { arrayValue: { doubleValues: [1.5] } }],
    ["select array[true, false]", { arrayValue: { booleanValues: [true, false] } }],
  ];
  for (const [sql, expected] of cases) {
    assert.deepEqual(await field(sql), expected, sql);
  }
});

test("blobs are bytes both ways", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const out = await field("select :a", [named("a", { blobValue: bytes })]);
  assert.deepEqual(Uint8Array.from(out.blobValue), bytes);
});

test("longs beyond 2^53 come whole as strings", async () => {
  const resultSetOptions = { longReturnType: "STRING" };
  const out = await field("select 9223372036854775807", [], { resultSetOptions });
  assert.deepEqual(out, { stringValue: "9223372036854775807" });
});

test("decimals as numbers when they are asked for", async () => {
  const resultSetOptions = { decimalReturnType: "DOUBLE_OR_LONG" };
  assert.deepEqual(await field("select 1.5", [], { resultSetOptions }), { doubleValue: 1.5 });
});

test("parameters in, with and without hints", async () => {
  const uuid = "7f6d1fd1-4d5c-4a7b-8a0e-000000000001";
  const cases = [
    ["select :a", named("a", { longValue: 7 }), { longValue: 7 }],
    ["select :a", named("a", { doubleValue: 0.1 }), { doubleValue: 0.1 }],
    ["select :a", named("a", { doubleValue: Infinity }), { doubleValue: Infinity }],
    ["select :a", named("a", { booleanValue: false }), { booleanValue: false }],
    ["select :a", named("a", { isNull: true }), { isNull: true }],
    ["select :a", named("a", { stringValue: "it's :a" }), { stringValue: "it's :a" }],
    ["select :1", named("1", { longValue: 1 }), { longValue: 1 }],
    ["select :a", named("a", { stringValue: uuid }, "UUID"), { stringValue: uuid }],
    ["select :a", named("a", { stringValue: "1.50" }, "DECIMAL"), { stringValue: "1.50" }],
    ["select :a", named("a", { stringValue: "2024-02-29" }, "DATE"), { stringValue: "2024-02-29" }],
    ["select :a", named("a", { stringValue: "10:11:12" }, "TIME"), { stringValue: "10:11:12" }],
    [
      "select :a::jsonb",
      named("a", { stringValue: '{"b": 1}' }, "JSON"),
      { stringValue: '{"b":1}' },
    ],
  ];
  for (const [sql, parameter, expected] of cases) {
    assert.deepEqual(await field(sql, [parameter]), expected, JSON.stringify(parameter));
  }
});

test("records as JSON", async () => {
  const sql = "select 1 as id, 'Jane' as name, null as gone, 10::float8 as a, array[1,2] as b";
  const answer = await execute(sql, { formatRecordsAs: "JSON", includeResultMetadata: true });
  assert.deepEqual(JSON.parse(answer.formattedRecords), [
    { id: 1, name: "Jane", gone: null, a: 10, b: [1, 2] },
  ]);
  assert.equal(answer.records, undefined);
  assert.equal(answer.columnMetadata, undefined);
});

test("column metadata has every member that the SDK knows", async () => {
  const { columnMetadata } = await execute("select 1 as a, array['b'] as b", {
    includeResultMetadata: true,
  });
  assert.deepEqual(Object.keys(columnMetadata[0]).sort(), [
    "arrayBaseColumnType",
    "isAutoIncrement",
    "isCaseSensitive",
    "isCurrency",
    "isSigned",
    "label",
    "name",
    "nullable",
    "precision",
    "scale",
    "schemaName",
    "tableName",
    "type",
    "typeName",
  ]);
  const seen = columnMetadata.map(({ name, label, type, typeName }) => [
    name,
    label,
    type,
    typeName,
  ]);
  assert.deepEqual(seen, [
    ["a", "a", 4, "int4"],
    ["b", "b", 2003, "_text"],
  ]);
});

test("counts, and what an answer leaves out", async () => {
  const insert = await execute(`insert into ${SCHEMA}.note values (1, 'a'), (2, 'b')`);
  assert.equal(insert.numberOfRecordsUpdated, 2);
  assert.deepEqual(insert.generatedFields, []);
  assert.equal(insert.records, undefined);
  assert.equal(insert.columnMetadata, undefined);
  const none = await execute(`select * from ${SCHEMA}.note where id > 9`);
  assert.deepEqual(none.records, []);
  const deleted = await execute(`delete from ${SCHEMA}.note returning id`);
  assert.deepEqual(deleted.records, [[{ longValue: 1 }], [{ longValue: 2 }]]);
});

test("batches: one entry for each set, all or nothing", async () => {
  const sql = `insert into ${SCHEMA}.note values (:id, :body)`;
  const set = (id) => [named("id", { longValue: id }), named("body", { stringValue: `${id}` })];
  const batch = (ids) =>
    operator.send(
      new BatchExecuteStatementCommand({ ...AS_ADMIN, sql, parameterSets: ids.map(set) }),
    );
  const { updateResults } = await batch([11, 12, 13]);
  assert.deepEqual(
    updateResults.map((result) => result.generatedFields),
    [[], [], []],
  );
  await assert.rejects(batch([14, 11]), /SQLState: 23505/);
  assert.deepEqual(await field(`select count(*) from ${SCHEMA}.note`), { longValue: 3 });
  await execute(`delete from ${SCHEMA}.note`);
});

test("transactions: commit, rollback, savepoints, and their end", async () => {
  const { transactionId } = await operator.send(new BeginTransactionCommand(AS_ADMIN));
  assert.ok(transactionId.length <= 192);
  const inside = { transactionId };
  const { resourceArn, secretArn } = AS_ADMIN;
  await execute(`insert into ${SCHEMA}.note values (21, 'a')`, inside);
  await execute("savepoint s", inside);
  await assert.rejects(execute("select 1/0", inside), DatabaseErrorException);
  await assert.rejects(execute("select 1", inside), /current transaction is aborted/);
  await execute("rollback to savepoint s", inside);
  const ended = await operator.send(
    new CommitTransactionCommand({ resourceArn, secretArn, transactionId }),
  );
  assert.equal(ended.transactionStatus, "Transaction Committed");
  await assert.rejects(execute("select 1", inside), TransactionNotFoundException);
  assert.deepEqual(await field(`select count(*) from ${SCHEMA}.note`), { longValue: 1 });

  const second = await operator.send(new BeginTransactionCommand(AS_ADMIN));
  await execute(`delete from ${SCHEMA}.note`, { transactionId: second.transactionId });
  const undone = await operator.send(
    new RollbackTransactionCommand({ resourceArn, secretArn, transactionId: second.transactionId }),
  );
  assert.equal(undone.transactionStatus, "Rollback Complete");
  assert.deepEqual(await field(`select count(*) from ${SCHEMA}.note`), { longValue: 1 });
});

test("an application's tenant is of its transaction and of nothing else", async () => {
  const client = app();
  const send = (sql, transactionId) =>
    client.send(new ExecuteStatementCommand({ ...TARGET, sql, transactionId }));
  const { transactionId } = await client.send(new BeginTransactionCommand(TARGET));
  await send("set local app.current_tenant = 2", transactionId);
  const { records } = await send("select tenant_name from tenant", transactionId);
  assert.deepEqual(records, [[{ stringValue: "Tenant2" }]]);
  await client.send(new CommitTransactionCommand({ ...TARGET, transactionId }));
  assert.deepEqual((await send("select * from tenant")).records, []);
});

test("errors arrive under their names, and nobody tries them again", async () => {
  const unknownArn = `${AS_ADMIN.resourceArn}x`;
  const cases = [
    [{ sql: "select * from attic" }, DatabaseErrorException, /; Position: 15; SQLState: 42P01$/],
    [{ sql: "selec 1" }, DatabaseErrorException, /^ERROR: syntax error .*; SQLState: 42601$/],
    [{ sql: "select 1", transactionId: "AAAA" }, TransactionNotFoundException, /AAAA/],
    [{ sql: "select 1", resourceArn: unknownArn }, HttpEndpointNotEnabledException, /./],
    [{ sql: "select 1", secretArn: secretArn("nobody") }, SecretsErrorException, /./],
  ];
  for (const [more, type, text] of cases) {
    await assert.rejects(execute(more.sql, more), (error) => {
      assert.ok(error instanceof type, `${error.name} ${error.message}`);
      assert.equal(error.name, type.name);
      assert.match(error.message, text);
      assert.equal(error.$metadata.attempts, 1);
      assert.equal(error.$fault, "client");
      assert.ok(error.$metadata.requestId);
      return true;
    });
  }
});

test("errors that are in no model have their names too", async () => {
  const stranger = new RDSData(signedBy("NOBODY"));
  // Begun one after the other: who is refused before anybody listens ends the process.
  const cases = [
    [() => execute(""), "ValidationException", 400],
    [() => stranger.executeStatement({ ...TARGET, sql: "select 1" }), undefined, 403],
  ];
  for (const [call, name, status] of cases) {
    await assert.rejects(call(), (error) => {
      assert.equal(error.$metadata.httpStatusCode, status);
      assert.equal(error.name, name ?? error.name);
      assert.match(error.name, /Exception$/);
      return true;
    });
  }
});

test("a result beyond the limit is refused, and its transaction goes on", async () => {
  const { transactionId } = await operator.send(new BeginTransactionCommand(AS_ADMIN));
  const long = execute("select repeat('x', 2000000)", { transactionId });
  await assert.rejects(long, (error) => error.$metadata.httpStatusCode === 400);
  assert.deepEqual(await field("select 1", [], { transactionId }), { longValue: 1 });
  const { resourceArn, secretArn } = AS_ADMIN;
  await operator.send(new RollbackTransactionCommand({ resourceArn, secretArn, transactionId }));
});

test("the deprecated operation is refused", async () => {
  const call = operator.send(
    new ExecuteSqlCommand({
      dbClusterOrInstanceArn: AS_ADMIN.resourceArn,
      awsSecretStoreArn: AS_ADMIN.secretArn,
      sqlStatements: "select 1",
    }),
  );
  await assert.rejects(call, { name: "BadRequestException" });
});

test("many calls at once on one client", async () => {
  const calls = Array.from({ length: 50 }, (_, index) => field(`select ${index}`));
  const answers = await Promise.all(calls);
  assert.deepEqual(
    answers,
    answers.map((_, index) => ({ longValue: index })),
  );
});

test("a tenant by its environment alone", async () => {
  await withTokenFile("2", async (AWS_WEB_IDENTITY_TOKEN_FILE) => {
    const names = Object.keys(process.env).filter((name) => name.startsWith("AWS_"));
    for (const name of names) delete process.env[name];
    Object.assign(process.env, {
      AWS_WEB_IDENTITY_TOKEN_FILE,
      AWS_ROLE_ARN: ROLE_ARN,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_STS: ENDPOINT,
      AWS_ENDPOINT_URL_RDS_DATA: ENDPOINT,
    });
    const tenant = new RDSData({});
    const sql = "select tenant_name from tenant";
    const { records } = await tenant.executeStatement({ ...TARGET, sql });
    assert.deepEqual(records, [[{ stringValue: "Tenant2" }]]);
    const other = tenant.executeStatement({ ...TARGET, sql: "set app.current_tenant = 1" });
    await assert.rejects(other, { name: "DatabaseErrorException", message: /SQLState: 42501$/ });
  });
});

test("a result is all that data-api-client's second version looks at", async () => {
  const sql = "select '{1,2}'::int[] as a, '[1]'::jsonb as b, date '2024-02-29' as c, 'x' as b";
  const { records, columnMetadata } = await execute(sql, { includeResultMetadata: true });
  const seen = columnMetadata.map(({ label, typeName }) => [label, typeName]);
  assert.deepEqual(seen, [
    ["a", "_int4"],
    ["b", "jsonb"],
    ["c", "date"],
    ["b", "text"],
  ]);
  assert.deepEqual(records[0].map(Object.keys), [
    ["arrayValue"],
    ["stringValue"],
    ["stringValue"],
    ["stringValue"],
  ]);
});

test("behind a proxy: being too busy is tried again, a refusal is not", async () => {
  const busy = { __type: "ServiceUnavailableError", message: "Too many requests wait." };
  let seen = 0;
  const proxy = createServer((incoming, outgoing) => {
    seen += 1;
    if (seen === 1) {
      outgoing.writeHead(503, { "x-amzn-errortype": busy.__type }).end(JSON.stringify(busy));
      incoming.resume();
      return;
    }
    const { method, headers, url } = incoming;
    const forwarded = request(new URL(url, ENDPOINT), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    const client = admin({ endpoint: `http://127.0.0.1:${proxy.address().port}` });
    const send = (sql) => client.send(new ExecuteStatementCommand({ ...AS_ADMIN, sql }));
    const answer = await send("select 1");
    assert.deepEqual([answer.$metadata.attempts, seen], [2, 2]);
    await assert.rejects(send("select 1/0"), (error) => error.$metadata.attempts === 1);
    assert.equal(seen, 3);
    client.destroy();
  } finally {
    proxy.close();
  }
});
