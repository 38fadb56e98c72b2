// Drives the double of Neon with Neon's own client, which says what a client sends and what it
// makes of the answers. Run in the directory that has `node_modules`.
//
//   node neon-client.mjs ORIGIN CONNECTION_STRING CONNECTION_STRING_FOR_TOKEN JWT

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { neon, neonConfig, NeonDbError } = require("@neondatabase/serverless");
const [origin, withPassword, forToken, jwt] = process.argv.slice(2);

// Where the client would send to, which the driver has to agree with.
const { host } = new URL(withPassword.replace(/^postgres:/, "http:"));
const endpoint = neonConfig.fetchEndpoint;
console.log(endpoint(host, "5432", { jwtAuth: false }));
console.log(endpoint(host, "5432", { jwtAuth: true }));
console.log(endpoint(host.replace(".", "-pooler."), "5432", { jwtAuth: false }));
neonConfig.fetchEndpoint = () => `${origin}/sql`;

const sql = neon(withPassword);
const full = neon(withPassword, { fullResults: true });

// Values both ways.
const values = [1, "two", null, true, 1.5, Buffer.from([0, 255])];
const [row] = await sql.query(
  "SELECT $1::int4 AS a, $2::text AS b, $3::text AS c, $4::bool AS d, $5::float8 AS e, $6::bytea AS f",
  values,
);
assert.deepEqual({ ...row, f: [...row.f] }, { a: 1, b: "two", c: null, d: true, e: 1.5, f: [0, 255] });
const [{ a }] = await sql`SELECT ${[1, 2]}::int4[] AS a`;
assert.deepEqual(a, [1, 2]);

// An untyped parameter is a text, or what is around it.
await assert.rejects(sql.query("SELECT $1 + $2", [1, 2]), { code: "42725" });

// The fields of a result.
await sql.query("CREATE TABLE notes (id int4 PRIMARY KEY, text varchar(9) NOT NULL)");
const inserted = await full.query("INSERT INTO notes VALUES (1, 'a'), (2, 'b')");
assert.deepEqual([inserted.command, inserted.rowCount, inserted.rows], ["INSERT", 2, []]);
const selected = await full.query("SELECT * FROM notes ORDER BY id", [], { arrayMode: true });
assert.deepEqual(selected.rows, [[1, "a"], [2, "b"]]);
assert.equal(selected.command, "SELECT");
assert.equal(selected.rowAsArray, true);
const [id, text] = selected.fields;
assert.deepEqual(
  [id.name, id.dataTypeID, id.columnID, id.dataTypeSize, id.dataTypeModifier, id.format],
  ["id", 23, 1, 4, -1, "text"],
);
assert.deepEqual([text.dataTypeID, text.dataTypeSize, text.dataTypeModifier], [1043, -1, 13]);
assert.equal(id.tableID, text.tableID);
assert.equal((await full.query("CREATE TABLE other ()")).rowCount, null);

// The fields of errors.
const error = await sql.query("INSERT INTO notes VALUES (1, 'again')").catch((error) => error);
assert.ok(error instanceof NeonDbError);
assert.deepEqual(
  [error.code, error.severity, error.constraint, error.table, error.schema, error.detail],
  ["23505", "ERROR", "notes_pkey", "notes", "public", "Key (id)=(1) already exists."],
);
assert.deepEqual([error.routine, typeof error.line, typeof error.file], ["_bt_check_unique", "string", "string"]);
const column = await sql.query("INSERT INTO notes (id) VALUES (3)").catch((error) => error);
assert.deepEqual([column.code, column.column], ["23502", "text"]);
const syntax = await sql.query("SELECT * FROM nothing").catch((error) => error);
assert.deepEqual([syntax.code, syntax.position], ["42P01", "15"]);
const inside = await sql
  .query("DO $$ BEGIN EXECUTE 'SELECT nothing_at_all'; END $$")
  .catch((error) => error);
assert.deepEqual(
  [inside.code, inside.internalPosition, inside.internalQuery],
  ["42703", "8", "SELECT nothing_at_all"],
);
assert.match(inside.where, /PL\/pgSQL function/);
assert.equal((await sql.query("SELECT 1; SELECT 2").catch((error) => error)).code, "42601");

// Transactions.
const batch = await sql.transaction(
  [
    sql`INSERT INTO notes VALUES (3, 'c') RETURNING id`,
    sql`SELECT current_setting('transaction_isolation') AS level, current_setting('transaction_read_only') AS r`,
  ],
  { isolationLevel: "RepeatableRead" },
);
assert.deepEqual(batch, [[{ id: 3 }], [{ level: "repeatable read", r: "off" }]]);
const settings = sql`SELECT current_setting('transaction_isolation') AS i,
  current_setting('transaction_read_only') AS r, current_setting('transaction_deferrable') AS d`;
const [[modes]] = await sql.transaction([settings], {
  isolationLevel: "Serializable",
  readOnly: true,
  deferrable: true,
});
assert.deepEqual(modes, { i: "serializable", r: "on", d: "on" });
await assert.rejects(
  sql.transaction([sql`INSERT INTO notes VALUES (4, 'd')`, sql`INSERT INTO notes VALUES (1, 'e')`]),
  { code: "23505" },
);
const [{ count }] = await sql`SELECT count(*)::int4 FROM notes`;
assert.equal(count, 3);
await assert.rejects(sql.transaction([settings], { isolationLevel: "Chaos" }), {
  message: /invalid isolation level/,
});

// Nothing of a session is left to the next request.
await sql`BEGIN`;
await sql`INSERT INTO notes VALUES (9, 'lost')`;
await sql`SET search_path TO nowhere`;
await sql`CREATE TEMP TABLE passing ()`;
const [left] = await sql`SELECT current_setting('search_path') AS path, to_regclass('passing') AS t,
  (SELECT count(*)::int4 FROM public.notes WHERE id = 9) AS kept`;
assert.equal(left.t, null);
assert.notEqual(left.path, "nowhere");
assert.equal(left.kept, 1);

// Parameters of the URL are nothing to a session.
const [{ style }] = await neon(`${withPassword}?options=-c%20DateStyle%3DSQL%2CDMY&sslmode=require`)`
  SELECT current_setting('DateStyle') AS style`;
assert.equal(style, "ISO, MDY");

// Who may log in.
const tokenOnly = neon(forToken, { authToken: jwt });
assert.equal((await tokenOnly`SELECT 1 AS a`)[0].a, 1);
await assert.rejects(neon(forToken, { authToken: "other" })`SELECT 1`, { code: "28000" });
// The client itself warns of both, so the header is written by hand.
const ask = (connectionString, headers) =>
  fetch(`${origin}/sql`, {
    method: "POST",
    headers: { "Neon-Connection-String": connectionString, "Neon-Raw-Text-Output": "true", ...headers },
    body: '{"query":"SELECT 1"}',
  });
const both = await ask(withPassword, { authorization: `Bearer ${jwt}` });
assert.equal(both.status, 400);
const wrong = await ask(withPassword.replace(/:[^:@]+@/, ":wrong@"), {});
assert.deepEqual([wrong.status, (await wrong.json()).code], [400, ""]);
const address = await ask(withPassword.replace(/@[^/]+/, "@127.0.0.1"), {});
assert.equal(address.status, 400);
assert.equal((await ask(withPassword, { "Neon-Batch-Isolation-Level": "Chaos" })).status, 400);
console.log("all is well");
process.exit(0);
