// The REST API of Cloudflare D1, as far as a client needs it to run SQL, over D1 bindings:
// POST /accounts/ACCOUNT/d1/database/DATABASE/raw and /query. Replies and errors have the
// shape, codes and status of Cloudflare's own.

const PATH = /^\/accounts\/([^/]+)\/d1\/database\/([^/]+)\/(raw|query)$/;

function reply(status, errors, result = null) {
  const success = errors.length === 0;
  return Response.json({ success, errors, messages: [], result }, { status });
}

function refusal(request, env) {
  const header = request.headers.get("authorization");
  if (header === null || !/^Bearer [^\s]+$/.test(header)) {
    const error_chain = [
      { code: 6111, message: "Invalid format for Authorization header" },
    ];
    return reply(400, [
      { code: 6003, message: "Invalid request headers", error_chain },
    ]);
  }
  const token = header.slice("Bearer ".length);
  if (token === env.FOREIGN_TOKEN) {
    const message =
      "The given account is not valid or is not authorized to access this service";
    return reply(403, [{ code: 7403, message }]);
  }
  if (token !== env.TOKEN) {
    return reply(401, [{ code: 10000, message: "Authentication error" }]);
  }
  return null;
}

// Where each statement ends. A semicolon inside a string, a quoted name, a comment or the
// body of a trigger ends none.
function statements(sql) {
  const token =
    /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_]\w*|;/g;
  const found = [];
  let begin = 0;
  let words = [];
  let depth = 0;
  const take = (end) => {
    if (words.length > 0) found.push(sql.slice(begin, end));
    begin = end + 1;
    words = [];
    depth = 0;
  };
  for (const { 0: text, index } of sql.matchAll(token)) {
    if (text === ";") {
      if (depth === 0) take(index);
    } else if (/^[A-Za-z_]/.test(text)) {
      const word = text.toUpperCase();
      words.push(word);
      const inTrigger =
        words[0] === "CREATE" && words.slice(1, 3).includes("TRIGGER");
      if (inTrigger && (word === "BEGIN" || word === "CASE")) depth += 1;
      if (inTrigger && word === "END") depth -= 1;
    }
  }
  take(sql.length);
  return found;
}

function queries(body) {
  if (Array.isArray(body?.batch)) {
    return body.batch.map(({ sql, params }) => ({ sql, params: params ?? [] }));
  }
  if (typeof body?.sql !== "string") return null;
  const params = body.params ?? [];
  const parts = statements(body.sql);
  if (parts.length === 1 || params.length > 0) {
    return [{ sql: body.sql, params }];
  }
  return parts.map((sql) => ({ sql, params: [] }));
}

export default {
  async fetch(request, env) {
    const path = PATH.exec(new URL(request.url).pathname);
    if (path === null || request.method !== "POST") {
      return reply(404, [{ code: 7003, message: "Could not route to the path" }]);
    }
    const refused = refusal(request, env);
    if (refused !== null) return refused;
    const [, account, database, form] = path;
    const binding = env[decodeURIComponent(database)];
    if (account !== env.ACCOUNT || binding?.fetcher === undefined) {
      const message = `The database ${database} could not be found`;
      return reply(404, [{ code: 7404, message }]);
    }

    let asked = null;
    try {
      asked = queries(await request.json());
    } catch {
      // Said below.
    }
    if (asked === null) {
      return reply(400, [{ code: 7400, message: "The request is malformed" }]);
    }
    const format = form === "raw" ? "ROWS_AND_COLUMNS" : "ARRAY_OF_OBJECTS";
    const answer = await binding.fetcher.fetch(
      `http://d1/query?resultsFormat=${format}`,
      {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(asked),
      },
    );
    const text = await answer.text();
    let outcome;
    try {
      outcome = JSON.parse(text);
    } catch {
      // Miniflare's own check of the parameters' types.
      return text.startsWith("ZodError")
        ? reply(400, [{ code: 7400, message: "The request is malformed" }])
        : reply(500, [{ code: 7500, message: text }]);
    }
    if (!Array.isArray(outcome)) {
      return reply(400, [{ code: 7500, message: outcome.error }]);
    }
    // The text itself, as parsing and writing it again would only cost time.
    return new Response(
      `{"success":true,"errors":[],"messages":[],"result":${text}}`,
      { headers: { "content-type": "application/json" } },
    );
  },
};
