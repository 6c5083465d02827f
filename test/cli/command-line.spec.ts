import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { DocumentsClient } from '../../src/shard/index.ts';
import { eventually, fetchText } from '../support/cluster.ts';
import { Commands, type Outcome } from '../support/commands.ts';
import { commandLines, freePorts, KEYWAY, type Running, Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONFIG = `listen: [{address: 127.0.0.1:8080}]
routes:
  - match: {prefix: /}
    cluster: docs
clusters:
  docs:
    placement: {maglev: {tableSize: 65537}}
    shards:
      - {id: s0, address: 127.0.0.1:9101}
      - {id: s1, address: 127.0.0.1:9102}
`;

const commands = new Commands('');
const keyway = (...args: string[]): Promise<Outcome> => commands.run(...args);

it('checks a config, and says in one line what is wrong and where', async () => {
  const right = scope.file('keyway.yaml', CONFIG);
  expect(await keyway('router', '--config', right, '--check')).toMatchObject({
    code: 0,
    out: `${right} is valid\n`,
  });
  const wrong = scope.file('keyway.yaml', CONFIG.replace('65537', '65536'));
  expect(await keyway('router', '--config', wrong, '--check')).toEqual({
    code: 2,
    out: '',
    error: `keyway: ${wrong}:7:37 clusters.docs.placement.maglev.tableSize: 65536 is not a prime number; the next one is 65537\n`,
  });
  expect(await keyway('router', '--config', '/nowhere.yaml')).toMatchObject({
    code: 2,
    error: 'keyway: /nowhere.yaml: there is no such file\n',
  });
});

it('answers wrong usage with exit code 2 and one line', async () => {
  for (const args of [['rooter'], ['router'], ['dev', '--shards', 'many'], ['explain', '--config'], ['kv', 'get']]) {
    const { code, out, error } = await commands.runApart(...args);
    expect([code, out], args.join(' ')).toEqual([2, '']);
    expect(error.trimEnd().split('\n').length, error).toBe(1);
  }
});

it('explains a hundred thousand keys from standard input', async () => {
  const file = scope.file('keyway.yaml', CONFIG);
  const input = Array.from({ length: 100_000 }, (_, i) => `project-${i % 1000}/document-${i}`).join('\n');
  const args = [KEYWAY, 'explain', '--config', file, '--json', '-'];
  const output = execFileSync(process.execPath, args, { input, maxBuffer: 2 ** 29, encoding: 'utf8' });
  const lines = output.trimEnd().split('\n');
  expect(lines.length).toBe(100_000);
  expect(JSON.parse(lines[0] as string)).toEqual({
    key: 'project-0/document-0',
    hash: expect.stringMatching(/^[0-9]+$/),
    shard: expect.stringMatching(/^s[01]$/),
    address: expect.stringMatching(/^127\.0\.0\.1:910[12]$/),
  });
});

it('ends quietly when its output is closed', async () => {
  const file = scope.file('keyway.yaml', CONFIG);
  const child = spawn(process.execPath, [KEYWAY, 'explain', '--config', file, '-'], { stdio: 'pipe' });
  scope.defer(() => child.kill('SIGKILL'));
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdin.on('error', () => {});
  child.stdin.end('demo/hello\n'.repeat(300_000));
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(errors).toBe('');
});

it('reports what a change of topology would move before anything moves', async () => {
  const shards = (...ids: number[]): string => ids.map((n) => `{id: s${n}, address: '127.0.0.1:910${n}'}`).join(', ');
  const config = (text: string): string =>
    scope.file(
      'keyway.yaml',
      `listen: [{address: 127.0.0.1:0}]
routes: [{match: {prefix: /}, cluster: docs}]
clusters: {docs: {placement: {fixedRing: {}}, hashOn: id, shards: [${text}]}}
`,
    );
  const [now, next] = [config(shards(1, 2, 3)), config(shards(1, 2, 3, 4))];
  const { code, out } = await keyway('plan', next, '--config', now, '--json');
  expect(code).toBe(0);
  const plan = JSON.parse(out) as {
    moved: number;
    flows: Array<{ to: string; share: number }>;
    shards: Array<{ id: string; before: number | null; after: number }>;
  };
  expect(plan.flows.map(({ to }) => to)).toEqual(['s4', 's4', 's4']);
  expect(plan.moved).toBeCloseTo(plan.shards.find(({ id }) => id === 's4')?.after ?? 0, 9);
  expect(plan.shards.map(({ before }) => before === null)).toEqual([false, false, false, true]);
  const table = await keyway('plan', next, '--config', now);
  expect(table.out).toMatch(/^docs: [23]\d\.\d% of the keys move\n\nfrom +to +share\ns\d +s4 +\d+\.\d%\n/);
  expect(table.out).toMatch(/\ns4 +- +[23]\d\.\d% {2}█+[▏▎▍▌▋▊▉]?\n$/);
  expect((await keyway('plan', now, '--config', now)).out).toMatch(/^docs: 0\.0% of the keys move\n\nshard/);
  expect(await keyway('plan', next, '--config', now, '--cluster', 'other')).toMatchObject({ code: 2 });
});

it("converts a config of Istio's into a valid one, and reports what it left out", async () => {
  const output = join(scope.folder(), 'keyway.yaml');
  const args = ['import', 'istio', join(ROOT, 'examples/yorkie-istio.yaml'), '--output', output];
  const outcome = await keyway(...args, '--shards', 'yorkie=127.0.0.1:9101,127.0.0.1:9102');
  expect(outcome).toEqual({
    code: 0,
    out: '',
    error: 'not carried over: VirtualService yorkie: spec.http[0].mirror: Keyway has no such feature\n',
  });
  expect(await keyway('router', '--config', output, '--check')).toMatchObject({ code: 0 });
  const { out } = await keyway('explain', '--config', output, 'project/document');
  expect(out).toMatch(/yorkie-[01]\t127\.0\.0\.1:910[12]\n$/);
});

it('ends with an error if its port is taken, and leaves nothing running', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const { port } = server.address() as { port: number };
  const config = scope.file(
    'keyway.yaml',
    `listen: [{address: '127.0.0.1:${port}'}]
admin: {address: 127.0.0.1:0}
routes: [{match: {prefix: /}, cluster: docs}]
clusters: {docs: {shards: [{id: s0, address: 127.0.0.1:1}]}}
`,
  );
  const { code, error } = await commands.runApart('router', '--config', config);
  expect(code).not.toBe(0);
  // A machine's limits may be logged before it.
  expect(error).toContain(
    `keyway: 127.0.0.1:${port} is in use by another process: change listen in ${config}, or stop the process that uses it\n`,
  );
});

it('names the option of an address that is not available, and leaves nothing running', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const taken = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const data = (): string[] => ['--data', join(scope.folder(), 'data.sqlite')];
  const at = (option: string): string =>
    `keyway: ${taken} is in use by another process: change ${option}, or stop the process that uses it\n`;
  const file = scope.file('data', '');
  const outcomes = await Promise.all([
    keyway('registry', '--data', join(file, 'registry.sqlite')),
    keyway('backend', '--id', 's0', '--listen', taken, ...data()),
    keyway('backend', '--id', 's0', '--listen', '127.0.0.1:0', '--metrics', taken, ...data()),
    keyway('registry', '--listen', taken, ...data()),
    keyway('registry', '--listen', '127.0.0.1:0', '--metrics', taken, ...data()),
    keyway(
      'registry',
      '--listen',
      'nowhere.invalid:9200',
      '--insecure',
      '--token-file',
      scope.file('t', 'x'.repeat(16)),
    ),
  ]);
  expect(outcomes.map(({ code, error }) => [code, error])).toEqual([
    [2, `keyway: ${file} is a file, not a folder: choose another place with --data\n`],
    [2, at('--listen')],
    [2, at('--metrics')],
    [2, at('--listen')],
    [2, at('--metrics')],
    [2, 'keyway: there is no host nowhere.invalid in DNS: change --listen\n'],
  ]);
});

// A device whose disk is always full.
it.runIf(existsSync('/dev/full'))('keeps serving when its log cannot be written', async () => {
  const config = scope.file(
    'keyway.yaml',
    stringify({
      listen: [{ address: '127.0.0.1:0' }],
      admin: { address: '127.0.0.1:0' },
      accessLog: { path: '/dev/full', sample: 1 },
      routes: [{ match: { prefix: '/' }, cluster: 'docs' }],
      clusters: { docs: { shards: [{ id: 's0', address: '127.0.0.1:1' }] } },
    }),
  );
  const full = openSync('/dev/full', 'w');
  scope.defer(() => closeSync(full));
  const router = spawn(process.execPath, [KEYWAY, 'router', '--config', config], { stdio: ['ignore', 'pipe', full] });
  scope.defer(() => router.kill('SIGKILL'));
  const [line] = (await once(router.stdout as Readable, 'data')) as [Buffer];
  const [, endpoint, admin] = /listening on (\S+); admin on (\S+)/.exec(line.toString()) ?? [];
  expect((await fetchText(`http://${endpoint}/x`)).status).toBe(400);
  router.stdout?.destroy();
  router.kill('SIGHUP');
  await eventually(async () =>
    /config_reloads_total\{result="unchanged"\} 1/.test((await fetchText(`http://${admin}/metrics`)).text),
  );
  router.kill('SIGTERM');
  expect(await once(router, 'exit')).toEqual([0, null]);
  const version = spawn(process.execPath, [KEYWAY, 'version'], { stdio: ['ignore', full, 'pipe'] });
  const [said] = (await once(version.stderr as Readable, 'data')) as [Buffer];
  expect(said.toString()).toBe('keyway: standard output: the disk is full\n');
  expect(await once(version, 'exit')).toEqual([1, null]);
});

it('prints a JSON schema, which docs/ has as it is', async () => {
  const { out } = await keyway('schema');
  expect(readFileSync(join(ROOT, 'docs/config.schema.json'), 'utf8')).toBe(out);
});

it('brings up a router and shards with `keyway dev`, and takes them down at a signal', async () => {
  const folder = scope.folder();
  const [listen, admin] = await freePorts(2);
  const dev = scope.keyway(
    [
      'dev',
      '--shards',
      '2',
      '--listen',
      `127.0.0.1:${listen}`,
      '--admin',
      `127.0.0.1:${admin}`,
      '--registry',
      '127.0.0.1:0',
    ],
    folder,
  );
  await dev.printed(/try, in another terminal/);
  expect(dev.output).toContain(`endpoint  127.0.0.1:${listen}`);
  const shards = [...dev.output.matchAll(/shard {5}s\d 127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
  expect(shards.length).toBe(2);
  const put = await keyway('kv', 'put', 'demo/hello', 'good day', '--endpoint', `127.0.0.1:${listen}`);
  expect(put.out).toMatch(/demo\/hello is at revision 1, on s[01]/);
  expect(existsSync(join(folder, '.keyway/keyway.yaml'))).toBe(true);
  const explained = await keyway('explain', '--config', join(folder, '.keyway/keyway.yaml'), '--json', 'demo/hello');
  expect(put.out).toContain(`on ${(JSON.parse(explained.out) as { shard: string }).shard}`);
  expect((await fetchText(`http://127.0.0.1:${admin}/readyz`)).status).toBe(200);

  // The owner leaves the cluster while somebody watches, who goes on at the other one and misses nothing.
  const [, owner, registry] = [
    ...(/on (s[01])/.exec(put.out) ?? []),
    /registry {2}(\S+)/.exec(dev.output)?.[1] as string,
  ] as [string, string, string];
  const watch = scope.keyway(['kv', 'watch', 'demo/hello', '--endpoint', `127.0.0.1:${listen}`]);
  await watch.printed(/snapshot\t1\ts[01]\tgood day/);
  const removed = await keyway('shard', 'remove', owner, '--registry', registry);
  expect(removed.out).toBe('docs is at version 2\n');
  await watch.printed(/re-attaching: the key moves: docs goes from version 1 to version 2/);
  const other = owner === 's0' ? 's1' : 's0';
  const again = await keyway('kv', 'put', 'demo/hello', 'good night', '--endpoint', `127.0.0.1:${listen}`);
  expect(again.out).toBe(`demo/hello is at revision 2, on ${other}\n`);
  await watch.printed(new RegExp(`\t2\t${other}\tgood night`));
  await watch.end();

  expect(await dev.end('SIGINT')).toBe(0);
  const { createConnection } = await import('node:net');
  for (const port of shards) await expect(once(createConnection(port, '127.0.0.1'), 'connect')).rejects.toThrow();
  // Ten processes, one after the other.
}, 180_000);

/** `keyway dev` on ports of its own, in a folder. */
async function startDev(folder: string, ...more: string[]): Promise<Running> {
  const ports = await freePorts(2);
  const [listen, admin] = ports.map((port) => `127.0.0.1:${port}`) as [string, string];
  const at = ['--listen', listen, '--admin', admin, '--registry', '127.0.0.1:0'];
  return scope.keyway(['dev', ...at, ...more], folder);
}

it('leaves no shard behind where `keyway dev` is ended while it starts', async () => {
  const folder = scope.folder();
  // The file is the first thing that a shard makes: it is not there yet for those that start `keyway dev`.
  const dev = await startDev(folder, '--shards', '5', '--data', folder);
  await eventually(() => existsSync(join(folder, 'documents.sqlite')));
  expect(await dev.end('SIGINT')).toBe(0);
  expect(dev.output).not.toContain('endpoint');
  expect(commandLines().filter((args) => args.includes(folder))).toEqual([]);
});

it('takes shards along that `keyway dev` had begun to start when it was killed', async () => {
  const folder = scope.folder();
  const dev = await startDev(folder, '--shards', '5', '--data', folder);
  await eventually(() => existsSync(join(folder, 'documents.sqlite')));
  await dev.end('SIGKILL');
  await eventually(() => !commandLines().some((args) => args.includes(folder)));
});

it('finds ports for the shards of two clusters that `keyway dev` starts at once', async () => {
  const both = await Promise.all([
    startDev(scope.folder(), '--shards', '2'),
    startDev(scope.folder(), '--shards', '2'),
  ]);
  const shards = await Promise.all(
    both.map(async (dev) => {
      await dev.printed(/try, in another terminal/);
      return [...dev.output.matchAll(/^shard {5}(\S+) (\S+),/gm)].map(([, id, address]) => ({ id, address }));
    }),
  );
  for (const each of shards) expect(each.map(({ id }) => id)).toEqual(['s0', 's1']);
  expect(new Set(shards.flat().map(({ address }) => address)).size).toBe(4);
});

it('runs one `keyway dev` in a folder, and says which process has it', async () => {
  const folder = scope.folder();
  const first = await startDev(folder, '--shards', '1');
  await first.printed(/try, in another terminal/);
  const config = join(folder, '.keyway/keyway.yaml');
  const before = readFileSync(config, 'utf8');
  const second = await startDev(folder, '--shards', '1');
  expect(await second.exit()).toBe(2);
  const wanted = `.keyway/registry.sqlite is served by process ${first.pid}: stop that process, or give another --data`;
  expect(second.output).toBe(`keyway: ${wanted}\n`);
  expect(readFileSync(config, 'utf8')).toBe(before);
  await first.end('SIGKILL');
  await (await startDev(folder, '--shards', '1')).printed(/try, in another terminal/);
});

it('ends `keyway dev` in order if its folder is gone, and says what was lost', async () => {
  const folder = join(scope.folder(), 'gone');
  mkdirSync(folder);
  const dev = await startDev(folder, '--shards', '1');
  await dev.printed(/try, in another terminal/);
  const registry = /registry {2}(\S+)/.exec(dev.output)?.[1] as string;
  // The router may be writing to it just now.
  rmSync(folder, { recursive: true, maxRetries: 5 });
  // What is served is kept on disk with each version.
  expect(await keyway('shard', 'weight', 's0', '2', '--registry', registry)).toMatchObject({ code: 0 });
  await dev.printed(/the topology cannot be kept on disk: \S+: there is no such file/);
  expect(await dev.end('SIGTERM')).toBe(0);
  for (const file of ['documents', 'registry'])
    expect(dev.output).toContain(`keyway: .keyway/${file}.sqlite was deleted, or replaced, while it was open`);
});

it('runs by `npx keyway` in a checkout, and passes signals on', async () => {
  const config = scope.file(
    'keyway.yaml',
    CONFIG.replace('8080', '0').replace('routes:', 'admin: {address: "127.0.0.1:0"}\nroutes:'),
  );
  const npx = spawn('npx', ['keyway', 'router', '--config', config], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  scope.defer(() => npx.kill('SIGKILL'));
  const [line] = (await once(npx.stdout, 'data')) as [Buffer];
  expect(line.toString()).toMatch(/listening on/);
  const admin = /admin on (\S+)/.exec(line.toString())?.[1];
  expect((await fetchText(`http://${admin}/readyz`)).status).toBe(200);
  npx.kill('SIGTERM');
  // npm's shell may be gone before the router is: that the router goes too is what counts.
  await eventually(() =>
    fetchText(`http://${admin}/healthz`).then(
      () => false,
      () => true,
    ),
  );
});

it('leaves no watch behind where the `npx keyway` that runs it is ended', async () => {
  const key = `demo/${scope.folder().split('-').at(-1)}`;
  // Nothing listens there: it says so, and tries again.
  const npx = spawn('npx', ['keyway', 'kv', 'watch', key, '--endpoint', '127.0.0.1:1'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  scope.defer(() => npx.kill('SIGKILL'));
  await once(npx.stderr, 'data');
  npx.kill('SIGTERM');
  await eventually(() => !commandLines().some((line) => line.includes(key)));
});

it('shows what a shard says as text, and never as what steers a terminal', async () => {
  const hostile = '\x1b]0;owned\x07\x1b[2J\x9b31m\u202e';
  const server = new Server();
  const document = { key: 'demo/x', value: Buffer.from(hostile), revision: 1 };
  server.addService(DocumentsClient.service, {
    get: ({ request }: { request: { key: string } }, answer: (error: object | null, message?: object) => void) =>
      request.key === 'demo/x'
        ? answer(null, document)
        : answer({ code: status.FAILED_PRECONDITION, details: hostile }),
    list: (_: unknown, answer: (error: null, message: object) => void) =>
      answer(null, {
        documents: [{ ...document, value: Buffer.from(`${hostile}\nforged\t2\tline`) }],
        nextPageToken: '',
      }),
  });
  scope.defer(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const endpoint = ['--endpoint', `127.0.0.1:${port}`];
  const shown = '\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e';
  expect(await keyway('kv', 'get', 'demo/x', ...endpoint)).toMatchObject({ out: `${shown}\n` });
  expect(await keyway('kv', 'get', 'demo/y', ...endpoint)).toMatchObject({
    error: `keyway: FAILED_PRECONDITION: ${shown}\n`,
  });
  expect(await keyway('kv', 'list', 'demo/', ...endpoint)).toMatchObject({
    out: `demo/x\t1\t${shown}\\u000aforged\\u00092\\u0009line\n`,
  });
  const { out } = await keyway('kv', 'get', 'demo/x', '--json', ...endpoint);
  expect(JSON.parse(out)).toMatchObject({ value: hostile });
  expect(out).toContain('\\u009b');
});
