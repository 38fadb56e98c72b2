// Ends TLS in front of another server. Prints its port when it answers, and ends when its
// standard input does.
//
//   node tls.mjs PORT KEY CERTIFICATE

import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

const [port, key, cert] = process.argv.slice(2);
const options = { key: readFileSync(key), cert: readFileSync(cert) };
const server = tls.createServer(options, (client) => {
  const behind = net.connect(Number(port), "127.0.0.1");
  for (const [from, to] of [
    [client, behind],
    [behind, client],
  ]) {
    from.pipe(to);
    from.on("error", () => to.destroy());
  }
});
server.on("tlsClientError", () => {});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
