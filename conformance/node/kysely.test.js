/** Kysely's dialect for the Data API: builder, schema builder, migrations, types. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { RDSData } from "@aws-sdk/client-rds-data";
import { CompiledQuery, Kysely, Migrator, sql } from "kysely";
import { DataApiDialect } from "kysely-data-api";

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

const SCHEMA = "conformance_kysely";
const open = (config, target) =>
  new Kysely({
    dialect: new DataApiDialect({
      mode: "postgres",
      driver: { client: new RDSData(config), ...target },
    }),
  });
const plain = open(signedBy("ROWHOUSEADMIN"), AS_ADMIN);
const db = plain.withSchema(SCHEMA);

before(async () => {
  await freshSchema(SCHEMA);
  await db.schema.createType("species").asEnum(["cat", "dog"]).execute();
  await db.schema
    .createTable("person")
    .addColumn("id", "serial", (column) => column.primaryKey())
    .addColumn("first_name", "varchar(50)", (column) => column.notNull().unique())
    .addColumn("balance", sql`numeric(10, 2)`)
    .addColumn("active", "boolean", (column) => column.notNull().defaultTo(true))
    .addColumn("born", "date")
    .addColumn("seen_at", "timestamp")
    .addColumn("created_at", "timestamptz", (column) => column.defaultTo(sql`now()`))
    .addColumn("settings", "jsonb")
    .addColumn("avatar", "bytea")
    .addColumn("scores", sql`integer[]`)
    .addColumn("key", "uuid")
    .execute();
  await db.schema
    .createTable("pet")
    .addColumn("id", "integer", (column) => column.primaryKey().generatedAlwaysAsIdentity())
    .addColumn("owner", "integer", (column) => column.references(`${SCHEMA}.person.id`).notNull())
    .addColumn("species", sql.raw(`${SCHEMA}.species`), (column) => column.notNull())
    .addColumn("tenant_id", "integer", (column) => column.notNull().defaultTo(1))
    .execute();
  await db.schema.createIndex("pet_owner").on("pet").column("owner").execute();
  await wallOff(`${SCHEMA}.pet`);
  // Row-level security does not bind the superuser that this program mostly is.
  await asAdmin(`grant usage on all sequences in schema ${SCHEMA} to app_user`);
});
beforeEach(() => asAdmin(`truncate ${SCHEMA}.person, ${SCHEMA}.pet restart identity`));
after(async () => {
  await dropSchema(SCHEMA);
  await asAdmin("drop table if exists kysely_migration, kysely_migration_lock");
});

test("values there and back by column types", async () => {
  const person = {
    first_name: "Jennifer",
    balance: "100.10",
    active: false,
    born: new Date("2024-02-29"),
    seen_at: new Date("2024-01-15T10:30:00.120Z"),
    created_at: new Date("2024-01-15T10:30:00.123Z"),
    avatar: Buffer.from([0, 1, 254, 255]),
    key: "7f6d1fd1-4d5c-4a7b-8a0e-000000000001",
  };
  const settings = { theme: "dark", list: [1, null, { a: "b" }] };
  await db
    .insertInto("person")
    .values({
      ...person,
      settings: JSON.stringify(settings),
      scores: "{1,2,NULL}",
    })
    .execute();
  const row = await db.selectFrom("person").selectAll().executeTakeFirstOrThrow();
  const { settings: read, scores, avatar, ...rest } = row;
  const { avatar: sent, ...expected } = person;
  assert.deepEqual(rest, { id: 1, ...expected });
  assert.deepEqual(Buffer.from(avatar), sent);
  assert.deepEqual(read, settings);
  assert.deepEqual(scores, [1, 2, null]);
});

test("hints of the driver", async () => {
  await db
    .insertInto("person")
    .values({
      first_name: "Arnold",
      seen_at: { typeHint: "TIMESTAMP", value: { stringValue: "2024-01-15T10:30:00.5Z" } },
      key: { typeHint: "UUID", value: { stringValue: "7f6d1fd1-4d5c-4a7b-8a0e-000000000002" } },
      settings: { typeHint: "JSON", value: { stringValue: "[1]" } },
      balance: { typeHint: "DECIMAL", value: { stringValue: "1.5" } },
    })
    .execute();
  const row = await db.selectFrom("person").selectAll().executeTakeFirstOrThrow();
  assert.equal(row.seen_at.toISOString(), "2024-01-15T10:30:00.500Z");
  assert.deepEqual([row.settings, row.balance], [[1], "1.50"]);
});

test("counts of changes", async () => {
  const people = ["a", "b", "c"].map((first_name) => ({ first_name }));
  const inserted = await db.insertInto("person").values(people).executeTakeFirst();
  assert.equal(inserted.numInsertedOrUpdatedRows, 3n);
  const updated = await db
    .updateTable("person")
    .set({ active: false })
    .where("first_name", "in", ["a", "b"])
    .executeTakeFirst();
  assert.equal(updated.numUpdatedRows, 2n);
  const deleted = await db.deleteFrom("person").where("active", "=", false).executeTakeFirst();
  assert.equal(deleted.numDeletedRows, 2n);
  assert.deepEqual(await db.selectFrom("person").selectAll().where("id", ">", 99).execute(), []);
});

test("returning, upserts, subqueries, joins, aggregates", async () => {
  const { id } = await db
    .insertInto("person")
    .values({ first_name: "Jennifer" })
    .returning("id")
    .executeTakeFirstOrThrow();
  await db
    .insertInto("pet")
    .values([
      { owner: id, species: "cat" },
      { owner: id, species: "dog" },
    ])
    .execute();
  await db
    .insertInto("person")
    .values({ first_name: "Jennifer" })
    .onConflict((conflict) => conflict.column("first_name").doUpdateSet({ active: false }))
    .execute();
  const rows = await db
    .selectFrom("person")
    .innerJoin("pet", "pet.owner", "person.id")
    .select(["first_name", "active", (eb) => eb.fn.countAll().as("pets")])
    .groupBy(["first_name", "active"])
    .execute();
  assert.deepEqual(rows, [{ first_name: "Jennifer", active: false, pets: 2 }]);
  const dogs = await db
    .selectFrom("person")
    .select("first_name")
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("pet")
          .select("id")
          .whereRef("owner", "=", "person.id")
          .where("species", "=", "dog"),
      ),
    )
    .execute();
  assert.equal(dogs.length, 1);
});

test("one alias over another is one key", async () => {
  const compiled = CompiledQuery.raw("select 1 as a, 'x'::\"char\" as b, null as c");
  const { rows } = await plain.executeQuery(compiled);
  assert.deepEqual(rows, [{ a: 1, b: "x", c: null }]);
});

test("transactions: commit and rollback", async () => {
  await db
    .transaction()
    .execute((trx) => trx.insertInto("person").values({ first_name: "kept" }).execute());
  await assert.rejects(
    db.transaction().execute(async (trx) => {
      await trx.insertInto("person").values({ first_name: "gone" }).execute();
      await sql`savepoint s`.execute(trx);
      await assert.rejects(trx.insertInto("person").values({ first_name: "kept" }).execute(), {
        name: "DatabaseErrorException",
        message: /SQLState: 23505$/,
      });
      await sql`rollback to savepoint s`.execute(trx);
      const rows = await trx.selectFrom("person").selectAll().execute();
      assert.equal(rows.length, 2);
      throw new Error("changed my mind");
    }),
    /changed my mind/,
  );
  const rows = await db.selectFrom("person").select("first_name").execute();
  assert.deepEqual(rows, [{ first_name: "kept" }]);
});

test("what a database holds, as the driver's introspector asks", async () => {
  const tables = await plain.introspection.getTables();
  const pet = tables.find((table) => table.schema === SCHEMA && table.name === "pet");
  assert.deepEqual(
    pet.columns.map((column) => [column.name, column.dataType, column.isNullable]),
    [
      ["id", "int4", false],
      ["owner", "int4", false],
      ["species", "species", false],
      ["tenant_id", "int4", false],
    ],
  );
  const person = tables.find((table) => table.schema === SCHEMA && table.name === "person");
  assert.equal(person.columns[0].isAutoIncrementing, true);
  const schemas = await plain.introspection.getSchemas();
  assert.ok(schemas.some((schema) => schema.name === SCHEMA));
});

test("migrations go up and down under the driver's lock", async () => {
  const migrations = {
    "001_note": {
      up: (trx) => trx.schema.createTable(`${SCHEMA}.note`).addColumn("id", "integer").execute(),
      down: (trx) => trx.schema.dropTable(`${SCHEMA}.note`).execute(),
    },
    "002_fails": {
      up: (trx) => sql`select * from attic`.execute(trx),
    },
  };
  const provider = { getMigrations: async () => migrations };
  const migrator = new Migrator({ db: plain, provider });
  const failed = await migrator.migrateToLatest();
  assert.match(failed.error.message, /SQLState: 42P01$/);
  delete migrations["002_fails"];
  const done = await migrator.migrateToLatest();
  assert.equal(done.error, undefined);
  assert.deepEqual(
    done.results.map((result) => result.status),
    ["Success"],
  );
  await plain.selectFrom(`${SCHEMA}.note`).selectAll().execute();
  assert.equal((await migrator.migrateDown()).error, undefined);
  await assert.rejects(plain.selectFrom(`${SCHEMA}.note`).selectAll().execute(), /42P01/);
});

test("an application says its tenant first in the transaction", async () => {
  await db.insertInto("person").values({ first_name: "owner" }).execute();
  await db
    .insertInto("pet")
    .values([1, 2].map((tenant_id) => ({ owner: 1, species: "cat", tenant_id })))
    .execute();
  const client = open(signedBy("ROWHOUSEDEV"), TARGET).withSchema(SCHEMA);
  const seen = await client.transaction().execute(async (trx) => {
    await sql`select set_config('app.current_tenant', ${"2"}, true)`.execute(trx);
    return trx.selectFrom("pet").select("tenant_id").execute();
  });
  assert.deepEqual(seen, [{ tenant_id: 2 }]);
  assert.deepEqual(await client.selectFrom("pet").selectAll().execute(), []);
});

test("a tenant needs to say nothing, and cannot say anything else", async () => {
  await db.insertInto("person").values({ first_name: "owner" }).execute();
  const pets = [1, 2].map((tenant_id) => ({ owner: 1, species: "cat", tenant_id }));
  await db.insertInto("pet").values(pets).execute();
  const tenant = open(await signedByTenant("2"), TARGET).withSchema(SCHEMA);
  const seen = await tenant.selectFrom("pet").select("tenant_id").execute();
  assert.deepEqual(seen, [{ tenant_id: 2 }]);
  const updated = await tenant.updateTable("pet").set({ species: "dog" }).executeTakeFirst();
  assert.equal(updated.numUpdatedRows, 1n);
  const other = sql`select set_config('app.current_tenant', ${"1"}, false)`;
  await assert.rejects(other.execute(tenant), /SQLState: 42501$/);
});
