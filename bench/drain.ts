/**
 * `npm run bench:drain`: 100,000 open watches, and one shard of ten is removed. How long it takes to end those that have moved,
 * what that costs, and what other requests notice.
 *
 *   node bench/drain.ts [--watches 100000] [--seconds 12] [--streams 1000] [--pause 100]
 */

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { stringify } from 'yaml';
import { openRegistry } from '../src/registry/store/index.ts';
import { machine } from '../src/runtime/machine-clock.ts';
import type { TopologyDraft } from '../src/topology/index.ts';
import { BACKEND_COMMAND, BACKEND_PORT, BACKENDS } from './peers/index.ts';
import { runLoad } from './support/load.ts';
import { LongestHeld } from './support/longest-held.ts';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';
import { endAll, startListening } from './support/programs.ts';
import type { WatchesState } from './support/watches-thread.ts';

const KEYWAY = new URL('../src/cli/keyway.js', import.meta.url).pathname;
const PORT = 18530;
const SHARDS = 10;
const RATE = 1000;

const { values } = parseArgs({
  options: {
    watches: { type: 'string', default: '100000' },
    /** How long others are observed at a time. */
    seconds: { type: 'string', default: '12' },
    /** Of a wave, */
    streams: { type: 'string', default: '1000' },
    /** and milliseconds between two. */
    pause: { type: 'string', default: '100' },
  },
});
const watches = Number(values.watches);
const observedMs = 1000 * Number(values.seconds);
const waves = { streams: Number(values.streams), pauseMs: Number(values.pause) };
const folder = mkdtempSync(join(tmpdir(), 'keyway-bench-'));
const held = new LongestHeld(folder);
const tell = (line: string): boolean => process.stdout.write(`${line}\n`);
/** As the thread that holds the watches tells the time. */
const nowMs = (): number => performance.timeOrigin + performance.now();
const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MB`;

function topology(shards: number): TopologyDraft {
  return {
    namespace: 'default',
    name: 'docs',
    version: null,
    placement: { name: 'fixedRing', options: { entriesPerWeight: 256 } },
    hashOn: 'id',
    waves,
    shards: Array.from({ length: shards }, (_, i) => ({
      id: `s${i}`,
      address: `127.0.0.1:${BACKEND_PORT + (i % BACKENDS)}`,
      weight: 1,
    })),
  };
}

/** What requests notice, and how long the routing thread was held at most. */
async function observe(pid: number, ms: number): Promise<string> {
  await held.ms(pid);
  const before = cpuSeconds(pid);
  const { latenciesMs } = await runLoad(
    {
      port: PORT,
      connections: 4,
      streams: 10,
      path: '/get/100',
      requestBytes: 0,
      keys: 1000,
      rate: RATE,
      sleeps: true,
      warmUpMs: 0,
      measureMs: ms,
    },
    () => {},
    () => {},
  );
  const at = (q: number): string => `${(latenciesMs[Math.floor(latenciesMs.length * q)] ?? 0).toFixed(2)} ms`;
  const cpu = ((cpuSeconds(pid) - before) / ms) * 1000;
  return `| ${at(0.5)} | ${at(0.99)} | ${(await held.ms(pid)).toFixed(1)} ms | ${(100 * cpu).toFixed(0)}% | ${megabytes(residentBytes(pid))} |`;
}

async function main(): Promise<void> {
  await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
  const file = join(folder, 'registry.sqlite');
  const registry = openRegistry({ sqlite: { path: file } }, machine);
  await registry.topologies.commit(topology(SHARDS));
  const config = join(folder, 'keyway.yaml');
  writeFileSync(
    config,
    stringify({
      listen: [{ address: `127.0.0.1:${PORT}` }],
      admin: { address: `127.0.0.1:${PORT + 1}` },
      log: { level: 'error' },
      limits: { maxConcurrentStreams: 100_000 },
      drainTimeout: '0s',
      registry: { sqlite: { path: file }, keepIn: join(folder, 'kept') },
      routes: [{ match: { prefix: '/' }, cluster: 'docs', watch: ['/hang'], onMove: { how: 'end' } }],
      clusters: { docs: { fromRegistry: {} } },
    }),
  );
  const command = [process.execPath, KEYWAY, 'router', '--config', config];
  const router = await held.start(() => startListening(command, PORT));
  const pid = router.pid as number;

  const holder = new Worker(new URL('./support/watches-thread.ts', import.meta.url), { workerData: PORT });
  const ask = async (count: number | null): Promise<WatchesState> => {
    holder.postMessage(count);
    const [state] = (await once(holder, 'message')) as [WatchesState];
    return state;
  };
  const { opened, ended } = await ask(watches);
  const changer = new Worker(new URL('./support/change-thread.ts', import.meta.url), { workerData: file });
  tell(`${opened - ended} watches are open.\n`);
  tell(`| ${RATE} other requests a second | p50 | p99 | the routing thread was held for, at most | CPU | memory |`);
  tell('| --- | --- | --- | --- | --- | --- |');
  await observe(pid, 3000);
  tell(`| quiet ${await observe(pid, observedMs)}`);
  const began = nowMs();
  const steps: string[] = [];
  changer.on('message', (step: string) => steps.push(`${step} ${(nowMs() - began).toFixed(0)} ms`));
  changer.postMessage(topology(SHARDS - 1));
  tell(`| draining ${await observe(pid, observedMs)}`);
  const isThrough = (): boolean => steps.some((step) => step.startsWith('done'));
  while (!isThrough()) await once(changer, 'message');
  let state = await ask(null);
  while (nowMs() - state.lastEndedMs < 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    state = await ask(null);
  }
  tell(`| quiet again ${await observe(pid, observedMs)}`);
  const share = ((100 * state.ended) / state.opened).toFixed(1);
  const blind = (q: number): string =>
    `${(state.blindMs[Math.min(state.blindMs.length - 1, Math.floor(q * state.blindMs.length))] ?? Number.NaN).toFixed(0)} ms`;
  const commits = steps.filter((step) => step.startsWith('committed'));
  tell(
    `\n${state.ended} of ${state.opened} (${share}%) had moved, in ${commits.length} waves: the first ended ${(state.firstEndedMs - began).toFixed(0)} ms after the command, the last ${(state.lastEndedMs - began).toFixed(0)} ms after it. ` +
      `From the end of a watch to the answer of a call with its key (${state.blindMs.length} of them): p50 ${blind(0.5)}, p99 ${blind(0.99)}, longest ${blind(1)}. Steps: ${steps.join(', ')}.`,
  );
  await registry.close();
}

try {
  await main();
} finally {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
