// node-postgres over TLS: the server's certificate checked, the password bound to it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import pg from "pg";

const DATA_DIR = process.env.ROWHOUSE_DATA_DIR ?? ".rowhouse";
const PROGRAM = process.env.ROWHOUSE_PROGRAM ?? "rowhouse";
const KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
const VISIBLE = "select tenant_id::int from sh_vip.t_user";

const folder = mkdtempSync(join(tmpdir(), "rowhouse-node-tls-"));
const openssl = (command) => execFileSync("openssl", command.split(" "), { cwd: folder });
let gateway;
let port;

before(async () => {
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost\n");
  const authority = "-keyout ca.key -out ca.pem -subj /CN=ca -addext keyUsage=critical,keyCertSign";
  openssl(`req -x509 -days 2 ${KEY} ${authority}`);
  openssl(`req ${KEY} -keyout server.key -out server.csr -subj /CN=localhost`);
  const sign = "-CA ca.pem -CAkey ca.key -CAcreateserial -extfile names";
  openssl(`x509 -req -days 2 -in server.csr ${sign} -out server.pem`);
  const settings = {
    ROWHOUSE_HTTP__LISTEN: "127.0.0.1:0",
    ROWHOUSE_ADMIN__LISTEN: "127.0.0.1:0",
    ROWHOUSE_WIRE__LISTEN: "127.0.0.1:0",
    // The one beside the configuration is that of the gateway that runs.
    ROWHOUSE_USAGE__JOURNAL_DIR: join(folder, "usage"),
    ROWHOUSE_WIRE__TLS_CERTIFICATE_FILE: join(folder, "server.pem"),
    ROWHOUSE_WIRE__TLS_KEY_FILE: join(folder, "server.key"),
    ROWHOUSE_WIRE__CHANNEL_BINDING: "require",
  };
  gateway = spawn(PROGRAM, ["serve", "--config", join(DATA_DIR, "rowhouse.toml")], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface({ input: gateway.stdout })) {
    port = Number(/pg=127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
    break;
  }
});

after(() => {
  gateway.kill();
  rmSync(folder, { recursive: true });
});

async function visible(more) {
  const ssl = { ca: readFileSync(join(folder, "ca.pem")) };
  const who = { user: "t1", password: "TestPW123!", database: "rls_vip" };
  const client = new pg.Client({ host: "localhost", port, ssl, ...who, ...more });
  await client.connect();
  try {
    return (await client.query(VISIBLE)).rows;
  } finally {
    await client.end();
  }
}

test("a password that is bound to the certificate", async () => {
  assert.deepEqual(await visible({ enableChannelBinding: true }), [{ tenant_id: 1 }]);
  const wrong = visible({ enableChannelBinding: true, password: "guess" });
  await assert.rejects(wrong, { code: "28P01" });
});

test("one that is not, a foreign certificate, and no TLS", async () => {
  await assert.rejects(visible({}), /SASL/);
  await assert.rejects(visible({ ssl: true }), /certificate/);
  await assert.rejects(visible({ ssl: false }), { code: "28000" });
});
