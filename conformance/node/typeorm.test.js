/** TypeORM with its driver for the Data API: entities, repositories, transactions. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import typeorm from "typeorm";

import {
  AS_ADMIN,
  asAdmin,
  dropSchema,
  freshSchema,
  REGION,
  signedBy,
  signedByTenant,
  TARGET,
  wallOff,
} from "./callers.js";

const { DataSource, EntitySchema, In, Like, MoreThan } = typeorm;
const SCHEMA = "conformance_typeorm";

const Category = new EntitySchema({
  name: "Category",
  tableName: "category",
  schema: SCHEMA,
  columns: {
    id: { type: Number, primary: true, generated: "increment" },
    name: { type: String, length: 60, unique: true },
  },
});
const Post = new EntitySchema({
  name: "Post",
  tableName: "post",
  schema: SCHEMA,
  columns: {
    id: { type: "uuid", primary: true, generated: "uuid" },
    title: { type: String },
    likes: { type: "int", default: 0 },
    price: { type: "numeric", precision: 10, scale: 2, nullable: true },
    published: { type: Boolean, default: false },
    state: { type: "enum", enum: ["draft", "live"], default: "draft" },
    doc: { type: "jsonb", nullable: true },
    tags: { type: "simple-array", nullable: true },
    day: { type: "date", nullable: true },
    time: { type: "time", nullable: true },
    at: { type: "timestamp", nullable: true },
    zoned: { type: "timestamp with time zone", nullable: true },
    data: { type: "bytea", nullable: true },
    version: { type: Number, version: true },
    createdAt: { type: "timestamp", createDate: true },
    removedAt: { type: "timestamp", deleteDate: true, nullable: true },
  },
  relations: {
    categories: {
      type: "many-to-many",
      target: "Category",
      cascade: true,
      joinTable: { name: "post_category", schema: SCHEMA },
    },
  },
});
const Order = new EntitySchema({
  name: "Order",
  tableName: "order",
  schema: SCHEMA,
  columns: {
    id: { type: Number, primary: true },
    tenant: { name: "tenant_id", type: Number },
  },
});

const open = (serviceConfigOptions, { resourceArn, secretArn, database }, more = {}) =>
  new DataSource({
    type: "aurora-postgres",
    region: REGION,
    resourceArn,
    secretArn,
    database,
    schema: SCHEMA,
    serviceConfigOptions,
    entities: [Category, Post, Order],
    ...more,
  }).initialize();
let source;
let posts;

before(async () => {
  await freshSchema(SCHEMA);
  source = await open(signedBy("ROWHOUSEADMIN"), AS_ADMIN, { synchronize: true });
  posts = source.getRepository("Post");
  await wallOff(`${SCHEMA}."order"`);
});
beforeEach(() => asAdmin(`truncate ${SCHEMA}.post, ${SCHEMA}.category, ${SCHEMA}."order" cascade`));
after(async () => {
  await source?.destroy();
  await dropSchema(SCHEMA);
});

test("a second synchronisation finds nothing to change", async () => {
  const log = await source.driver.createSchemaBuilder().log();
  // The driver's own comparison of a generated uuid and of enum defaults is not always stable.
  assert.deepEqual(
    log.upQueries.map((query) => query.query),
    [],
  );
});

test("entities there and back", async () => {
  const values = {
    title: "One",
    likes: 4,
    price: "9.99",
    published: true,
    state: "live",
    doc: { a: [1, { b: null }] },
    tags: ["x", "y"],
    day: "2024-02-29",
    time: "10:11:12",
    at: new Date("2024-01-15T10:30:00.120Z"),
    zoned: new Date("2024-01-15T10:30:00.123Z"),
    data: Buffer.from([0, 1, 255]),
  };
  const saved = await posts.save({ ...values });
  assert.match(saved.id, /^[0-9a-f-]{36}$/);
  assert.equal(saved.version, 1);
  const { data, ...found } = await posts.findOneBy({ id: saved.id });
  assert.deepEqual(Buffer.from(data), values.data);
  for (const [name, value] of Object.entries(values)) {
    if (name !== "data") assert.deepEqual(found[name], value, name);
  }
  assert.ok(found.createdAt instanceof Date);
  assert.ok(Math.abs(found.createdAt - Date.now()) < 60_000, `${found.createdAt.toISOString()}`);
});

test("updates, versions, upserts, soft removal, counts", async () => {
  const post = await posts.save({ title: "One" });
  await posts.save({ ...post, title: "Two" });
  const found = await posts.findOneByOrFail({ title: "Two" });
  assert.equal(found.version, 2);
  const { affected } = await posts.update({ title: "Two" }, { likes: 7 });
  assert.equal(affected, 1);
  await posts.increment({ title: "Two" }, "likes", 3);
  assert.equal(await posts.sum("likes"), 10);
  await posts.softDelete(found.id);
  assert.equal(await posts.count(), 0);
  assert.equal(await posts.count({ withDeleted: true }), 1);
  const categories = source.getRepository("Category");
  await categories.upsert([{ name: "a" }, { name: "a2" }], ["name"]);
  await categories.upsert({ name: "a" }, ["name"]);
  assert.equal(await categories.count(), 2);
  assert.equal((await categories.delete({ name: "a" })).affected, 1);
});

test("relations, joins, paging, query builders", async () => {
  await posts.save([
    { title: "One", likes: 1, categories: [{ name: "a" }, { name: "b" }] },
    { title: "Two", likes: 2, categories: [{ name: "c" }] },
    { title: "Three", likes: 3 },
  ]);
  const found = await posts.find({
    where: [{ title: In(["One", "Two"]) }, { title: Like("Thr%") }],
    relations: { categories: true },
    order: { likes: "DESC", categories: { name: "ASC" } },
  });
  assert.deepEqual(
    found.map((post) => post.categories.map((category) => category.name)),
    [[], ["c"], ["a", "b"]],
  );
  const [page, total] = await posts.findAndCount({
    where: { likes: MoreThan(0) },
    order: { likes: "ASC" },
    skip: 1,
    take: 1,
    relations: { categories: true },
  });
  assert.deepEqual([page[0].title, total], ["Two", 3]);
  const grouped = await posts
    .createQueryBuilder("post")
    .leftJoin("post.categories", "category")
    .select("category.name", "name")
    .addSelect("count(*)", "posts")
    .where("post.likes < :max", { max: 3 })
    .groupBy("category.name")
    .orderBy("name")
    .getRawMany();
  assert.deepEqual(
    [...grouped],
    [
      { name: "a", posts: 1 },
      { name: "b", posts: 1 },
      { name: "c", posts: 1 },
    ],
  );
});

test("casts of parameters, as the driver's page says", async () => {
  const { id } = await posts.save({ title: "One" });
  const [row] = await source.query(`select title from ${SCHEMA}.post where id = $1`, [
    { value: id, cast: "uuid" },
  ]);
  assert.deepEqual(row, { title: "One" });
});

test("transactions: commit, rollback, nested ones by savepoints", async () => {
  await source.transaction(async (manager) => {
    await manager.save("Category", { name: "outer" });
    await assert.rejects(
      manager.transaction(async (nested) => {
        await nested.save("Category", { name: "inner" });
        throw new Error("changed my mind");
      }),
      /changed my mind/,
    );
    await manager.transaction((nested) => nested.save("Category", { name: "second" }));
    // Several at once: the driver sends them one after the other.
    await Promise.all(["x", "y"].map((name) => manager.insert("Category", { name })));
  });
  await assert.rejects(
    source.transaction(async (manager) => {
      await manager.save("Category", { name: "gone" });
      await manager.insert("Category", { name: "outer" });
    }),
    (error) => {
      assert.equal(error.name, "DatabaseErrorException");
      assert.match(
        error.message,
        /Detail: Key \(name\)=\(outer\) already exists\.; SQLState: 23505$/,
      );
      return true;
    },
  );
  const names = (await source.getRepository("Category").find({ order: { id: "ASC" } })).map(
    (category) => category.name,
  );
  assert.deepEqual(names, ["outer", "second", "x", "y"]);
});

test("an application says its tenant first in the transaction", async () => {
  await source.getRepository("Order").insert([
    { id: 1, tenant: 1 },
    { id: 2, tenant: 2 },
  ]);
  const application = await open(signedBy("ROWHOUSEDEV"), TARGET);
  const seen = await application.transaction(async (manager) => {
    await manager.query("select set_config('app.current_tenant', $1, true)", ["2"]);
    return manager.find("Order");
  });
  assert.deepEqual(
    seen.map((order) => order.id),
    [2],
  );
  assert.deepEqual(await application.manager.find("Order"), []);
  await application.destroy();
});

test("a tenant needs to say nothing, and cannot say anything else", async () => {
  await source.getRepository("Order").insert([
    { id: 1, tenant: 1 },
    { id: 2, tenant: 2 },
  ]);
  const tenant = await open(await signedByTenant("2"), TARGET);
  const seen = await tenant.manager.find("Order");
  assert.deepEqual(seen, [{ id: 2, tenant: 2 }]);
  await assert.rejects(tenant.manager.insert("Order", { id: 3, tenant: 1 }), /SQLState: 42501$/);
  await assert.rejects(tenant.query("set app.current_tenant = 1"), /SQLState: 42501$/);
  await tenant.destroy();
});

test("without the driver's casts, by what PostgreSQL takes values for", async () => {
  const plain = await open(signedBy("ROWHOUSEADMIN"), AS_ADMIN, {
    formatOptions: { castParameters: false },
  });
  const repository = plain.getRepository("Post");
  const { id } = await repository.save({
    title: "One",
    price: "1.50",
    state: "live",
    doc: { a: 1 },
    day: "2024-02-29",
  });
  const found = await repository.findOneByOrFail({ id, state: "live" });
  // Documents are texts then: TypeORM expects its usual driver to have read them.
  assert.deepEqual([found.price, found.state, found.doc], ["1.50", "live", '{"a":1}']);
  await plain.destroy();
});
