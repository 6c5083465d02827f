import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { startRouter } from '../support/cluster.ts';
import { freePorts, Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function curl(...args: string[]): Promise<string> {
  return (await promisify(execFile)('curl', ['-sS', '-i', ...args])).stdout;
}

it('speaks plain HTTP with curl: GET, HEAD, a body, and statuses of its own', async () => {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.respond({ ':status': 200, 'content-length': 5, 'x-method': headers[':method'] });
    stream.end(headers[':method'] === 'HEAD' ? undefined : 'hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const router = await startRouter(scope, { shards: [(server.address() as { port: number }).port] });
  const url = `http://${router.endpoint}/x`;
  const keyed = ['--http2-prior-knowledge', '-H', 'x-shard-key: k'];

  const got = await curl(...keyed, url);
  expect(got).toMatch(/^HTTP\/2 200/);
  expect(got).toMatch(/hello$/);
  expect(await curl(...keyed, '--head', url)).toMatch(/x-method: HEAD/);
  expect(await curl(...keyed, '--data-binary', 'body', url)).toMatch(/x-method: POST/);
  const refused = await curl('--http2-prior-knowledge', url);
  expect(refused).toMatch(/^HTTP\/2 400/);
  expect(refused).toContain('the shard key header x-shard-key is missing');
  const key = ['-H', 'x-shard-key: k'];
  const old = await curl('--http1.1', ...key, url);
  expect(old).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(old).toMatch(/hello$/);
  expect(await curl('--http1.0', ...key, url)).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*connection: close[\s\S]*hello$/);
  expect(await curl('--http2', ...key, url)).toMatch(
    /^HTTP\/1\.1 101 [\s\S]*upgrade: h2c[\s\S]*HTTP\/2 200[\s\S]*hello$/,
  );
});

it('tells curl by a 503 which shard is down', async () => {
  const [dead] = (await freePorts(1)) as [number];
  const router = await startRouter(scope, { shards: [dead] });
  const answer = await curl('--http2-prior-knowledge', '-H', 'x-shard-key: k', `http://${router.endpoint}/`);
  expect(answer).toMatch(/^HTTP\/2 503/);
  expect(answer).toContain(`shard s0 (127.0.0.1:${dead}) is unavailable: ECONNREFUSED`);
});
