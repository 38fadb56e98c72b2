// Cloudflare D1 as it runs: workerd through miniflare, with d1-worker.mjs in front. Run in
// the directory that has `node_modules`; prints the address when it answers, and ends when
// its standard input does.
//
//   node d1.mjs DATABASES TOKEN FOREIGN_TOKEN [FOLDER]
//
// Serves the databases db-0, db-1, … of the account `test` to those who have TOKEN; one who
// has FOREIGN_TOKEN is known, and may do nothing. With FOLDER, which wrangler calls
// `--persist-to`, they are those that wrangler has there; else they are gone at the end.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Miniflare } = createRequire(`${process.cwd()}/`)("miniflare");

const [count, TOKEN, FOREIGN_TOKEN, folder] = process.argv.slice(2);
const databases = Array.from({ length: Number(count) }, (_, n) => `db-${n}`);
const miniflare = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  modules: true,
  script: readFileSync(new URL("d1-worker.mjs", import.meta.url), "utf8"),
  compatibilityDate: "2026-04-01",
  bindings: { ACCOUNT: "test", TOKEN, FOREIGN_TOKEN },
  d1Persist: folder === undefined ? false : `${folder}/v3/d1`,
  d1Databases: Object.fromEntries(databases.map((name) => [name, name])),
});

process.stdin.resume();
process.stdin.on("end", async () => {
  await miniflare.dispose();
  process.exit(0);
});
const url = await miniflare.ready;
console.log(url.origin);
