import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { changeTopology } from '../../src/handoff/index.ts';
import { checkTopology, type TopologyDraft } from '../../src/topology/index.ts';
import { fetchText } from '../support/cluster.ts';
import { freePorts, KEYWAY, Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn, remote } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The last release, as the history has it: before processes had instances, and registries incarnations. */
const LAST_RELEASE = 'dbaccc3c7d447500587d68ce8cfc21c08f922c16';
const NAME = { namespace: 'default', cluster: 'docs' };

function draft(...shards: string[]): TopologyDraft {
  const list = shards.map((id, i) => ({ id, address: `127.0.0.1:${i + 1}` }));
  return checkTopology(
    { ...NAME, placement: { fixedRing: {} }, shards: list, failover: { afterMs: 60_000 } },
    'the test',
  );
}

/** @returns the last release's command */
function lastRelease(): string {
  const folder = scope.folder();
  const archive = execFileSync('git', ['archive', LAST_RELEASE, 'src', 'protos', 'package.json'], {
    cwd: ROOT,
    maxBuffer: 2 ** 26,
  });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'src/cli/keyway.js');
}

/** @returns the versions that a router of a release serves, as its admin address has it */
async function startRouter(command: string, registry: object): Promise<() => Promise<number | null | undefined>> {
  const [listen, admin] = await freePorts(2);
  const config = {
    listen: [{ address: `127.0.0.1:${listen}` }],
    admin: { address: `127.0.0.1:${admin}` },
    registry: { ...registry, keepIn: scope.folder() },
    routes: [{ match: { prefix: '/' }, cluster: 'docs' }],
    clusters: { docs: { fromRegistry: {} } },
  };
  const file = scope.file('keyway.yaml', JSON.stringify(config));
  const router = scope.run(process.execPath, [command, 'router', '--config', file]);
  await router.printed(/listening on/);
  return async () => {
    const text = (await fetchText(`http://127.0.0.1:${admin}/topology`)).text;
    return (JSON.parse(text) as Array<{ version: number | null }>)[0]?.version;
  };
}

it('hands keys over with routers of the last release beside those of this one, and is read by it', async () => {
  const store = await remote(scope);
  const registry = registryOn(store.open(), scope);
  await registry.topologies.commit(draft('s0', 's1'));
  const last = lastRelease();
  const routers = await Promise.all([last, KEYWAY].map((command) => startRouter(command, store.config)));
  const all = (version: number): Promise<void> =>
    vi.waitFor(async () => {
      expect(await Promise.all(routers.map((served) => served()))).toEqual([version, version]);
    }, PATIENCE);
  await all(1);
  const changed = await changeTopology(registry, draft('s0', 's1', 's2'), {
    reason: 'a test',
    candidate: 'test',
    clock,
  });
  await all(changed.version);
  const { address } = (store.config as { remote: { address: string } }).remote;
  const asked = (...args: string[]): string =>
    execFileSync(process.execPath, [last, ...args, '--registry', address], { encoding: 'utf8' });
  expect(asked('topology', 'get', '--cluster', 'docs')).toContain('s2');
  // What the last release writes this one takes up.
  asked('shard', 'weight', 's0', '2', '--cluster', 'docs');
  await all(changed.version + 1);
});
