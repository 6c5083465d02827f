/** A plain HTTP/2 backend on Node's own implementation, for h2spec: it answers every request with a body of some kilobytes. */
import { createServer, type ServerHttp2Stream } from 'node:http2';

const body = Buffer.alloc(4096, 'keyway ');
const server = createServer();
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  stream.on('error', () => {});
  stream.respond({ ':status': 200, 'content-type': 'text/plain', 'content-length': body.length });
  stream.end(headers[':method'] === 'HEAD' ? undefined : body);
  stream.resume();
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('listening\n'));
