// A proxy before the service that counts requests, and can spoil an access token or be away.
import { createServer, request as forward } from "node:http";

/** `url` is its GraphQL address; `spoilt` an access token that the service will not know any more. */
export async function wireTo(service) {
  const wire = { url: "", spoilt: null, away: false, counts: { refresh: 0, me: 0 }, end: () => server.close() };
  const server = createServer(async (incoming, outgoing) => {
    let body = "";
    for await (const part of incoming.setEncoding("utf8")) body += part;
    if (wire.away) {
      incoming.socket.destroy();
      return;
    }
    if (body.includes("mutation Refresh")) wire.counts.refresh += 1;
    if (body.includes("me {")) wire.counts.me += 1;
    const headers = { ...incoming.headers };
    if (headers.authorization === `Bearer ${wire.spoilt}`) headers.authorization = "Bearer x.y.z";
    const onward = forward(`${service}/graphql`, { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    onward.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  wire.url = `http://127.0.0.1:${server.address().port}/graphql`;
  return wire;
}
