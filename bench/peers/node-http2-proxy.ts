/** A proxy as one would write it on Node's own http2 module: the module is the wrong tool, and this measures by how much. */
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Cluster } from '../../src/topology/index.ts';

const [port = 0, firstBackend = 0, count = 1] = process.argv.slice(2).map(Number);
const shards = Array.from({ length: count }, (_, i) => ({
  id: `s${i}`,
  address: `127.0.0.1:${firstBackend + i}`,
  weight: 1,
}));
const cluster = new Cluster({
  name: 'bench',
  placement: { name: 'ringHash', options: {} },
  hashOn: 'address',
  shards,
});
const sessions = shards.map(({ address }) => connect(`http://${address}`));

createServer({ settings: { maxConcurrentStreams: 10_000 } })
  .on('stream', (downstream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const key = Buffer.from(String(headers['x-shard-key'] ?? ''));
    const session = sessions[cluster.locate(key, 0, key.length)];
    if (session === undefined) {
      downstream.respond({ ':status': 503 }, { endStream: true });
      return;
    }
    const upstream = session.request(headers);
    upstream.on('response', (response) => {
      let trailers: IncomingHttpHeaders = {};
      if (downstream.destroyed) return;
      downstream.respond(response, { waitForTrailers: true });
      upstream.on('trailers', (received) => {
        trailers = received;
      });
      downstream.on('wantTrailers', () => downstream.sendTrailers(trailers));
      upstream.pipe(downstream);
    });
    downstream.pipe(upstream);
    upstream.on('error', () => downstream.destroy());
    downstream.on('error', () => upstream.destroy());
  })
  .listen(port, '127.0.0.1');
