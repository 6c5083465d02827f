import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { autonomyText, newInstance, qualified } from '../../src/registry/index.ts';
import type { Topology } from '../../src/topology/index.ts';
import { Commands, type Outcome } from '../support/commands.ts';
import { KEYWAY, Scope } from '../support/processes.ts';
import { PATIENCE, type RemoteStoreUnderTest, registryOn, served } from '../support/registries.ts';

const scope = new Scope();
let store: RemoteStoreUnderTest;
let address = '';
beforeEach(async () => {
  store = await served(scope);
  address = store.address;
});
afterEach(() => scope.release());

/** Runs the command with the registry in the environment. */
const keyway = (...args: string[]): Promise<Outcome> => new Commands(address).run(...args);
const done = (...args: string[]): Promise<string> => new Commands(address).done(...args);

const CREATE = ['cluster', 'create', 'docs', '--shards', 's0=10.0.0.1:1,s1=10.0.0.2:1', '--placement', 'maglev:251'];

it('creates, lists and deletes namespaces and clusters', async () => {
  expect(await done('ns', 'create', 'team')).toBe('team exists\n');
  expect(await done(...CREATE, '--namespace', 'team')).toBe('docs is at version 1\n');
  expect(await done(...CREATE)).toBe('docs is at version 1\n');
  expect(await done('ns', 'list')).toBe('namespace  clusters\ndefault    1\nteam       1\n');
  expect(JSON.parse((await done('ns', 'list', '--json')).split('\n')[1] ?? '')).toEqual({
    namespace: 'team',
    clusters: 1,
  });
  expect(await done('cluster', 'list')).toContain('team       docs     1        maglev     2');
  const { shards } = JSON.parse(await done('cluster', 'show', 'docs', '--json')) as {
    shards: Array<{ share: number }>;
  };
  expect(shards.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  expect(await keyway(...CREATE)).toMatchObject({ code: 1, error: expect.stringContaining('is at version 1') });
  expect(await keyway('cluster', 'delete', 'docs')).toMatchObject({ code: 2, error: expect.stringContaining('--yes') });
  expect(await keyway('ns', 'delete', 'team', '--yes')).toMatchObject({
    error: expect.stringContaining('still has docs'),
  });
  await done('cluster', 'delete', 'docs', '--namespace', 'team', '--yes');
  expect(await done('ns', 'delete', 'team', '--yes')).toBe('team is deleted\n');
  expect(await keyway('cluster', 'show', 'nowhere')).toMatchObject({ code: 2 });
});

it('changes shards by new versions, shows what a change moves, and goes back', async () => {
  await done(...CREATE);
  expect(await done('shard', 'add', 's2', '10.0.0.3:1', '--weight', '2')).toBe('docs is at version 2\n');
  expect(await done('shard', 'weight', 's2', '1')).toBe('docs is at version 3\n');
  expect(await done('shard', 'remove', 's0')).toBe('docs is at version 4\n');
  expect(await keyway('shard', 'remove', 's0')).toMatchObject({
    code: 2,
    error: 'keyway: there is no shard s0; there are s1, s2\n',
  });
  expect(await keyway('shard', 'add', 's9', 'nowhere')).toMatchObject({
    code: 2,
    error: 'keyway: address nowhere: write host:port, such as 127.0.0.1:8080\n',
  });
  const [first] = (await done('topology', 'history', '--json')).split('\n').map((line) => line && JSON.parse(line));
  expect(first).toMatchObject({ version: 4, shards: 2 });
  expect(await done('topology', 'rollback', '2')).toBe('docs is at version 5, which is the same as version 2\n');
  const now = await done('topology', 'get');
  expect(now.replace('version: 5', 'version: 2')).toBe(await done('topology', 'get', '2'));

  const file = join(scope.folder(), 'docs.yaml');
  writeFileSync(file, now.replace('version: 5\n', '').replace(/ {2}- id: s0\n.*\n.*\n/, ''));
  const plan = JSON.parse(await done('plan', file, '--json')) as { moved: number; flows: Array<{ from: string }> };
  expect(plan.moved).toBeGreaterThan(0.15);
  expect(plan.flows[0]?.from).toBe('s0');
  expect(await done('plan', file)).toMatch(/^docs: \d+\.\d% of the keys move\n(.*\n)*s1 .*%.*%.*█/);
  expect(await done('topology', 'apply', file)).toBe('docs is at version 6\n');
});

it('applies documents that are newer, and others only by force', async () => {
  const file = join(scope.folder(), 'docs.json');
  const document = { namespace: 'default', cluster: 'docs', version: 7, shards: [{ id: 's0', address: '10.0.0.1:1' }] };
  writeFileSync(file, JSON.stringify(document));
  expect(await done('topology', 'apply', file)).toBe('docs is at version 7\n');
  expect(await keyway('topology', 'apply', file)).toMatchObject({
    code: 1,
    error: expect.stringContaining('not newer than 7'),
  });
  writeFileSync(file, JSON.stringify({ ...document, version: 3 }));
  // A version is never lowered: shards and stores refuse what is of an earlier one.
  expect(await done('topology', 'apply', file, '--force')).toBe('docs is at version 8\n');
  writeFileSync(file, JSON.stringify({ ...document, shards: [] }));
  expect(await keyway('topology', 'apply', file)).toMatchObject({ code: 2, error: expect.stringContaining('shards') });
});

it('reads and writes the lines of CLUSTERX SETNODES', async () => {
  await done('cluster', 'create', 'kv', '--shards', 'a=10.0.0.1:6666,b=10.0.0.2:6666', '--placement', 'slots');
  const lines = await done('topology', 'get', '--form', 'setnodes');
  expect(lines).toMatch(
    /^[0-9a-f]{40} 10\.0\.0\.1 6666 master - 0-8191\n[0-9a-f]{40} 10\.0\.0\.2 6666 master - 8192-16383\n$/,
  );
  const file = join(scope.folder(), 'nodes.txt');
  writeFileSync(file, lines.replace('0-8191', '0-99').replace('8192-16383', '100-16383'));
  expect(await done('topology', 'apply', file, '--form', 'setnodes', '--cluster', 'kv')).toBe('kv is at version 2\n');
  expect(await done('topology', 'get')).toContain('slots: 100-16383');
});

it('shows routers, nodes, leaders and every change', async () => {
  await done(...CREATE);
  const watch = scope.run(process.execPath, [KEYWAY, 'watch', '--registry', address]);
  await watch.printed(/cluster {3}default\/docs {2}is at version 1/);
  const { members, elections } = registryOn(store.open(), scope);
  const router = members.register('router', 'r1', { versions: { 'default/docs': 1 }, listen: [] }, 5000);
  const term = await elections.campaign('controller', 'me', 5000, new AbortController().signal);
  await watch.printed(/router {4}r1 {2}serves default\/docs@1\n/);
  // A router that is there and does not say that it is ready is waited for, until somebody gives the change up.
  const removing = keyway('shard', 'remove', 's1');
  await vi.waitFor(async () => {
    expect(await done('status')).toMatch(/default\/docs {2}1 -> 2 +stage {2}\S+ {2}router r1 +shard s1 is removed/);
  }, PATIENCE);
  expect(await keyway('shard', 'weight', 's0', '2')).toMatchObject({
    code: 1,
    error: expect.stringContaining('a handoff to version 2 is under way (stage); wait for it, stop it'),
  });
  expect(await done('topology', 'apply', '--abort')).toBe('version 2 of docs was given up; version 1 stays\n');
  expect(await removing).toMatchObject({
    code: 1,
    error: 'keyway: version 2 of default/docs was given up: keyway topology apply --abort\n',
  });
  expect(await keyway('topology', 'apply', '--abort')).toMatchObject({ code: 2 });
  const status = await done('status');
  expect(status).toContain('default/docs  1        maglev     s0');
  expect(status).toContain('r1                        default/docs@1');
  expect(status).toContain(`controller  me      ${term?.token}`);
  expect(JSON.parse(await done('status', '--json'))).toMatchObject({ routers: [{ name: 'r1' }], handoffs: [] });
  const again = done('shard', 'remove', 's1');
  await router.leave();
  await watch.printed(/router {4}r1 {2}is gone/);
  expect(await again).toBe('docs is at version 2\n');
  await watch.printed(/default\/docs {2}is at version 2/);
  await term?.resign();
  expect(await watch.end('SIGINT')).toBe(0);
});

it('shows shards and routers that are away, and waits for them until an operator says that they have ended', async () => {
  await done(...CREATE);
  const { handoffs, topologies } = registryOn(store.open(), scope);
  const name = { namespace: 'default', cluster: 'docs' };
  const instance = newInstance();
  const forever = new AbortController().signal;
  const rights = { fencing: false, address: '10.0.0.1:1', beyondLeaseMs: 0, ended: false, process: '' };
  await handoffs.ownRights(name, { shard: 's0', nodeId: 'n', instance }, rights).claim(forever, () => false);
  const router = qualified('r1', newInstance());
  const basis = autonomyText((await topologies.read(name)) as Topology, false);
  await handoffs.autonomyEntry(name, router).write(() => basis, { over: 'anything', until: forever });
  const status = await done('status');
  expect(status).toContain(`default/docs/s0/${qualified('n', instance)}  10.0.0.1:1           lost`);
  expect(status).toMatch(new RegExp(`${router.replace('.', '\\.')} +away +default/docs@1, perhaps`));
  expect(await keyway('cluster', 'forget', 'docs', 's7', '--yes')).toMatchObject({
    code: 2,
    error: expect.stringContaining('nothing waits for s7 in default/docs, or it is still running; see keyway status'),
  });
  expect(await done('cluster', 'forget', 'docs', 's0', '--yes')).toBe('nothing waits for s0 any more\n');
  expect(await done('cluster', 'forget', 'docs', router, '--yes')).toBe(`nothing waits for ${router} any more\n`);
  const after = await done('status');
  expect(after).not.toContain('lost');
  expect(after).not.toContain('perhaps');
});

it('finds its registry by flag, environment, or the config of the user', async () => {
  await done(...CREATE);
  const home = scope.folder();
  const configFolder = join(home, 'keyway');
  mkdirSync(configFolder);
  writeFileSync(join(configFolder, 'config.yaml'), `registry: {remote: {address: "${address}"}}\n`);
  const listed = await new Promise<string>((resolve) => {
    const env = { ...process.env, XDG_CONFIG_HOME: home, KEYWAY_REGISTRY: '' };
    execFile(process.execPath, [KEYWAY, 'cluster', 'list', '--json'], { env }, (_error, out) => resolve(out));
  });
  expect(JSON.parse(listed)).toMatchObject({ name: 'docs' });
  expect(await keyway('cluster', 'list', '--registry', 'nowhere')).toMatchObject({
    code: 2,
    error:
      'keyway: --registry: "nowhere" is not a registry; write host:port, sqlite:FILE or etcd:HOST:PORT,HOST:PORT\n',
  });
  expect(await keyway('cluster', 'list', '--registry', '127.0.0.1:1')).toMatchObject({
    code: 1,
    error: expect.stringMatching(/^keyway: the registry at 127\.0\.0\.1:1 cannot be reached: .*\n$/),
  });
});
