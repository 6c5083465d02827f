import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePorts, Scope } from '../support/processes.ts';
import { HousekeepingNodes, RARE } from './nodes.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/housekeeping/', import.meta.url));
const scope = new Scope();
let nodes: HousekeepingNodes;
beforeEach(async () => {
  nodes = await HousekeepingNodes.start(scope);
});
afterEach(() => scope.release());

it('calls the tasks of the example, a backend in Python, by HTTP, and reports the results', async () => {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const settings = parse(readFileSync(join(EXAMPLE, 'housekeeping.yaml'), 'utf8')) as { tasks: { expire: object } };
  const quick = {
    ...settings,
    projectsEvery: '200ms',
    backend: { http: { url: `${url}/housekeeping` } },
    tasks: { expire: { ...settings.tasks.expire, every: undefined, ...RARE } },
  };
  await nodes.commands.done('cluster', 'create', 'docs', '--shards', `s0=127.0.0.1:${port}`);
  const data = join(scope.folder(), 'notes.sqlite');
  const node = nodes.sidecar(
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
  await nodes.listed(/^expire +each project +.* on +2 /m);
  expect(await nodes.commands.done('housekeeping', 'run', 'expire', '--project', 'home')).toBe(
    'expire: 1 run, 250 checked, 125 changed\n',
  );
  expect(await nodes.commands.done('housekeeping', 'run', 'expire')).toBe('expire: 2 runs, 126 checked, 0 changed\n');
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
