import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { Commands } from './support/commands.ts';
import { freePorts, type Running, Scope } from './support/processes.ts';
import { PATIENCE, remote } from './support/registries.ts';

const EXAMPLE = fileURLToPath(new URL('../examples/housekeeping/', import.meta.url));
const RARE = { cron: '0 0 29 2 *' };

const scope = new Scope();
let registry = '';
let commands: Commands;
beforeEach(async () => {
  const store = await remote(scope);
  registry = (store.config as { remote: { address: string } }).remote.address;
  commands = new Commands(registry);
});
afterEach(() => scope.release());

const listed = (pattern: RegExp, ...more: string[]): Promise<void> =>
  vi.waitFor(async () => expect(await commands.done('housekeeping', 'list', ...more)).toMatch(pattern), PATIENCE);

/** `keyway node register` beside a backend. */
function sidecar(shard: string, address: string, settings: object, ...command: string[]): Running {
  const file = scope.file('housekeeping.yaml', stringify(settings));
  const node = ['--cluster', 'docs', '--shard', shard, '--address', address, '--registry', registry];
  return scope.keyway(['node', 'register', ...node, '--housekeeping', file, '--', ...command].filter(Boolean));
}

it('calls the tasks of the example, a backend in Python, by HTTP, and tells what came of them', async () => {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const settings = parse(readFileSync(join(EXAMPLE, 'housekeeping.yaml'), 'utf8')) as { tasks: { expire: object } };
  const quick = {
    ...settings,
    projectsEveryMs: 200,
    backend: { http: { url: `${url}/housekeeping` } },
    tasks: { expire: { ...settings.tasks.expire, everyMs: undefined, ...RARE } },
  };
  await commands.done('cluster', 'create', 'docs', '--shards', `s0=127.0.0.1:${port}`);
  const data = join(scope.folder(), 'notes.sqlite');
  const node = sidecar(
    's0',
    `127.0.0.1:${port}`,
    quick,
    'python3',
    join(EXAMPLE, 'notes.py'),
    '--port',
    String(port),
    '--data',
    data,
  );
  // It takes its backend along.
  scope.defer(() => node.end());
  await node.printed(/the node is registered/);
  const put = (path: string): Promise<Response> => fetch(`${url}/notes/${path}`, { method: 'PUT', body: 'text' });
  for (let i = 0; i < 250; i++) await put(`home/note${i}?ttl=${i % 2 === 0 ? 0 : 1000}`);
  await put('work/kept');
  await listed(/^expire +each project +.* on +2 /m);
  expect(await commands.done('housekeeping', 'run', 'expire', '--project', 'home')).toBe(
    'expire: 1 runs, 250 looked at, 125 changed\n',
  );
  expect(await commands.done('housekeeping', 'run', 'expire')).toBe('expire: 2 runs, 126 looked at, 0 changed\n');
  expect((await fetch(`${url}/notes/work/kept`)).status).toBe(200);
  expect((await fetch(`${url}/notes/home/note0`)).status).toBe(404);
  expect((await fetch(`${url}/notes/home/note1`)).status).toBe(200);
  // An earlier claim's token is refused.
  const body = {
    task: 'expire',
    project: 'home',
    shard: '',
    token: 1,
    deadlineMs: Date.now() + 9999,
    cursor: '',
    candidates: 9,
  };
  const refused = await fetch(`${url}/housekeeping/run`, { method: 'POST', body: JSON.stringify(body) });
  expect(refused.status).toBe(409);
});
