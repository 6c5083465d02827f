/** What `keyway load` tells of a run, while it goes on and when it is over. */
import { readFileSync } from 'node:fs';
import { createSecureServer, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { LoadReport } from '../../src/load/index.ts';
import { VERSION } from '../../src/runtime/version.ts';
import { TestAuthority } from '../support/certificates.ts';
import { Commands } from '../support/commands.ts';
import { KEYWAY, Scope } from '../support/processes.ts';

const scope = new Scope();
const commands = new Commands('');
afterEach(() => scope.release());

type Answering = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function backend(answer: Answering, tls?: { readonly key: string; readonly cert: string }): Promise<string> {
  const server = tls === undefined ? createServer() : createSecureServer(tls);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    // What a load resets at its end is no fault.
    stream.on('error', () => {});
    answer(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ok: Answering = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('ok');
};

const GET = ['--http', 'GET /{{key}}', '--warm-up', '0'];

function readReport(file: string): LoadReport {
  return JSON.parse(readFileSync(file, 'utf8')) as LoadReport;
}

it('draws on a terminal while it runs, and leaves the report there', async () => {
  const address = await backend((stream, { ':path': path }) => {
    stream.respond({ ':status': path?.endsWith('1') ? 503 : 200, 'x-keyway-shard': 's0' });
    stream.end();
  });
  const load = ['load', address, ...GET, '--rate', '100', '--duration', '3s', '--at', '1s', 'true'];
  const words = [process.execPath, KEYWAY, ...load].map((word) => `'${word}'`).join(' ');
  // A terminal, by util-linux.
  const running = scope.run('script', ['-qec', `stty cols 100 rows 30; ${words}`, '/dev/null']);
  await running.printed(/rate +\d+\/s/);
  await running.printed(/marks +1\.\d s {2}true/);
  expect(running.output).toMatch(/status +200 +\d+ +[\d.]+% +█/);
  expect(running.output).toMatch(/shard +s0/);
  expect(running.output).not.toMatch(/^ +1 s {2}\d+\/s/m);
  expect(await running.exit()).toBe(0);
  // Drawn over, not one below the other.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told
  expect(running.output).toMatch(/\x1b\[\d+A\x1b\[J/);
  expect(running.output).toMatch(/requests +\d+ in 3\.\d s/);
});

it('carries commands out at their times, marks them, and says which have failed', async () => {
  const address = await backend(ok);
  const json = join(scope.folder(), 'report.json');
  // What a command leaves running keeps nobody waiting.
  const at = ['--at', '200ms', 'sleep 15 & echo done', '--at', '400ms', 'echo no such shard >&2; exit 3'];
  const { code, error, out } = await commands.runApart(
    'load',
    address,
    ...GET,
    '--duration',
    '1s',
    ...at,
    '--json',
    json,
  );
  expect(code).toBe(1);
  expect(error).toContain('keyway: "echo no such shard >&2; exit 3" ended with 3: no such shard\n');
  expect(readReport(json).marks.map(({ text }) => text.replace(/[\d.]+ s$/, 'N s'))).toEqual([
    'sleep 15 & echo done',
    'sleep 15 & echo done: done after N s',
    'echo no such shard >&2; exit 3',
    'echo no such shard >&2; exit 3: ended with 3 after N s',
  ]);
  expect(readReport(json).marks[0]?.atMs).toBeGreaterThan(190);
  const { origin } = readReport(json);
  expect(origin).toMatchObject({ version: VERSION, node: process.versions.node });
  expect(Date.parse(origin?.startedAt ?? '')).toBeLessThanOrEqual(Date.now());
  expect(origin?.machine).toMatch(/^\d+ x .+, [\d.]+ GB, /);
  expect(out).toMatch(/marks +0\.2 s {2}sleep 15 & echo done/);
});

it('continues until its commands have ended and for a time after, if asked to', async () => {
  const address = await backend(ok);
  const json = join(scope.folder(), 'report.json');
  const at = ['--at', '200ms', 'sleep 1', '--at', '1s', 'true', '--after-commands', '500ms'];
  const { code } = await commands.runApart('load', address, ...GET, '--duration', '500ms', ...at, '--json', json);
  expect(code).toBe(0);
  expect(readReport(json).seconds).toBeGreaterThan(1.7);
  expect(readReport(json).marks.length).toBe(4);
});

it('reports pauses, and nothing if there are none', async () => {
  let stalls = true;
  const address = await backend((stream, headers) => {
    if (!stalls) return ok(stream, headers);
    stalls = false;
    setTimeout(() => ok(stream, headers), 400);
  });
  const json = join(scope.folder(), 'report.json');
  const load = ['load', address, ...GET, '--rate', '50', '--duration', '1s', '--pause', '300ms', '--json', json];
  const first = await commands.runApart(...load, '--fail-on', 'pause>300ms');
  const [pause, ...others] = readReport(json).pauses.all;
  expect(others).toEqual([]);
  expect(pause).toMatchObject({ requests: 1, keys: 1 });
  expect(pause?.lastsMs).toBeGreaterThan(395);
  expect(first).toMatchObject({ code: 1, error: expect.stringMatching(/keyway: pause>300ms: it is 4\d\d/) });
  const second = await commands.runApart(...load);
  expect(second.out).toContain('pauses    none: no request took longer than 300.0 ms\n');
});

it('finds what a backend that answers with a shard and a revision does wrong', async () => {
  let revision = 0;
  const address = await backend((stream, { ':path': path }) => {
    // Two in turns, of which the one has not heard of what the other does.
    const isOther = revision % 2 === 1;
    revision++;
    const own = isOther && path === '/split' ? revision - 1 : revision;
    stream.respond({
      ':status': 200,
      'x-shard': isOther && path === '/split' ? 's1' : 's0',
      'x-revision': String(own),
    });
    stream.end();
  });
  const keys = scope.file('keys', 'a/b\n');
  const load = (path: string) => {
    const what = ['--http', `PUT ${path}`, '--shard-header', 'X-Shard', '--revision', 'header:X-Revision', '--writes'];
    const how = ['--keys', keys, '--users', '1', '--duration', '500ms', '--warm-up', '0', '--check'];
    return commands.runApart('load', address, ...what, ...how);
  };
  const whole = await load('/whole');
  expect(whole.code, whole.out).toBe(0);
  expect(whole.out).toMatch(/check +\d+ calls for 1 keys \(0 of them by more than one shard\), \d+ writes/);
  const split = await load('/split');
  expect(split.code).toBe(1);
  expect(split.out).toMatch(
    /one shard at a time: NO, \d+ times, for 1 of them\n +a\/b: served by s[01] at [\d.]+ s, s[01] at/,
  );
  expect(split.out).toMatch(/revisions grow: NO, \d+ times/);
});

it('finds what a watch missed, and continues after the last event that it knew', async () => {
  const watchers = new Set<ServerHttp2Stream>();
  const asked: string[] = [];
  let revision = 0;
  const address = await backend((stream, { ':path': path = '' }) => {
    stream.respond({ ':status': 200, 'x-keyway-shard': 's0' });
    if (path.startsWith('/watch')) {
      asked.push(path);
      watchers.add(stream);
      stream.on('close', () => watchers.delete(stream));
      stream.write(`${JSON.stringify({ revision })}\n`);
      if (asked.length === 1) setTimeout(() => stream.end(), 500);
      return;
    }
    revision++;
    // Each tenth is kept from those who watch.
    if (revision % 10 !== 0 || path === '/good') for (const each of watchers) each.write(`{"revision": ${revision}}\n`);
    stream.end(JSON.stringify({ revision }));
  });
  const keys = scope.file('keys', 'a/b\n');
  const plan = (path: string): string =>
    scope.file(
      'plan.yaml',
      `calls:
  put: {http: PUT ${path}, writes: true, revision: revision}
  watch: {http: "GET /watch?after={{revision}}", revision: revision, weight: 0, watch: {open: 1}}
`,
    );
  const load = (path: string) => {
    const how = ['--keys', keys, '--rate', '50', '--duration', '2s', '--warm-up', '0', '--check'];
    return commands.runApart('load', address, '--plan', plan(path), ...how);
  };
  const good = await load('/good');
  expect(good.code, good.out).toBe(0);
  expect(good.out).toMatch(/watches miss nothing: yes/);
  expect(good.out).toMatch(/back +1 after p50/);
  expect(asked[0]).toBe('/watch?after=0');
  expect(Number(asked[1]?.split('=')[1])).toBeGreaterThan(5);
  const bad = await load('/bad');
  expect(bad.code).toBe(1);
  expect(bad.out).toMatch(
    /watches miss nothing: NO, \d+ times, for 1 of them\n +a\/b: s0 answered with revision \d+0 at/,
  );
});

it('opens watches with the load, lets them go, and counts one that is refused as an error', async () => {
  let open = 0;
  let most = 0;
  const address = await backend((stream, { ':path': path }) => {
    if (path === '/refused') {
      stream.respond({ ':status': 404 });
      stream.end('no such note');
      return;
    }
    most = Math.max(most, ++open);
    stream.on('close', () => open--);
    stream.respond({ ':status': 200 });
    stream.write('{}\n');
  });
  const json = join(scope.folder(), 'report.json');
  const plan = (path: string): string =>
    scope.file('plan.yaml', `calls: {watch: {http: GET ${path}, watch: {life: 200ms}}}\n`);
  const load = async (path: string): Promise<LoadReport> => {
    const how = ['--rate', '50', '--duration', '2s', '--warm-up', '0', '--json', json];
    await commands.runApart('load', address, '--plan', plan(path), ...how);
    return readReport(json);
  };
  const report = await load('/notes');
  expect(report).toMatchObject({ errors: 0, statuses: { attached: report.requests } });
  expect(report.watches).toMatchObject({ opened: report.requests, reattached: 0, detached: 0, ended: {} });
  // A hundred in all, of which ten are there at once where nothing holds them up; the backend hears of their ends too.
  expect(report.watches?.mostOpen).toBeLessThan(0.8 * report.requests);
  expect(most).toBeLessThan(0.8 * report.requests);
  const refused = await load('/refused');
  expect(refused).toMatchObject({ errors: refused.requests, statuses: { 404: refused.requests } });
  expect(refused.watches).toMatchObject({ opened: 0, mostOpen: 0 });
});

it('speaks TLS to a target that it can trust, and to no other', async () => {
  const authority = new TestAuthority(scope.folder());
  const leaf = authority.issue('DNS:localhost');
  const { port } = new URL(
    `http://${await backend(ok, { key: readFileSync(leaf.key, 'utf8'), cert: readFileSync(leaf.certificate, 'utf8') })}`,
  );
  const load = ['load', `https://localhost:${port}`, ...GET, '--duration', '300ms'];
  const json = join(scope.folder(), 'report.json');
  const trusted = await commands.runApart(...load, '--ca', authority.certificate, '--json', json);
  expect(trusted.error.split('\n').filter((line) => line.startsWith('keyway:'))).toEqual([]);
  expect(readReport(json)).toMatchObject({ errors: 0, statuses: { 200: readReport(json).requests } });
  const stranger = await commands.runApart(...load);
  expect(stranger).toMatchObject({ code: 1, error: expect.stringMatching(/certificate/) });
});

it('puts two runs side by side', async () => {
  const address = await backend(ok);
  const folder = scope.folder();
  const files = ['a.json', 'b.json'].map((name) => join(folder, name));
  for (const [i, file] of files.entries())
    await commands.runApart(
      'load',
      address,
      ...GET,
      '--rate',
      String(100 + 100 * i),
      '--duration',
      '1s',
      '--json',
      file,
    );
  const { code, out } = await commands.runApart('load', 'compare', ...files);
  expect(code).toBe(0);
  expect(out).toMatch(/^ +one +other +ratio$/m);
  expect(out).toMatch(/^requests +\d+ +\d+ +[12]\.\d+x$/m);
  expect(out).toMatch(/^p99, ms +[\d.]+ +[\d.]+ +[\d.]+x$/m);
  const bad = await commands.runApart('load', 'compare', files[0] as string, scope.file('c.json', '{}'));
  expect(bad).toMatchObject({
    code: 2,
    error: expect.stringMatching(/c\.json is not a report of keyway load --json: format/),
  });
});
