import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { type RouterUnderTest, startRouter } from './cluster.ts';
import type { Scope } from './processes.ts';

/** A router before a backend that answers each stream as it is told. */
export async function startStreaming(
  scope: Scope,
  answer: (stream: ServerHttp2Stream, path: string) => void,
  limits: object = {},
): Promise<RouterUnderTest> {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    answer(stream, String(headers[':path']));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return startRouter(scope, { shards: [(server.address() as { port: number }).port], limits });
}

/** A session of a client with the router, until the scope ends. */
export function newSession(scope: Scope, router: RouterUnderTest): ClientHttp2Session {
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  return session;
}

/** Writes so many bytes, each its place's low byte, as fast as they are taken. */
export async function pour(into: NodeJS.WritableStream, bytes: number): Promise<void> {
  const chunk = Buffer.from(Array.from({ length: 65536 }, (_, i) => i & 0xff));
  for (let sent = 0; sent < bytes; sent += chunk.length)
    if (!into.write(chunk)) await once(into as unknown as NodeJS.EventEmitter, 'drain');
  into.end();
}

/** Reads to the end; the number of bytes, or -1 where one was not what `pour` wrote. */
export async function drain(from: AsyncIterable<Buffer>): Promise<number> {
  let count = 0;
  for await (const chunk of from) {
    if (chunk[0] !== (count & 0xff) || chunk[chunk.length - 1] !== ((count + chunk.length - 1) & 0xff)) return -1;
    count += chunk.length;
  }
  return count;
}
