import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { seeded } from '../../test/support/random.ts';
import { RouterCounters } from '../proxy/index.ts';
import { AdminServer, type AdminSource } from './admin-server.ts';

const TOKEN = 'a-token-of-some-length';

const quietSource: AdminSource = {
  counters: async () => [new RouterCounters()],
  vitals: async () => ({
    version: '1.2.3',
    node: '26.0.0',
    startedSeconds: 1,
    cpuUserSeconds: 1,
    cpuSystemSeconds: 2,
    residentBytes: 3,
    openFiles: null,
    maxOpenFiles: Number.POSITIVE_INFINITY,
    threads: [],
  }),
  openStreams: async () => [],
  redis: async () => [],
  notReadyBecause: () => null,
  registry: () => null,
  topology: () => [],
  fingerprints: async () => [],
  explain: (key) => [{ key }],
  config: () => ({}),
  reloads: () => null,
  handOver: () => Promise.reject(new Error('it is not handed over')),
};

const servers: AdminServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(
  source: Partial<AdminSource> = {},
  token: string | null = null,
  names: readonly string[] = [],
  host = '127.0.0.1',
): Promise<number> {
  const server = new AdminServer({ ...quietSource, ...source }, token, names);
  servers.push(server);
  return server.listen(host, 0);
}

/**
 * All that is answered to these bytes until the server ends the connection.
 * @param ends whether no more will be sent
 */
function sent(port: number, bytes: string | Buffer, ends = false): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (ends ? socket.end(bytes) : socket.write(bytes)));
    let answered = '';
    socket.on('data', (data) => {
      answered += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answered));
  });
}

/** The status of a GET; 0: there was no answer. */
async function statusOf(port: number, target: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const lines = Object.entries({ host: `localhost:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const answer = await sent(port, `GET ${target} HTTP/1.1\r\n${lines.join('')}connection: close\r\n\r\n`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
}

describe('whatever is sent to the admin address', () => {
  it('answers targets that are not paths, and keeps serving', async () => {
    const port = await serve({}, TOKEN);
    for (const target of [
      '//',
      '///',
      '//[',
      'http://',
      'http://[',
      'http:///',
      '*',
      '\\',
      '/%',
      '/%zz?%',
      'x',
      '//a:b@c:d/',
    ])
      expect(await statusOf(port, target), target).toBeGreaterThanOrEqual(400);
    expect(await statusOf(port, 'http://elsewhere/healthz')).toBe(200);
    expect(await statusOf(port, '/healthz?//%')).toBe(200);
  });

  it('answers 500 when a report fails, and keeps serving', async () => {
    const fault = (): never => {
      throw new Error('it is broken');
    };
    const broken = { ...quietSource, counters: fault, topology: fault, registry: fault, explain: fault, config: fault };
    const port = await serve({
      ...broken,
      openStreams: () => Promise.reject(new Error('it is broken')),
      notReadyBecause: fault,
    });
    for (const path of [
      '/metrics',
      '/topology',
      '/registry',
      '/clusters',
      '/streams',
      '/explain?key=k',
      '/config',
      '/readyz',
    ])
      expect(await statusOf(port, path), path).toBe(500);
    expect(await statusOf(port, '/healthz')).toBe(200);
  });

  it('survives a thousand random requests', async () => {
    const port = await serve({}, TOKEN);
    const random = seeded(20);
    const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
    const noise = (length: number): string =>
      Array.from({ length }, () => String.fromCharCode(Math.floor(random() * 256))).join('');
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'TRACE', 'DELETE', 'PRI', 'get', 'X'];
    const paths = [
      '/',
      '//',
      '/metrics',
      '/streams',
      '/explain',
      '/fingerprint',
      '/config',
      '*',
      'http://',
      '/../',
      '//[::',
      ':80',
      '',
    ];
    const queries = [
      '',
      '?',
      '?key=',
      '?limit=-1',
      '?limit=1e400',
      '?cluster=x&keys=NaN',
      '?key=%ff%fe',
      '?%',
      '?key=%00',
    ];
    const headers = [
      'Host: localhost',
      'Host: x, y',
      'Host:',
      `Authorization: Bearer ${TOKEN}`,
      'Authorization: Bearer',
      'Content-Length: 5',
      'Content-Length: 99999999999999999999',
      'Transfer-Encoding: chunked',
      'Expect: 100-continue',
      'Expect: miracles',
      'Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk',
      'Connection: upgrade\r\nUpgrade: websocket',
      'Origin: null',
      'Sec-Fetch-Site: cross-site',
    ];
    for (let i = 0; i < 1000; i++) {
      const target = random() < 0.2 ? noise(8) : pick(paths) + pick(queries);
      const lines = Array.from({ length: Math.floor(random() * 5) }, () =>
        random() < 0.1 ? `${noise(5)}: ${noise(5)}` : pick(headers),
      );
      const body = random() < 0.3 ? noise(Math.floor(random() * 40)) : '';
      const version = random() < 0.9 ? 'HTTP/1.1' : pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '']);
      await sent(
        port,
        Buffer.from(`${pick(methods)} ${target} ${version}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'),
        true,
      );
    }
    expect(await statusOf(port, '/healthz')).toBe(200);
    expect(await statusOf(port, '/config', { authorization: `Bearer ${TOKEN}` })).toBe(200);
  });
});

describe('an admin address on loopback', () => {
  it('answers curl, Prometheus and a page of its own', async () => {
    const port = await serve({}, null, ['keyway.internal']);
    const own = `localhost:${port}`;
    const asked: Array<Record<string, string>> = [
      { host: own },
      { host: `127.0.0.1:${port}` },
      { host: '127.0.0.1' },
      { host: '[::1]:9901' },
      { host: 'LOCALHOST:1' },
      { host: 'keyway.internal' },
      { host: own, origin: `http://${own}`, 'sec-fetch-site': 'same-origin' },
      { host: own, 'sec-fetch-site': 'none' },
    ];
    for (const headers of asked) expect(await statusOf(port, '/config', headers), JSON.stringify(headers)).toBe(200);
  });

  it('refuses pages of other origins, and requests for other host names', async () => {
    const port = await serve();
    const own = `localhost:${port}`;
    const asked: Array<Record<string, string>> = [
      { host: 'evil.example' },
      { host: `evil.example:${port}` },
      { host: '127.0.0.1.evil.example' },
      { host: 'localhost.evil.example' },
      { host: '127.evil' },
      { host: '10.0.0.1' },
      { host: 'localhost:1:2' },
      { host: '' },
      { host: 'evil.example', origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' },
      { host: own, origin: 'http://evil.example' },
      { host: own, origin: 'null' },
      { host: own, origin: `http://localhost:${port + 1}` },
      { host: own, 'sec-fetch-site': 'cross-site' },
      { host: own, 'sec-fetch-site': 'same-site' },
    ];
    for (const path of ['/config', '/metrics', '/healthz', '/nothing'])
      for (const headers of asked) expect(await statusOf(port, path, headers), JSON.stringify(headers)).toBe(403);
    const twice = await sent(
      port,
      `GET /config HTTP/1.1\r\nhost: ${own}\r\nhost: evil.example\r\nconnection: close\r\n\r\n`,
    );
    expect(twice).toMatch(/^HTTP\/1\.1 400/);
  });

  it('changes nothing: it accepts only GET and HEAD', async () => {
    const port = await serve();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await sent(port, `${method} /config HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}`);
      expect(answer).toMatch(/^HTTP\/1\.1 405 .*allow: GET, HEAD/is);
    }
  });
});

it('answers under any host name if the request has the token', async () => {
  const port = await serve({}, TOKEN);
  const authorization = `Bearer ${TOKEN}`;
  expect(await statusOf(port, '/config', { host: 'keyway.default.svc', authorization })).toBe(200);
  expect(await statusOf(port, '/config', { host: 'keyway.default.svc' })).toBe(403);
  expect(await statusOf(port, '/config')).toBe(401);
  const open = await serve({}, TOKEN, [], '0.0.0.0');
  expect(await statusOf(open, '/readyz', { host: 'keyway.default.svc' })).toBe(200);
  expect(await statusOf(open, '/config', { host: 'keyway.default.svc' })).toBe(401);
  expect(await statusOf(open, '/config', { authorization, 'sec-fetch-site': 'cross-site' })).toBe(403);
});

it('says where there is no such cluster, or no topology of it', async () => {
  const port = await serve({ fingerprints: async () => [null, null], explain: () => [] });
  for (const path of ['/fingerprint?cluster=dcos', '/explain?key=demo/hello&cluster=dcos'])
    expect(await statusOf(port, path)).toBe(404);
  expect(await statusOf(port, '/explain?key=demo/hello')).toBe(200);
});

it('computes one fingerprint at a time', async () => {
  const finish: Array<() => void> = [];
  const fingerprints = (): Promise<[]> => new Promise((resolve) => finish.push(() => resolve([])));
  const port = await serve({ fingerprints });
  const first = statusOf(port, '/fingerprint?cluster=docs');
  await expect.poll(() => finish.length).toBe(1);
  expect(await statusOf(port, '/fingerprint?cluster=docs')).toBe(503);
  for (const each of finish.splice(0)) each();
  expect(await first).toBe(200);
  const again = statusOf(port, '/fingerprint?cluster=docs');
  await expect.poll(() => finish.length).toBe(1);
  for (const each of finish) each();
  expect(await again).toBe(200);
});

it('shows slow commands while keys are counted, and counts keys for one asker at a time', async () => {
  const finish: Array<() => void> = [];
  const redis = (question: string): Promise<[]> =>
    question === 'hotkeys' ? new Promise((resolve) => finish.push(() => resolve([]))) : Promise.resolve([]);
  const port = await serve({ redis });
  const counting = statusOf(port, '/redis/hotkeys?seconds=30');
  await expect.poll(() => finish.length).toBe(1);
  expect(await statusOf(port, '/redis/hotkeys')).toBe(503);
  expect(await statusOf(port, '/redis/slowlog')).toBe(200);
  for (const each of finish) each();
  expect(await counting).toBe(200);
});
