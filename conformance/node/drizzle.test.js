/** Drizzle's driver for the Data API: what an application with a Drizzle schema does all day. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

import { and, asc, eq, gt, inArray, relations, sql } from "drizzle-orm";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { drizzle } from "drizzle-orm/aws-data-api/pg";
import { migrate } from "drizzle-orm/aws-data-api/pg/migrator";
import {
  bigserial,
  boolean,
  char,
  date,
  decimal,
  doublePrecision,
  integer,
  json,
  jsonb,
  pgEnum,
  pgSchema,
  real,
  serial,
  smallint,
  text,
  time,
  timestamp,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";

import {
  admin,
  app,
  AS_ADMIN,
  asAdmin,
  dropSchema,
  freshSchema,
  signedByTenant,
  TARGET,
  wallOff,
} from "./callers.js";

const SCHEMA = "conformance_drizzle";
const schema = pgSchema(SCHEMA);
// Not in our schema: the driver casts arrays to the type's bare name.
const role = pgEnum("conformance_drizzle_role", ["admin", "user"]);

const users = schema.table(
  "users",
  {
    id: serial("id").primaryKey(),
    name: text("name").notNull(),
    verified: boolean("verified").notNull().default(false),
    role: role("role").notNull().default("user"),
    tags: text("tags").array(),
    scores: integer("scores").array(),
    profile: jsonb("profile").$type(),
    createdAt: timestamp("created_at", { withTimezone: true, mode: "date" }).notNull().defaultNow(),
    invitedBy: integer("invited_by"),
  },
  (table) => [uniqueIndex("users_name").on(table.name)],
);
const posts = schema.table("posts", {
  id: uuid("id").primaryKey().defaultRandom(),
  author: integer("author")
    .notNull()
    .references(() => users.id),
  title: varchar("title", { length: 80 }).notNull(),
});
const usersRelations = relations(users, ({ many, one }) => ({
  posts: many(posts),
  inviter: one(users, { fields: [users.invitedBy], references: [users.id] }),
}));
const postsRelations = relations(posts, ({ one }) => ({
  author: one(users, { fields: [posts.author], references: [users.id] }),
}));
const allTypes = schema.table("all_types", {
  big: bigserial("big", { mode: "bigint" }),
  boolean: boolean("boolean"),
  char: char("char", { length: 5 }),
  date: date("date", { mode: "date" }),
  dateText: date("date_text", { mode: "string" }),
  double: doublePrecision("double"),
  integer: integer("integer"),
  json: json("json"),
  jsonb: jsonb("jsonb"),
  numeric: decimal("numeric", { precision: 10, scale: 4 }),
  real: real("real"),
  small: smallint("small"),
  text: text("text"),
  time: time("time", { precision: 3 }),
  stamp: timestamp("stamp", { precision: 6, mode: "string" }),
  stampDate: timestamp("stamp_date", { mode: "date" }),
  zoned: timestamp("zoned", { withTimezone: true, precision: 3, mode: "date" }),
  uuid: uuid("uuid"),
  uuids: uuid("uuids").array(),
  enums: role("enums").array(),
  varchar: varchar("varchar", { length: 20 }),
});
const orders = schema.table("orders", {
  id: integer("id").primaryKey(),
  tenantId: integer("tenant_id").notNull(),
  item: text("item").notNull(),
});

const everything = { users, posts, usersRelations, postsRelations, allTypes, orders };
const db = drizzle(admin(), { ...AS_ADMIN, schema: everything });

before(async () => {
  await freshSchema(SCHEMA);
  await asAdmin(`drop type if exists ${role.enumName}`);
  await db.execute(sql`create type ${role} as enum ('admin', 'user')`);
  await db.execute(sql`
    create table ${users} (
      id serial primary key, name text not null, verified boolean not null default false,
      role ${role} not null default 'user', tags text[], scores integer[], profile jsonb,
      created_at timestamptz not null default now(), invited_by integer
    )`);
  await db.execute(sql`create unique index users_name on ${users} (name)`);
  await db.execute(sql`
    create table ${posts} (
      id uuid primary key default gen_random_uuid(),
      author integer not null references ${users} (id), title varchar(80) not null
    )`);
  await db.execute(sql`
    create table ${allTypes} (
      big bigserial, boolean boolean, char char(5), date date, date_text date,
      double double precision, integer integer, json json, jsonb jsonb, numeric numeric(10, 4),
      real real, small smallint, text text, time time(3), stamp timestamp(6),
      stamp_date timestamp, zoned timestamptz(3), uuid uuid, uuids uuid[], enums ${role}[],
      varchar varchar(20)
    )`);
  await db.execute(sql`
    create table ${orders} (
      id integer primary key, tenant_id integer not null, item text not null
    )`);
  await wallOff(`${SCHEMA}.orders`);
});
beforeEach(() =>
  asAdmin(`truncate ${SCHEMA}.users, ${SCHEMA}.posts, ${SCHEMA}.orders restart identity`),
);
after(async () => {
  await dropSchema(SCHEMA);
  await asAdmin(`drop type ${role.enumName}`);
});

/** Drizzle's errors hold PostgreSQL's as their cause. */
const because = (pattern) => (error) => pattern.test(error.cause?.message);

test("insert, returning, defaults, select", async () => {
  const [john] = await db.insert(users).values({ name: "John" }).returning();
  assert.equal(john.id, 1);
  assert.equal(john.verified, false);
  assert.equal(john.role, "user");
  assert.equal(john.tags, null);
  assert.ok(Math.abs(john.createdAt - Date.now()) < 60_000, `${john.createdAt.toISOString()}`);
  await db.insert(users).values([{ name: "Jane", role: "admin" }, { name: "Jack" }]);
  const admins = await db.select({ name: users.name }).from(users).where(eq(users.role, "admin"));
  assert.deepEqual(admins, [{ name: "Jane" }]);
  const some = await db
    .select()
    .from(users)
    .where(and(gt(users.id, 1), inArray(users.name, ["Jane", "Jack"])))
    .orderBy(asc(users.name))
    .limit(1)
    .offset(1);
  assert.deepEqual(
    some.map((user) => user.name),
    ["Jane"],
  );
});

test("arrays and documents in, out and in conditions", async () => {
  const profile = { theme: "dark", depth: { list: [1, "2", null] } };
  await db.insert(users).values({ name: "John", tags: ["a", 'b"c,{}'], scores: [1, 2], profile });
  await db.insert(users).values({ name: "Jane", tags: [], scores: [] });
  const rows = await db.select().from(users).orderBy(users.id);
  assert.deepEqual(rows[0].tags, ["a", 'b"c,{}']);
  assert.deepEqual(rows[0].scores, [1, 2]);
  assert.deepEqual(rows[0].profile, profile);
  assert.deepEqual([rows[1].tags, rows[1].scores], [[], []]);
  await db
    .update(users)
    .set({ scores: [3, 4], profile: { theme: "light" } })
    .where(sql`${users.profile} ->> 'theme' = ${"dark"}`);
  const [updated] = await db
    .select()
    .from(users)
    .where(sql`3 = any(${users.scores})`);
  assert.deepEqual(updated.profile, { theme: "light" });
});

test("every type there and back", async () => {
  const values = {
    big: 5044565289845416380n,
    boolean: true,
    char: "abcde",
    date: new Date("2024-02-29"),
    dateText: "2024-02-29",
    double: 15.35325689124218,
    integer: 621,
    json: { string: "it's", n: [1] },
    jsonb: { object: { deep: true } },
    numeric: "475452.3536",
    real: 1.048596,
    small: 10,
    text: "TEXT\n🐘",
    time: "23:23:12.432",
    stamp: "2024-01-15 10:30:00.123456",
    stampDate: new Date("2024-01-15T10:30:00.120Z"),
    zoned: new Date("2024-01-15T10:30:00.123Z"),
    uuid: "b77c9eef-8e28-4654-88a1-7221b46d2a1c",
    uuids: ["b77c9eef-8e28-4654-88a1-7221b46d2a1c"],
    enums: ["user", "admin"],
    varchar: "VARCHAR",
  };
  // The driver itself has no way to send a bigint as a parameter.
  const { big, ...sent } = values;
  await db.insert(allTypes).values({ ...sent, big: sql`${sql.raw(big.toString())}` });
  const [row] = await db.select().from(allTypes);
  // Beyond 2^53 the SDK itself has lost digits; `longReturnType` is not the driver's.
  assert.equal(typeof row.big, "bigint");
  assert.deepEqual({ ...row, big }, values);
});

test("joins, aggregates and relational queries", async () => {
  const [john, jane] = await db
    .insert(users)
    .values([{ name: "John" }, { name: "Jane", invitedBy: 1 }])
    .returning();
  await db.insert(posts).values([
    { author: john.id, title: "One" },
    { author: john.id, title: "Two" },
  ]);
  const counted = await db
    .select({ name: users.name, posts: sql`count(${posts.id})`.mapWith(Number) })
    .from(users)
    .leftJoin(posts, eq(posts.author, users.id))
    .groupBy(users.name)
    .orderBy(users.name);
  assert.deepEqual(counted, [
    { name: "Jane", posts: 0 },
    { name: "John", posts: 2 },
  ]);
  const joined = await db
    .select()
    .from(users)
    .leftJoin(posts, eq(posts.author, users.id))
    .where(eq(users.id, jane.id));
  assert.equal(joined[0].posts, null);
  const found = await db.query.users.findMany({
    with: { posts: { columns: { title: true } }, inviter: true },
    orderBy: users.id,
  });
  assert.deepEqual(found[0].posts.map((post) => post.title).sort(), ["One", "Two"]);
  assert.equal(found[1].inviter.name, "John");
});

test("prepared statements with placeholders", async () => {
  await db.insert(users).values([{ name: "John" }, { name: "Jane" }]);
  const prepared = db
    .select({ id: users.id })
    .from(users)
    .where(eq(users.name, sql.placeholder("name")))
    .prepare("by_name");
  assert.deepEqual(await prepared.execute({ name: "Jane" }), [{ id: 2 }]);
  assert.deepEqual(await prepared.execute({ name: "John" }), [{ id: 1 }]);
});

test("conflicts, upserts, deletes", async () => {
  const insert = (verified) => db.insert(users).values({ name: "John", verified });
  await insert(false);
  await insert(true).onConflictDoNothing();
  await insert(true).onConflictDoUpdate({ target: users.name, set: { verified: true } });
  const [john] = await db.select({ verified: users.verified }).from(users);
  assert.equal(john.verified, true);
  const deleted = await db.delete(users).where(eq(users.name, "John")).returning({ id: users.id });
  assert.equal(deleted.length, 1);
});

test("raw statements: rows by column name, and counts", async () => {
  const result = await db.execute(sql`select ${1}::int as one, ${"x"} as letter`);
  assert.deepEqual(result.rows, [{ one: 1, letter: "x" }]);
  const inserted = await db.execute(sql`insert into ${users} (name) values ('a'), ('b')`);
  assert.equal(inserted.numberOfRecordsUpdated, 2);
});

test("transactions: commit, rollback, nested ones by savepoints, isolation", async () => {
  await db.transaction(
    async (tx) => {
      await tx.insert(users).values({ name: "outer" });
      await assert.rejects(
        tx.transaction(async (nested) => {
          await nested.insert(users).values({ name: "inner" });
          await nested.insert(users).values({ name: "outer" });
        }),
        because(/SQLState: 23505$/),
      );
      await tx.transaction((nested) => nested.insert(users).values({ name: "second" }));
    },
    { isolationLevel: "serializable", accessMode: "read write" },
  );
  await assert.rejects(
    db.transaction(async (tx) => {
      await tx.insert(users).values({ name: "gone" });
      tx.rollback();
    }),
    /Rollback/,
  );
  await assert.rejects(
    db.transaction((tx) => tx.insert(users).values({ name: "never" }), { accessMode: "read only" }),
    because(/SQLState: 25006$/),
  );
  const names = await db.select({ name: users.name }).from(users).orderBy(users.id);
  assert.deepEqual(
    names.map((user) => user.name),
    ["outer", "second"],
  );
});

test("errors name the statement and PostgreSQL's state", async () => {
  await db.insert(users).values({ name: "John" });
  await assert.rejects(db.insert(users).values({ name: "John" }), (error) => {
    assert.equal(error.cause.name, "DatabaseErrorException");
    assert.match(error.cause.message, /constraint "users_name".*Detail: Key \(name\)=\(John\)/);
    assert.match(error.cause.message, /SQLState: 23505$/);
    return true;
  });
  await assert.rejects(db.insert(posts).values({ author: 99, title: "x" }), (error) => {
    assert.match(error.cause.message, /SQLState: 23503$/);
    return true;
  });
});

test("an application says its tenant first in the transaction", async () => {
  await db.insert(orders).values([
    { id: 1, tenantId: 1, item: "one" },
    { id: 2, tenantId: 2, item: "two" },
  ]);
  const client = drizzle(app(), TARGET);
  const seen = await client.transaction(async (tx) => {
    await tx.execute(sql`select set_config('app.current_tenant', ${"2"}, true)`);
    await assert.rejects(
      tx.transaction((nested) => nested.insert(orders).values({ id: 3, tenantId: 1, item: "x" })),
      because(/SQLState: 42501$/),
    );
    await tx.insert(orders).values({ id: 4, tenantId: 2, item: "four" });
    return tx.select().from(orders).orderBy(orders.id);
  });
  assert.deepEqual(
    seen.map((order) => order.id),
    [2, 4],
  );
  assert.deepEqual(await client.select().from(orders), [], "no tenant, no rows");
});

test("a tenant needs to say nothing, and cannot say anything else", async () => {
  await db.insert(orders).values([
    { id: 1, tenantId: 1, item: "one" },
    { id: 2, tenantId: 2, item: "two" },
  ]);
  const tenant = drizzle(new RDSDataClient(await signedByTenant("2")), TARGET);
  assert.deepEqual(await tenant.select({ id: orders.id }).from(orders), [{ id: 2 }]);
  const tries = [
    () => tenant.insert(orders).values({ id: 3, tenantId: 1, item: "x" }),
    () => tenant.execute(sql`set app.current_tenant = 1`),
    () => tenant.transaction((tx) => tx.execute(sql`set local app.current_tenant = 1`)),
  ];
  for (const attempt of tries) await assert.rejects(attempt, because(/SQLState: 42501$/));
});

test("migrations run once, and all of one or nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rowhouse-drizzle-"));
  const entry = (idx, tag) => ({ idx, version: "7", when: idx + 1, tag, breakpoints: true });
  const write = (...tags) => {
    mkdirSync(join(folder, "meta"), { recursive: true });
    const journal = {
      version: "7",
      dialect: "postgresql",
      entries: tags.map((tag, i) => entry(i, tag)),
    };
    writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify(journal));
  };
  const statements = (tag, ...sqls) =>
    writeFileSync(join(folder, `${tag}.sql`), sqls.join("\n--> statement-breakpoint\n"));
  const config = { migrationsFolder: folder, migrationsSchema: SCHEMA };
  try {
    statements(
      "0000_first",
      `create table ${SCHEMA}.migrated (id int)`,
      `insert into ${SCHEMA}.migrated values (1)`,
    );
    write("0000_first");
    await migrate(db, config);
    await migrate(db, config);
    statements("0001_second", `insert into ${SCHEMA}.migrated values (2)`, "select * from attic");
    write("0000_first", "0001_second");
    await assert.rejects(migrate(db, config), because(/SQLState: 42P01$/));
    const { rows } = await db.execute(sql.raw(`select id from ${SCHEMA}.migrated`));
    assert.deepEqual(rows, [{ id: 1 }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
