/**
 * `npm run bench:controller`: what it costs one controller to probe many clusters, and how long a change of a large one takes. The nodes are simulated:
 * they answer as Redis does what a controller asks, in a process of their own.
 *
 *   node bench/controller.ts [--clusters 100] [--nodes 32] [--large 1000] [--seconds 30]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import type { Registry } from '../src/registry/index.ts';
import { openRegistry } from '../src/registry/store/index.ts';
import { machine } from '../src/runtime/machine-clock.ts';
import { checkTopology } from '../src/topology/index.ts';
import { ledNodes } from './support/led-nodes.ts';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';
import { end } from './support/programs.ts';

const { values } = parseArgs({
  options: {
    clusters: { type: 'string', default: '100' },
    nodes: { type: 'string', default: '32' },
    large: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
  },
});
const KEYWAY = new URL('../src/cli/keyway.js', import.meta.url).pathname;
const NODES = new URL('./support/led-nodes.ts', import.meta.url).pathname;
const PORT = 18600;
/** Until a controller has been elected for all clusters, and knows all nodes. */
const WARM_UP_MS = 15_000;
const INTERVAL_MS = 1000;
const tell = (line: string): boolean => process.stdout.write(`${line}\n`);
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Everything that is started for some clusters. */
class Setting implements AsyncDisposable {
  readonly registry: Registry;
  readonly controller: ChildProcess;
  readonly nodes: ChildProcess;
  readonly #folder: string;

  private constructor(folder: string, registry: Registry, nodes: ChildProcess, controller: ChildProcess) {
    this.#folder = folder;
    this.registry = registry;
    this.nodes = nodes;
    this.controller = controller;
  }

  static async start(clusters: number, count: number): Promise<Setting> {
    const folder = mkdtempSync(join(tmpdir(), 'keyway-bench-'));
    const nodes = spawn(process.execPath, [NODES, String(PORT), String(clusters), String(count)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await printed(nodes, /listening/);
    const store = { sqlite: { path: join(folder, 'registry.sqlite') } };
    const registry = openRegistry(store, machine);
    const names = Array.from({ length: clusters }, (_, i) => `c${i}`);
    for (const [i, cluster] of names.entries())
      await registry.topologies.commit(checkTopology({ ...topologyOf(i, count), cluster }, 'the benchmark'));
    const file = join(folder, 'controller.yaml');
    const all = names.map((name, i) => [name, { engine: 'redis', nodes: [`${ledNodes(i, 2)[0]?.host}:${PORT}`] }]);
    writeFileSync(file, stringify({ registry: store, log: { level: 'warn' }, clusters: Object.fromEntries(all) }));
    const controller = spawn(process.execPath, [KEYWAY, 'controller', '--config', file], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await wait(WARM_UP_MS);
    return new Setting(folder, registry, nodes, controller);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.controller);
    await end(this.nodes);
    await this.registry.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function topologyOf(cluster: number, count: number): object {
  const all = ledNodes(cluster, count);
  const addressOf = (host: string): string => `${host}:${PORT}`;
  const shards = all.flatMap(({ id, host, follows, slots: [range] }, i) => {
    const replica = all[i + 1];
    if (follows !== null || range === undefined || replica === undefined) return [];
    return {
      id: `s${i / 2}`,
      nodeId: id,
      address: addressOf(host),
      slots: `${range[0]}-${range[1]}`,
      replicas: [{ id: replica.id, address: addressOf(replica.host) }],
    };
  });
  return { placement: { slots: {} }, consistency: 'strict', shards };
}

function printed({ stdout }: ChildProcess, pattern: RegExp): Promise<number> {
  return new Promise((resolve) => {
    if (stdout === null) return;
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => {
      if (!pattern.test(line)) return;
      lines.close();
      resolve(performance.now());
    });
  });
}

async function measureProbes(clusters: number, count: number, seconds: number): Promise<void> {
  await using setting = await Setting.start(clusters, count);
  const pid = setting.controller.pid as number;
  const before = cpuSeconds(pid);
  await wait(seconds * 1000);
  const cores = (cpuSeconds(pid) - before) / seconds;
  const probes = (clusters * count * 1000) / INTERVAL_MS;
  const memory = Math.round(residentBytes(pid) / 2 ** 20);
  tell(
    `| ${clusters} x ${count} | ${probes} | ${cores.toFixed(2)} | ${((cores * 1e6) / probes).toFixed(0)} | ${memory} MiB |`,
  );
}

async function measureChange(count: number): Promise<void> {
  await using setting = await Setting.start(1, count);
  const name = { namespace: 'default', cluster: 'c0' };
  const version = (await setting.registry.topologies.read(name))?.version;
  const [killed] = ledNodes(0, count);
  const told = printed(setting.nodes, /took over/);
  const began = performance.now();
  setting.nodes.stdin?.write(`kill ${killed?.host}\n`);
  let stored = 0;
  while (stored === 0) {
    await wait(5);
    if ((await setting.registry.topologies.read(name))?.version !== version) stored = performance.now();
  }
  const toldAt = await told;
  tell(`${count} nodes: stored after ${Math.round(stored - began)} ms, told after ${Math.round(toldAt - began)} ms`);
}

tell('| clusters x nodes | probes a second | cores | CPU a probe, µs | memory |');
tell('| --- | --- | --- | --- | --- |');
await measureProbes(1, Number(values.nodes), Number(values.seconds));
await measureProbes(Number(values.clusters), Number(values.nodes), Number(values.seconds));
// The same of a small one: what they have in common is how long a primary has to be silent.
for (const count of [values.nodes, values.large]) await measureChange(Number(count));
