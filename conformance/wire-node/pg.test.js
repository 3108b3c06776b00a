// node-postgres, its cursors and streams, on the PostgreSQL door.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, before, test } from "node:test";

import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";

import { connect, dropSchema, login, makeSchema, untilRunning, withClient } from "./door.js";

const SCHEMA = "wire_node";
const NOTE = `${SCHEMA}.note`;
const PLAIN = `${SCHEMA}.plain`;
const LARGE = 10_000_000;
const ROWS = 1_000_000;
const CLIENTS = 64;

// Queries that wait in the client are what many applications still do.
process.noDeprecation = true;

before(() => makeSchema(SCHEMA));
after(() => dropSchema(SCHEMA));

const insert = (client, body) =>
  client.query(`insert into ${NOTE} (body) values ($1) returning tenant_id`, [body]);
const bodies = async (client) => {
  const { rows } = await client.query(`select body from ${NOTE} order by id`);
  return rows.map(({ body }) => body);
};

test("rows of one tenant", async () => {
  const [a, b] = await Promise.all([connect("a"), connect("b")]);
  await insert(a, "of a");
  await insert(b, "of b");
  assert.deepEqual(await bodies(a), ["of a"]);
  assert.deepEqual(await bodies(b), ["of b"]);
  const { rowCount } = await a.query(`update ${NOTE} set body = 'x' where tenant_id = 'b'`);
  assert.equal(rowCount, 0);
  const foreign = a.query(`insert into ${NOTE} (tenant_id, body) values ('b', 'x')`);
  await assert.rejects(foreign, { code: "42501", message: /row-level security policy/ });
  await Promise.all([a.end(), b.end()]);
  await withClient(undefined, async (nobody) => assert.deepEqual(await bodies(nobody), []));
});

const VALUES = [
  ["int4", -5, -5],
  ["int8", "9223372036854775807", "9223372036854775807"],
  ["numeric", "1.10", "1.10"],
  ["float8", 0.1, 0.1],
  ["bool", true, true],
  ["text", "grün, 🏠 'q' \\", "grün, 🏠 'q' \\"],
  ["bytea", Buffer.from([0, 1, 255]), Buffer.from([0, 1, 255])],
  ["jsonb", { a: [1, null, "ä"] }, { a: [1, null, "ä"] }],
  ["timestamptz", new Date("2024-02-29T23:59:59.123Z"), new Date("2024-02-29T23:59:59.123Z")],
  ["int4[]", [1, null, 3], [1, null, 3]],
  ["text[]", ["a", 'with "q"', null], ["a", 'with "q"', null]],
  ["uuid", "7a245486-3fc8-47ec-b303-04fefe7a58ff", "7a245486-3fc8-47ec-b303-04fefe7a58ff"],
  ["text", null, null],
];

test("values there and back, as text and in binary", () =>
  withClient(1, async (client) => {
    for (const [type, given, expected] of VALUES) {
      const { rows } = await client.query(`select $1::${type} as value`, [given]);
      assert.deepEqual(rows[0].value, expected, type);
    }
    const binary = { text: "select $1::int4 as n, $2::bool as b", values: [7, true], binary: true };
    assert.deepEqual((await client.query(binary)).rows, [{ n: 7, b: true }]);
    const asArray = { text: "select 1, 'x'", rowMode: "array" };
    assert.deepEqual((await client.query(asArray)).rows, [[1, "x"]]);
  }));

test("named statements across transactions and clients", async () => {
  const clients = await Promise.all([connect("p1"), connect("p2")]);
  for (let turn = 1; turn <= 5; turn += 1) {
    for (const [index, client] of clients.entries()) {
      await client.query("begin");
      const add = `insert into ${NOTE} (body) values ($1)`;
      await client.query({ name: "add", text: add, values: ["x"] });
      await client.query("commit");
      // One name, and another text at each client.
      const text = `select count(*)::int as n, ${index} as who from ${NOTE} where body = $1`;
      const { rows } = await client.query({ name: "count", text, values: ["x"] });
      assert.deepEqual(rows, [{ n: turn, who: index }]);
    }
  }
  await Promise.all(clients.map((client) => client.end()));
});

test("transactions, savepoints and failures", () =>
  withClient("tx", async (client) => {
    await client.query("begin isolation level repeatable read");
    await insert(client, "kept");
    await client.query("savepoint s");
    await insert(client, "lost");
    await assert.rejects(client.query("select 1 / 0"), { code: "22012" });
    await assert.rejects(client.query("select 1"), { code: "25P02" });
    await client.query("rollback to s");
    await client.query("commit");
    assert.deepEqual(await bodies(client), ["kept"]);
    await client.query("begin");
    await assert.rejects(client.query("select * from nowhere"), { code: "42P01", position: "15" });
    assert.equal((await client.query("commit")).command, "ROLLBACK");
  }));

test("several statements in one text", () =>
  withClient("several", async (client) => {
    const insertX = `insert into ${NOTE} (body) values ('x')`;
    const results = await client.query(`${insertX}; select 1 as n; select 2 as n`);
    assert.deepEqual(results.map(({ command, rowCount }) => [command, rowCount]), [
      ["INSERT", 1],
      ["SELECT", 1],
      ["SELECT", 1],
    ]);
    // One transaction: what fails takes along what stood before it.
    const failing = client.query(`insert into ${NOTE} (body) values ('y'); select 1 / 0`);
    await assert.rejects(failing, { code: "22012" });
    assert.deepEqual(await bodies(client), ["x"]);
  }));

test("cursors", () =>
  withClient(1, async (client) => {
    await client.query("begin");
    const cursor = client.query(new Cursor("select generate_series(1, $1::int) as n", [1000]));
    const first = await cursor.read(10);
    assert.deepEqual(first.map(({ n }) => n), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal((await cursor.read(500)).at(-1).n, 510);
    await cursor.close();
    await client.query("commit");
    assert.deepEqual((await client.query("select 1 as n")).rows, [{ n: 1 }]);
  }));

test("streams, to the end and broken off", () =>
  withClient(1, async (client) => {
    let sum = 0;
    const text = "select generate_series(1, 20000) as n";
    for await (const { n } of client.query(new QueryStream(text, [], { batchSize: 100 }))) sum += n;
    assert.equal(sum, 200_010_000);
    for await (const { n } of client.query(new QueryStream(text))) if (n === 5) break;
    assert.deepEqual((await client.query("select 2 as n")).rows, [{ n: 2 }]);
  }));

test("large values", () =>
  withClient(1, async (client) => {
    const text = "x".repeat(LARGE);
    assert.equal((await client.query("select $1::text as t", [text])).rows[0].t, text);
    const data = Buffer.alloc(LARGE, "data");
    const { rows } = await client.query("select $1::bytea as data", [data]);
    assert.ok(data.equals(rows[0].data));
  }));

test("COPY of a million rows", () =>
  withClient(1, async (client) => {
    function* lines() {
      for (let from = 0; from < ROWS; from += 10_000) {
        const numbers = Array.from({ length: 10_000 }, (_, n) => from + n);
        yield numbers.map((n) => `${n}\tnote ${n}\n`).join("");
      }
    }
    const into = client.query(copyFrom(`copy ${PLAIN} from stdin`));
    await pipeline(Readable.from(lines()), into);
    assert.equal(into.rowCount, ROWS);
    let bytes = 0;
    const out = client.query(copyTo(`copy (select * from ${PLAIN} order by id) to stdout`));
    for await (const chunk of out) bytes += chunk.length;
    assert.equal(bytes, [...lines()].reduce((sum, text) => sum + text.length, 0));
    const refused = client.query(copyFrom(`copy ${PLAIN} from stdin`));
    await assert.rejects(pipeline(Readable.from(["no number\tx\n"]), refused), { code: "22P02" });
    const { rows } = await client.query(`select count(*)::int as n from ${PLAIN}`);
    assert.deepEqual(rows, [{ n: ROWS }]);
  }));

test("cancelled by another connection, and by a timeout", () =>
  withClient(1, async (client) => {
    const query = new pg.Query("select pg_sleep(60) /* node */");
    const refused = new Promise((resolve) => query.once("error", resolve));
    client.query(query);
    await untilRunning("% /* node */");
    new pg.Client(login(1)).cancel(client, query);
    assert.equal((await refused).code, "57014");
    await client.query("set statement_timeout = 200");
    await assert.rejects(client.query("select pg_sleep(60)"), { code: "57014" });
    await client.query("reset statement_timeout");
    assert.deepEqual((await client.query("select 3 as n")).rows, [{ n: 3 }]);
  }));

test("notices and notifications", async () => {
  const [listening, saying] = await Promise.all([connect(1), connect(1)]);
  const notice = new Promise((resolve) => listening.once("notice", resolve));
  const news = new Promise((resolve) => listening.once("notification", resolve));
  await listening.query("do $$ begin raise notice 'hello'; end $$");
  assert.equal((await notice).message, "hello");
  await listening.query("listen node_news");
  await saying.query("select pg_notify('node_news', 'payload')");
  const { channel, payload } = await news;
  assert.deepEqual([channel, payload], ["node_news", "payload"]);
  await Promise.all([listening.end(), saying.end()]);
});

test("queries queued without waiting", () =>
  withClient("queued", async (client) => {
    const queries = Array.from({ length: 100 }, (_, n) => client.query("select $1::int as n", [n]));
    const failing = client.query("select 1 / 0");
    const last = client.query("select 'after' as n");
    const found = await Promise.all(queries);
    assert.deepEqual(found.map(({ rows }) => rows[0].n), queries.map((_, n) => n));
    await assert.rejects(failing, { code: "22012" });
    assert.equal((await last).rows[0].n, "after");
  }));

test("a pool, and many short connections", async () => {
  const pool = new pg.Pool(login("pool", { max: 8 }));
  await Promise.all(Array.from({ length: 100 }, (_, n) => insert(pool, `${n}`)));
  assert.equal((await bodies(pool)).length, 100);
  await pool.end();
  for (let number = 0; number < 40; number += 1) {
    await withClient(`short-${number}`, async (client) => {
      await insert(client, "x");
      assert.deepEqual(await bodies(client), ["x"]);
    });
  }
});

test("clients of many tenants, and no foreign rows", async () => {
  const run = async (number) => {
    const tenant = `many-${number}`;
    await withClient(tenant, async (client) => {
      for (let turn = 1; turn <= 8; turn += 1) {
        if (turn % 2) await client.query("begin");
        await insert(client, tenant);
        if (turn % 2) await client.query("commit");
        const { rows } = await client.query(`select tenant_id, body from ${NOTE}`);
        assert.deepEqual(rows, Array(turn).fill({ tenant_id: tenant, body: tenant }));
      }
    });
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => run(number)));
});

test("a tenant that is fixed", async () => {
  const options = { user: "t1", database: "rls_vip" };
  const rows = "select tenant_id::int from sh_vip.t_user";
  await withClient(
    undefined,
    async (client) => assert.deepEqual((await client.query(rows)).rows, [{ tenant_id: 1 }]),
    { ...options, options: "-c app.tenant_id=1" },
  );
  if (process.env.ROWHOUSE_PG) return;
  const another = connect(undefined, { ...options, options: "-c app.tenant_id=2" });
  await assert.rejects(another, { code: "42501" });
});
