import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { NodeValue } from '../../src/registry/index.ts';
import { freePorts, type Running, Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { becomes, DISCOVERED as NAME, shardsOf, startRegistry } from './discovered-shards.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function listening(port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return { server, port: (server.address() as { port: number }).port };
}

it('follows a file, keeps what the file does not say, and leaves a faulty one alone', async () => {
  const { registry, where } = await startRegistry(scope);
  const file = join(scope.folder(), 'shards.yaml');
  writeFileSync(file, 'shards:\n  - {id: a, address: "h:1"}\n  - {id: b, address: "h:2", weight: 3}\n');
  const discover = scope.keyway([
    'discover',
    '--cluster',
    'docs',
    '--file',
    file,
    '--placement',
    'maglev:251',
    ...where,
  ]);
  await becomes(registry, 'a@h:1*1 b@h:2*3');
  expect((await registry.topologies.read(NAME))?.placement).toEqual({ name: 'maglev', options: { tableSize: 251 } });
  writeFileSync(file, 'shards:\n  - {id: b, address: "nowhere"}\n');
  await discover.printed(/shards\.0\.address: .*not an address/);
  expect(await shardsOf(registry)).toBe('a@h:1*1 b@h:2*3');
  writeFileSync(file, 'shards:\n  - {id: b, address: "h:9"}\n  - {id: c, address: "h:3"}\n');
  await becomes(registry, 'b@h:9*3 c@h:3*1');
  expect(await discover.end()).toBe(0);
});

it('follows registered nodes: one that leaves is removed at once, one that dies when its lease ends, and one that moves keeps its keys', async () => {
  const { registry, where } = await startRegistry(scope);
  const discover = ['discover', '--cluster', 'docs', '--nodes', '--gone-after', '300ms', ...where];
  scope.keyway(discover);
  const register = (shard: string, port: number): Running =>
    scope.keyway(
      ['node', 'register', '--cluster', 'docs', '--shard', shard, '--address', `127.0.0.1:${port}`].concat(
        ['--lease', '600ms', '--check', '50ms'],
        where,
      ),
    );
  const [one, two, three] = [await listening(), await listening(), await listening()];
  const a = register('a', one.port);
  const b = register('b', two.port);
  await becomes(registry, `a@127.0.0.1:${one.port}*1 b@127.0.0.1:${two.port}*1`);
  expect(await a.end()).toBe(0);
  await becomes(registry, `b@127.0.0.1:${two.port}*1`);
  await b.end('SIGKILL');
  register('b', three.port);
  register('c', one.port);
  await becomes(registry, `b@127.0.0.1:${three.port}*1 c@127.0.0.1:${one.port}*1`);
});

it('is done by one of several, and taken over from one that has died', async () => {
  const { registry, where } = await startRegistry(scope);
  const file = scope.file('shards.yaml', 'shards: [{id: a, address: "h:1"}]');
  const [first, second] = [0, 1].map(() => scope.keyway(['discover', '--cluster', 'docs', '--file', file, ...where]));
  await becomes(registry, 'a@h:1*1');
  const leads = (each: Running | undefined): boolean => each?.output.includes('keeping the topology') ?? false;
  expect([leads(first), leads(second)].filter(Boolean)).toHaveLength(1);
  const [leader, other] = leads(first) ? [first, second] : [second, first];
  await leader?.end();
  await other?.printed(/keeping the topology/);
  writeFileSync(file, 'shards: [{id: a, address: "h:2"}]');
  await becomes(registry, 'a@h:2*1');
});

it('registers a node for as long as its command runs, is healthy, and passes on signals and exit codes', async () => {
  const { registry, where } = await startRegistry(scope);
  const [port = 0] = await freePorts(1);
  const backend = `require('net').createServer((s) => s.end()).listen(${port}, '127.0.0.1');
    process.on('SIGTERM', () => { console.log('told to stop'); process.exit(7); });`;
  const node = scope.keyway(
    [
      'node',
      'register',
      '--cluster',
      'docs',
      '--shard',
      's0',
      '--address',
      `127.0.0.1:${port}`,
      '--check',
      '30ms',
    ].concat(where, ['--', process.execPath, '-e', backend]),
  );
  await vi.waitFor(async () => expect(await registry.members.list('node')).toHaveLength(1), PATIENCE);
  const [member] = await registry.members.list('node');
  expect(member?.name).toMatch(/^default\/docs\/s0\/[0-9a-f]{40}$/);
  const runs = { host: hostname(), pid: expect.any(Number) };
  expect(member?.value).toEqual({ address: `127.0.0.1:${port}`, role: 'primary', healthy: true, process: runs });
  // That of its command, which serves.
  expect((member?.value as NodeValue).process?.pid).not.toBe(node.pid);
  expect(await node.end()).toBe(0);
  expect(node.output).toContain('told to stop');
  expect(node.output.indexOf('the node has left')).toBeLessThan(node.output.indexOf('told to stop'));
  expect(await registry.members.list('node')).toEqual([]);

  const brief = scope.keyway(
    ['node', 'register', '--cluster', 'docs', '--shard', 's0', '--address', '127.0.0.1:1', '--health', 'none'].concat(
      where,
      ['--', process.execPath, '-e', 'setTimeout(() => process.exit(3), 500)'],
    ),
  );
  expect(await brief.exit()).toBe(3);
  expect(await registry.members.list('node')).toEqual([]);
});

it('records in the registry that a node is unhealthy, and that it is healthy again', async () => {
  const { registry, where } = await startRegistry(scope);
  const { server, port } = await listening();
  const place = ['--cluster', 'docs', '--shard', 's0', '--address', `127.0.0.1:${port}`];
  scope.keyway(['node', 'register', ...place, '--check', '30ms', ...where]);
  const health = async (): Promise<boolean | undefined> =>
    ((await registry.members.list('node'))[0]?.value as NodeValue | undefined)?.healthy;
  await vi.waitFor(async () => expect(await health()).toBe(true), PATIENCE);
  server.close();
  await vi.waitFor(async () => expect(await health()).toBe(false), PATIENCE);
  await listening(port);
  await vi.waitFor(async () => expect(await health()).toBe(true), PATIENCE);
});

it('registers a Node program by a call of the library', async () => {
  const { registry, where } = await startRegistry(scope);
  // The package as it is published, but for its types, in a place of its own.
  const folder = scope.folder();
  const project = join(import.meta.dirname, '../..');
  const build = ['-p', 'tsconfig.build.json', '--noCheck', '--declaration', 'false', '--outDir', join(folder, 'dist')];
  expect(spawnSync('npx', ['tsc', ...build], { cwd: project, encoding: 'utf8' }).stdout).toBe('');
  for (const part of ['protos', 'node_modules']) symlinkSync(join(project, part), join(folder, part));
  copyFileSync(join(project, 'package.json'), join(folder, 'package.json'));
  const file = join(folder, 'program.mjs');
  writeFileSync(
    file,
    `import { registerNode } from 'keyway';
    const node = registerNode({ registry: '${where[1]}', cluster: 'docs', shard: 's1', address: '127.0.0.1:9101' });
    process.on('SIGTERM', () => node.leave());
    await node.ready;
    console.log('ready', node.isHeld);`,
  );
  const program = scope.run(process.execPath, [file]);
  await program.printed(/ready true/);
  const [member] = await registry.members.list('node');
  expect(member).toMatchObject({ value: { address: '127.0.0.1:9101', healthy: true } });
  // It ends because nothing is left to do.
  expect(await program.end()).toBe(0);
  expect(await registry.members.list('node')).toEqual([]);
});
