/**
 * `npm run bench:registry`: what a change of topology costs. How long a routing thread is held up by a new version; what
 * requests notice of versions of 10,000 shards; the time from a commit to the last of 8 routers serving it; 1,000 watchers on
 * one registry; memory of 1,000 shards.
 *
 *   node bench/registry.ts [--seconds 10] [--versions 20] [--diff-only]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { Router } from '../src/proxy/threads/router.ts';
import { Registry } from '../src/registry/index.ts';
import { openRegistry } from '../src/registry/store/index.ts';
import { RemoteStore } from '../src/registry/store/remote-store.ts';
import { machine } from '../src/runtime/machine-clock.ts';
import { Cluster, diff, type SharedCluster, shareCluster, type TopologyVersion } from '../src/topology/index.ts';
import { routerSettings } from '../test/support/router-settings.ts';
import { BACKEND_COMMAND, BACKEND_PORT, BACKENDS } from './peers/index.ts';
import { benchTopology } from './support/bench-topology.ts';
import { runLoad } from './support/load.ts';
import { LongestHeld } from './support/longest-held.ts';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';
import { end, endAll, median, startListening } from './support/programs.ts';

const KEYWAY = new URL('../src/cli/keyway.js', import.meta.url).pathname;
const REGISTRY_PORT = 18500;
const ROUTER_PORT = 18510;
const REGISTRY = `127.0.0.1:${REGISTRY_PORT}`;
const MANY = 10_000;
const ROUTERS = 8;
const WATCHERS = 1000;
const CONNECTIONS = 20;
const CHANGE_EVERY_MS = 500;
const clock = (): number => performance.now();

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    versions: { type: 'string', default: '20' },
    'diff-only': { type: 'boolean' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'keyway-bench-'));
const ports = Array.from({ length: BACKENDS }, (_, i) => BACKEND_PORT + i);
const tell = (line: string): boolean => process.stdout.write(`${line}\n`);
const quantile = (numbers: readonly number[], q: number): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * q)] ?? Number.NaN;

/** How long one assignment of a new version takes the thread that routes. */
async function measureSwaps(): Promise<void> {
  tell('| a new version of | built in (control thread) | swapped in (routing thread): median, worst of 50 |');
  tell('| --- | --- | --- |');
  for (const [shards, placement] of [
    [1000, 'ringHash'],
    [MANY, 'maglev'],
    [MANY, 'ringHash'],
  ] as const) {
    const route = { match: { path: { prefix: '/' } }, cluster: 'docs', shardKey: [{ header: 'x-shard-key' }] };
    const settings = routerSettings([route], [{ name: 'docs', upstream: { protocol: 'http2' }, table: null }]);
    const router = await Router.start({
      ...settings,
      clock,
      random: Math.random,
      timeOfDay: () => '',
      connections: null,
    });
    const swaps: number[] = [];
    const builds: number[] = [];
    for (let i = 0; i < 50; i++) {
      const draft = benchTopology(shards, ports, i, placement);
      const began = clock();
      const table: SharedCluster = shareCluster(draft, (i + 1) as TopologyVersion);
      builds.push(clock() - began);
      // As it comes from another thread: shared memory is handed over, the rest is copied.
      const before = clock();
      router.publish('docs', structuredClone(table), null);
      swaps.push(clock() - before);
    }
    tell(
      `| ${shards} shards, ${placement} | ${median(builds).toFixed(1)} ms | ${median(swaps).toFixed(3)} ms, ${Math.max(...swaps).toFixed(1)} ms |`,
    );
    router.shutdown(0);
  }
}

/** What moves between two versions of 1,000 shards, as ranges, and asked of a million keys. */
function measureDiff(): void {
  tell('\n| one of 1,000 shards leaves | ranges | a million keys asked | moved |');
  tell('| --- | --- | --- | --- |');
  const keys = Array.from({ length: 1_000_000 }, (_, i) => Buffer.from(`project-${i % 1000}/document-${i}`));
  for (const placement of ['ringHash', 'maglev', 'fixedRing']) {
    const version = (shards: number): Cluster =>
      new Cluster({ ...benchTopology(shards, ports, 0, placement), pins: [] });
    const [before, after] = [version(1000), version(999)];
    const began = clock();
    const { moves, moved } = diff(before, after);
    const ranges = clock() - began;
    const asked = clock();
    let count = 0;
    for (const key of keys) if (moves(key, 0, key.length)) count++;
    const share = `${((100 * count) / keys.length).toFixed(2)}% of the keys, ${(100 * moved).toFixed(2)}% of the space`;
    tell(`| ${placement} | ${ranges.toFixed(0)} ms | ${(clock() - asked).toFixed(0)} ms | ${share} |`);
  }
}

async function startRouter(n: number): Promise<{ pid: number; child: ChildProcess }> {
  const file = join(folder, `router-${n}.yaml`);
  writeFileSync(
    file,
    stringify({
      listen: [{ address: `127.0.0.1:${ROUTER_PORT + 2 * n}` }],
      admin: { address: `127.0.0.1:${ROUTER_PORT + 2 * n + 1}` },
      log: { level: 'error' },
      registry: { remote: { address: REGISTRY }, keepIn: join(folder, `kept-${n}`) },
      routes: [{ match: { prefix: '/' }, cluster: 'docs' }],
      clusters: { docs: { fromRegistry: {} } },
    }),
  );
  const child = await startListening([process.execPath, KEYWAY, 'router', '--config', file], ROUTER_PORT + 2 * n);
  return { pid: child.pid as number, child };
}

/** What requests notice while versions of 10,000 shards come. */
async function measureRequests(): Promise<void> {
  const longest = new LongestHeld(folder);
  const router = await longest.start(() => startRouter(0));
  tell(
    '\n| requests at 1,000 a second | p50 | p99 | p99.9 | longest | most CPU time the routing thread was held for |',
  );
  tell('| --- | --- | --- | --- | --- | --- |');
  for (const changes of [false, true, false, true]) {
    const changer = changes ? startChanger() : null;
    const { latenciesMs } = await runLoad(
      {
        port: ROUTER_PORT,
        connections: 4,
        streams: 10,
        path: '/get/100',
        requestBytes: 0,
        keys: 10,
        rate: 1000,
        warmUpMs: 3000,
        measureMs: Number(values.seconds) * 1000,
      },
      () => void longest.ms(router.pid),
      () => {},
    );
    const held = `${(await longest.ms(router.pid)).toFixed(2)} ms`;
    const at = (q: number): string => `${(latenciesMs[Math.floor(latenciesMs.length * q)] ?? 0).toFixed(2)} ms`;
    const name = changes ? `a version of ${MANY} shards every ${CHANGE_EVERY_MS} ms` : 'no change';
    tell(
      `| ${name} | ${at(0.5)} | ${at(0.99)} | ${at(0.999)} | ${(latenciesMs.at(-1) ?? 0).toFixed(2)} ms | ${held} |`,
    );
    if (changer !== null) await end(changer);
  }
  await end(router.child);
}

function startChanger(): ChildProcess {
  const file = new URL('./support/topology-changer.ts', import.meta.url).pathname;
  const command = [process.execPath, file, REGISTRY, String(MANY), ports.join(','), String(CHANGE_EVERY_MS)];
  const [program = '', ...args] = command;
  return spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** From a commit to the last router that serves it, as the routers tell the registry. */
async function measureSpread(): Promise<void> {
  const registry = openRegistry({ remote: { address: REGISTRY } }, machine);
  for (const shards of [10, 1000]) {
    await registry.topologies.commit(benchTopology(shards, ports, 0));
    const routers = [];
    for (let n = 0; n < ROUTERS; n++) routers.push(await startRouter(n));
    const times: number[] = [];
    const stopping = new AbortController();
    let wanted = 0;
    let onAll: () => void = () => {};
    const watching = (async () => {
      for await (const members of registry.members.watch('router', '', stopping.signal)) {
        const serving = (members ?? []).filter(
          ({ value }) => ((value as { versions?: Record<string, number> }).versions?.['default/docs'] ?? 0) >= wanted,
        );
        if (serving.length === ROUTERS) onAll();
      }
    })();
    for (let i = 1; i <= Number(values.versions); i++) {
      const draft = benchTopology(shards, ports, i);
      wanted = Number.POSITIVE_INFINITY;
      const all = new Promise<void>((resolve) => {
        onAll = resolve;
      });
      const began = clock();
      const { version } = await registry.topologies.commit(draft);
      wanted = version;
      await all;
      times.push(clock() - began);
    }
    stopping.abort();
    await watching;
    tell(
      `\nFrom a commit of ${shards} shards to the last of ${ROUTERS} routers serving it: ${median(times).toFixed(0)} ms in the median, ${quantile(times, 0.95).toFixed(0)} ms at the 95th percentile, of ${times.length} versions.`,
    );
    for (const { child } of routers) await end(child);
  }
  await registry.close();
}

/** Many who watch one registry. */
async function measureWatchers(pid: number): Promise<void> {
  const stores = Array.from({ length: CONNECTIONS }, () => new RemoteStore({ address: REGISTRY }));
  const registries = stores.map((store) => new Registry(store, machine));
  const [first] = registries;
  if (first === undefined) return;
  await first.topologies.commit(benchTopology(10, ports, 0));
  const before = residentBytes(pid);
  const stopping = new AbortController();
  const versions = new Array<number>(WATCHERS).fill(0);
  let onVersion: () => void = () => {};
  const watches = versions.map(async (_, i) => {
    const { topologies } = registries[i % CONNECTIONS] as Registry;
    for await (const event of topologies.watch({ namespace: 'default', cluster: 'docs' }, null, stopping.signal)) {
      if (event.kind === 'topology') versions[i] = event.topology.version;
      onVersion();
    }
  });
  const all = (version: number): Promise<void> =>
    new Promise((resolve) => {
      onVersion = () => {
        if (versions.every((each) => each >= version)) resolve();
      };
      onVersion();
    });
  await all(1);
  const times: number[] = [];
  const cpu = cpuSeconds(pid);
  for (let i = 1; i <= Number(values.versions); i++) {
    const began = clock();
    const { version } = await first.topologies.commit(benchTopology(10, ports, i));
    await all(version);
    times.push(clock() - began);
  }
  const spent = ((cpuSeconds(pid) - cpu) / times.length) * 1000;
  const grown = (residentBytes(pid) - before) / 1024 / 1024;
  tell(
    `\n${WATCHERS} watchers on one registry: ${median(times).toFixed(0)} ms from a commit to the last of them, ${quantile(times, 0.95).toFixed(0)} ms at the 95th percentile; ${spent.toFixed(0)} ms of the registry's CPU a version, ${grown.toFixed(0)} MB of its memory.`,
  );
  stopping.abort();
  await Promise.all(watches);
  for (const registry of registries) await registry.close();
}

/** What a router of 1,000 shards takes more than one of 10. */
async function measureMemory(): Promise<void> {
  const registry = openRegistry({ remote: { address: REGISTRY } }, machine);
  const resident: number[] = [];
  for (const shards of [10, 1000, MANY]) {
    await registry.topologies.commit(benchTopology(shards, ports, 0));
    const { child, pid } = await startRouter(0);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    resident.push(residentBytes(pid) / 1024 / 1024);
    await end(child);
  }
  const [few = 0, thousand = 0, many = 0] = resident;
  tell(
    `\nResident memory of a router: ${few.toFixed(0)} MB with 10 shards, ${thousand.toFixed(0)} MB with 1,000, ${many.toFixed(0)} MB with ${MANY} (maglev, 65537 entries).`,
  );
  await registry.close();
}

try {
  await measureSwaps();
  measureDiff();
  if (values['diff-only'] === true) process.exit(0);
  await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
  const data = join(folder, 'registry.sqlite');
  const served = await startListening(
    [process.execPath, KEYWAY, 'registry', '--listen', REGISTRY, '--data', data],
    REGISTRY_PORT,
  );
  const registry = openRegistry({ remote: { address: REGISTRY } }, machine);
  await registry.topologies.commit(benchTopology(MANY, ports, 0));
  await registry.close();
  await measureRequests();
  await measureSpread();
  await measureWatchers(served.pid as number);
  await measureMemory();
} finally {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
