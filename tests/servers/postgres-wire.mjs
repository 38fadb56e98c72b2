// A client of PostgreSQL's protocol, version 3, as far as a proxy needs it that sends texts and
// receives texts: https://www.postgresql.org/docs/current/protocol-message-formats.html

import crypto from "node:crypto";
import net from "node:net";

/** An error that the server reported, with all of its fields by their letters. */
export class ServerError extends Error {
  constructor(fields) {
    super(fields.M);
    this.fields = fields;
  }
}

function message(type, ...parts) {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value) => Buffer.from(`${value}\0`);
function int16(number) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(number);
  return bytes;
}
function int32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(number);
  return bytes;
}

function fieldsOf(body) {
  const fields = {};
  for (const part of body.toString().split("\0")) {
    if (part !== "") fields[part[0]] = part.slice(1);
  }
  return fields;
}

function columnsOf(body) {
  const columns = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const end = body.indexOf(0, at);
    const name = body.toString("utf8", at, end);
    at = end + 1;
    columns.push({
      name,
      dataTypeID: body.readUInt32BE(at + 6),
      tableID: body.readUInt32BE(at),
      columnID: body.readInt16BE(at + 4),
      dataTypeSize: body.readInt16BE(at + 10),
      dataTypeModifier: body.readInt32BE(at + 12),
      format: "text",
    });
    at += 18;
  }
  return columns;
}

function rowOf(body) {
  const row = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) {
      row.push(null);
    } else {
      row.push(body.toString("utf8", at, at + length));
      at += length;
    }
  }
  return row;
}

/** A session of its own on a server. */
export class Session {
  #socket;
  #received = Buffer.alloc(0);
  #messages = [];
  #waiting = null;
  isOpen = true;
  /** The process of the server's that serves it. */
  pid = null;

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isOpen = false;
      this.#waiting?.();
    });
  }

  /** Logs in; `parameters` are those of the startup message. */
  static async open(host, port, parameters, password) {
    const session = new Session(net.connect(port, host));
    try {
      await session.#logIn(parameters, password);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  destroy() {
    this.isOpen = false;
    this.#socket.destroy();
  }

  #take(chunk) {
    this.#received = Buffer.concat([this.#received, chunk]);
    let at = 0;
    while (this.#received.length >= at + 5) {
      const end = at + 1 + this.#received.readInt32BE(at + 1);
      if (this.#received.length < end) break;
      const type = String.fromCharCode(this.#received[at]);
      const body = this.#received.subarray(at + 5, end);
      at = end;
      // Notices, settings and notifications are nobody's.
      if (!["N", "S", "A"].includes(type)) this.#messages.push({ type, body });
    }
    this.#received = this.#received.subarray(at);
    this.#waiting?.();
  }

  async #next() {
    while (this.#messages.length === 0) {
      if (!this.isOpen) throw new Error("the connection to the server is closed");
      await new Promise((resolve) => {
        this.#waiting = resolve;
      });
      this.#waiting = null;
    }
    return this.#messages.shift();
  }

  async #logIn(parameters, password) {
    const pairs = Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]);
    const startup = Buffer.concat([int32(196608), ...pairs, Buffer.of(0)]);
    this.#socket.write(Buffer.concat([int32(startup.length + 4), startup]));
    let proof = null;
    for (;;) {
      const { type, body } = await this.#next();
      if (type === "E") throw new ServerError(fieldsOf(body));
      if (type === "Z") return;
      if (type === "K") this.pid = body.readInt32BE(0);
      if (type !== "R") continue;
      const kind = body.readInt32BE(0);
      if (kind === 10) {
        proof = new Scram(password);
        const first = Buffer.from(proof.first());
        this.#socket.write(message("p", text("SCRAM-SHA-256"), int32(first.length), first));
      } else if (kind === 11) {
        this.#socket.write(message("p", Buffer.from(proof.final(body.toString("utf8", 4)))));
      } else if (kind !== 0 && kind !== 12) {
        throw new Error(`the server wants an unknown way of logging in: ${kind}`);
      }
    }
  }

  /** Runs statements by the simple protocol, without their rows. */
  async run(sql) {
    this.#socket.write(message("Q", text(sql)));
    let error = null;
    for (;;) {
      const { type, body } = await this.#next();
      if (type === "E") error ??= new ServerError(fieldsOf(body));
      if (type !== "Z") continue;
      if (error !== null) throw error;
      return;
    }
  }

  /**
   * Runs one statement by the extended protocol: an unnamed Parse without any type, values as
   * texts, results as texts. `onRow` is given each row.
   */
  async query(sql, values, onRow) {
    const bound = values.flatMap((value) => {
      if (value === null) return [int32(-1)];
      const bytes = Buffer.from(value);
      return [int32(bytes.length), bytes];
    });
    this.#socket.write(
      Buffer.concat([
        message("P", text(""), text(sql), int16(0)),
        message(
          "B",
          Buffer.concat([text(""), text(""), int16(0), int16(values.length)]),
          Buffer.concat(bound),
          int16(0),
        ),
        message("D", Buffer.from("P\0")),
        message("E", text(""), int32(0)),
        message("S"),
      ]),
    );
    let columns = [];
    let tag = "";
    let error = null;
    for (;;) {
      const { type, body } = await this.#next();
      if (type === "E") error ??= new ServerError(fieldsOf(body));
      else if (type === "T") columns = columnsOf(body);
      else if (type === "D") onRow(rowOf(body));
      else if (type === "C") tag = body.toString("utf8", 0, body.length - 1);
      else if (type === "G" || type === "W") this.#socket.write(message("f", text("no COPY")));
      if (type !== "Z") continue;
      if (error !== null) throw error;
      return { columns, tag };
    }
  }
}

/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677). */
class Scram {
  #password;
  #bare = `n=,r=${crypto.randomBytes(18).toString("base64")}`;

  constructor(password) {
    this.#password = password.normalize("NFKC");
  }

  first() {
    return `n,,${this.#bare}`;
  }

  final(challenge) {
    const part = (name) =>
      challenge.split(",").find((one) => one.startsWith(`${name}=`)).slice(2);
    const hmac = (key, data) => crypto.createHmac("sha256", key).update(data).digest();
    const salted = crypto.pbkdf2Sync(
      this.#password,
      Buffer.from(part("s"), "base64"),
      Number(part("i")),
      32,
      "sha256",
    );
    const without = `c=biws,r=${part("r")}`;
    const clientKey = hmac(salted, "Client Key");
    const stored = crypto.createHash("sha256").update(clientKey).digest();
    const signature = hmac(stored, `${this.#bare},${challenge},${without}`);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]));
    return `${without},p=${proof.toString("base64")}`;
  }
}
