// A double of Neon's SQL over HTTP in front of a real PostgreSQL. It was written from the source of
// Neon's proxy (proxy/src/serverless) and is driven by Neon's own client in the tests, but it is not
// Neon. Like the proxy, it takes no settings from a connection string, and runs a request in any
// session of that role and database. Prints its address when it answers, and ends when its standard input does.
//
//   node neon.mjs '{"host": …, "port": …}'
//
// Options, as JSON: `host` and `port` of PostgreSQL; `jwt`, a token that logs in whom the
// connection string names, with the password `password`; `local`, to take IP addresses as hosts;
// `maxRequest` and `maxResponse` in bytes and `timeout` in milliseconds, by default the proxy's.

import http from "node:http";
import net from "node:net";

import { ServerError, Session } from "./postgres-wire.mjs";

const options = {
  local: false,
  maxRequest: 10 << 20,
  maxResponse: 10 << 20,
  timeout: 15_000,
  ...JSON.parse(process.argv[2]),
};

const LEVELS = {
  ReadUncommitted: "READ UNCOMMITTED",
  ReadCommitted: "READ COMMITTED",
  RepeatableRead: "REPEATABLE READ",
  Serializable: "SERIALIZABLE",
};
// Ends whatever a request has left, so that the next one finds a session like new.
const RESET =
  "ROLLBACK; CLOSE ALL; RESET ALL; DEALLOCATE ALL; UNLISTEN *; " +
  "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/** What is answered in the place of a result. */
class Refusal extends Error {
  constructor(status, message, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// Sessions that wait for the next request, by what was logged in with.
const idle = new Map();

async function take(login) {
  const key = JSON.stringify(login);
  const sessions = idle.get(key) ?? [];
  while (sessions.length > 0) {
    const session = sessions.pop();
    try {
      // Somebody may have ended it.
      await session.run("");
      return session;
    } catch {
      session.destroy();
    }
  }
  try {
    return await Session.open(options.host, options.port, login.parameters, login.password);
  } catch (error) {
    // The proxy looks at passwords itself.
    if (error.fields?.C !== "28P01") throw error;
    const { user } = login.parameters;
    throw new Refusal(400, `password authentication failed for user '${user}'`);
  }
}

async function giveBack(login, session) {
  try {
    await session.run(RESET);
  } catch {
    session.destroy();
    return;
  }
  const key = JSON.stringify(login);
  if (!idle.has(key)) idle.set(key, []);
  idle.get(key).push(session);
}

/** Who is to be logged in, by the connection string and the token. */
function loginOf(headers) {
  const given = headers["neon-connection-string"];
  if (given === undefined) {
    throw new Refusal(400, "invalid header: neon-connection-string");
  }
  let url;
  try {
    // As `postgres:` has no host by the rules of URLs in JavaScript.
    url = new URL(given.replace(/^postgres(ql)?:/, "http:"));
  } catch {
    throw new Refusal(400, "invalid connection string");
  }
  if (!/^postgres(ql)?:\/\//.test(given)) {
    throw new Refusal(400, "incorrect scheme in connection string");
  }
  const database = decodeURIComponent(url.pathname.slice(1));
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  if (database === "") throw new Refusal(400, "missing database name");
  if (user === "") throw new Refusal(400, "missing username");
  if (!options.local && net.isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0) {
    throw new Refusal(400, "missing hostname: an IP address names no endpoint");
  }
  // What the query of the URL has beside the name of an endpoint is ignored.
  const parameters = { user, database, client_encoding: "UTF8" };
  const { authorization } = headers;
  if (authorization === undefined) {
    if (password === "") throw new Refusal(400, "missing authentication credentials: password");
    return { parameters, password };
  }
  const token = /^Bearer (.+)$/.exec(authorization)?.[1];
  if (token === undefined) throw new Refusal(400, "invalid header: authorization");
  if (password !== "") {
    throw new Refusal(400, "both a password and a token are given: use one of them");
  }
  if (token !== options.jwt) throw new Refusal(400, "authentication failed: invalid token", "28000");
  return { parameters, password: options.password };
}

/** What JSON values are to PostgreSQL. */
function toText(value) {
  if (value === null) return null;
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const element = (one) => {
      if (one === null) return "NULL";
      if (Array.isArray(one)) return toText(one);
      return `"${toText(one).replace(/["\\]/g, "\\$&")}"`;
    };
    return `{${value.map(element).join(",")}}`;
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function checked(query) {
  if (typeof query?.query !== "string" || !Array.isArray(query.params ?? [])) {
    throw new Refusal(400, "could not parse the HTTP request body: a query is malformed");
  }
  return { sql: query.query, values: (query.params ?? []).map(toText), arrayMode: query.arrayMode };
}

function payloadOf(body) {
  let json;
  try {
    json = JSON.parse(body);
  } catch {
    throw new Refusal(400, "could not parse the HTTP request body: it is not JSON");
  }
  if (Array.isArray(json?.queries)) return { batch: json.queries.map(checked) };
  return { one: checked(json) };
}

/** Runs one statement, and writes its result as the proxy does. */
async function resultOf(session, { sql, values, arrayMode }, headers, size) {
  const rows = [];
  const asArray = arrayMode ?? headers["neon-array-mode"] === "true";
  let isTooLarge = false;
  const { columns, tag } = await session.query(sql, values, (row) => {
    if (isTooLarge) return;
    const written = JSON.stringify(row);
    size.bytes += written.length + 1;
    isTooLarge = size.bytes > options.maxResponse;
    rows.push(written);
  });
  if (isTooLarge) {
    throw new Refusal(507, `response is too large (max is ${options.maxResponse} bytes)`);
  }
  const [command, ...rest] = tag.split(" ");
  const count = Number(rest.at(-1));
  const rowCount = rest.length > 0 && Number.isInteger(count) ? count : null;
  const named = (row) => {
    const cells = JSON.parse(row);
    return JSON.stringify(Object.fromEntries(columns.map(({ name }, at) => [name, cells[at]])));
  };
  const listed = asArray ? rows : rows.map(named);
  return (
    `{"rowAsArray":${asArray},"fields":${JSON.stringify(columns)},"rows":[${listed.join(",")}],` +
    `"command":${JSON.stringify(command)},"rowCount":${rowCount}}`
  );
}

async function inTransaction(session, queries, headers, size) {
  const level = headers["neon-batch-isolation-level"];
  const modes = [
    ...(level === undefined ? [] : [`ISOLATION LEVEL ${LEVELS[level]}`]),
    ...(headers["neon-batch-read-only"] === "true" ? ["READ ONLY"] : []),
    ...(headers["neon-batch-deferrable"] === "true" ? ["DEFERRABLE"] : []),
  ];
  await session.run(`START TRANSACTION ${modes.join(", ")}`);
  const results = [];
  try {
    for (const query of queries) results.push(await resultOf(session, query, headers, size));
  } catch (error) {
    if (error instanceof ServerError) await session.run("ROLLBACK");
    throw error;
  }
  await session.run("COMMIT");
  return `{"results":[${results.join(",")}]}`;
}

async function answer(request, body) {
  const { headers } = request;
  const login = loginOf(headers);
  const level = headers["neon-batch-isolation-level"];
  if (level !== undefined && !Object.hasOwn(LEVELS, level)) {
    throw new Refusal(400, "invalid isolation level");
  }
  if (headers["neon-raw-text-output"] !== "true") {
    throw new Refusal(400, "this double has texts only: neon-raw-text-output is missing");
  }
  const { one, batch } = payloadOf(body);
  const session = await take(login);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      // What the server is doing ends with the session, and is undone.
      cancel(session, login);
      reject(new Refusal(400, "Query cancelled, connection was terminated", "08P01"));
    }, options.timeout);
  });
  const size = { bytes: 0 };
  const working =
    batch === undefined
      ? resultOf(session, one, headers, size)
      : inTransaction(session, batch, headers, size);
  working.catch(() => {});
  try {
    const text = await Promise.race([working, late]);
    await giveBack(login, session);
    return text;
  } catch (error) {
    if (error instanceof ServerError) await giveBack(login, session);
    else session.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Ends the server's process, which goes on after its client has left. */
async function cancel(session, login) {
  const { pid } = session;
  session.destroy();
  try {
    const other = await take(login);
    await other.query("SELECT pg_terminate_backend($1)", [String(pid)], () => {});
    await giveBack(login, other);
  } catch {
    // It ends when its statement does.
  }
}

function errorBody(error) {
  const of = (letter) => error.fields?.[letter] ?? null;
  return {
    message: error.message,
    code: of("C") ?? error.code ?? "",
    detail: of("D"),
    hint: of("H"),
    position: of("P"),
    internalPosition: of("p"),
    internalQuery: of("q"),
    severity: of("S"),
    where: of("W"),
    table: of("t"),
    column: of("c"),
    schema: of("s"),
    dataType: of("d"),
    constraint: of("n"),
    file: of("F"),
    line: of("L"),
    routine: of("R"),
  };
}

const server = http.createServer(async (request, response) => {
  const send = (status, text) => {
    response.writeHead(status, {
      "content-type": "application/json",
      "access-control-allow-origin": "*",
    });
    response.end(text);
  };
  if (request.method !== "POST" || request.url !== "/sql") {
    request.resume();
    send(404, '{"message":"not found"}');
    return;
  }
  const chunks = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      length += chunk.length;
      if (length <= options.maxRequest) chunks.push(chunk);
    }
    if (length > options.maxRequest) {
      throw new Refusal(413, `request is too large (max is ${options.maxRequest} bytes)`);
    }
    send(200, await answer(request, Buffer.concat(chunks).toString()));
  } catch (error) {
    const status = error instanceof ServerError ? 400 : (error.status ?? 500);
    send(status, JSON.stringify(errorBody(error)));
  }
});
// Closed by the client first: a request that meets a closing server looks lost.
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
