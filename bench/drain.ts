/**
 * `npm run bench:drain`: 100,000 open watches, and one shard of ten is removed, so that 10,000 move, over about 10 s. How long each is blind, how
 * evenly they come back, and what calls to moving keys and to all others notice.
 *
 *   node bench/drain.ts [--watches 100000] [--seconds 12] [--streams WATCHES/500] [--pause 20]
 */

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { stringify } from 'yaml';
import { keyBytes } from '../src/placement/index.ts';
import { openRegistry } from '../src/registry/store/index.ts';
import { machine } from '../src/runtime/machine-clock.ts';
import { Cluster, type TopologyDraft } from '../src/topology/index.ts';
import { BACKEND_COMMAND, BACKEND_PORT, BACKENDS } from './peers/index.ts';
import { keyOf } from './support/idle-streams.ts';
import { runLoad } from './support/load.ts';
import { LongestHeld } from './support/longest-held.ts';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';
import { endAll, startListening } from './support/programs.ts';
import type { WatchesState } from './support/watches-thread.ts';

const KEYWAY = new URL('../src/cli/keyway.js', import.meta.url).pathname;
const PORT = 18530;
const SHARDS = 10;
/** Calls a second: half of them with keys that move, half with keys that stay. */
const RATE = 1000;
const MAX_KEYS = 1000;
/** The rate at which watches come back is counted in so many parts of the time. */
const BUCKETS = 10;
/** So many, that several come in each of those parts; a tenth of the watches moves. */
const WAVES = 50;

const { values } = parseArgs({
  options: {
    watches: { type: 'string', default: '100000' },
    /** How long others are observed at a time. */
    seconds: { type: 'string', default: '12' },
    /** Of a wave. */
    streams: { type: 'string' },
    /** Milliseconds between two, beside what a wave takes itself. */
    pause: { type: 'string', default: '20' },
  },
});
const watches = Number(values.watches);
const observedMs = 1000 * Number(values.seconds);
const streams = Number(values.streams ?? Math.max(1, Math.round(watches / SHARDS / WAVES)));
const waves = { streams, pauseMs: Number(values.pause) };
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

/** Keys of watches that move when the last shard goes, and keys that stay. */
function keysOf(count: number): { readonly moving: readonly string[]; readonly staying: readonly string[] } {
  const [before, after] = [new Cluster(topology(SHARDS)), new Cluster(topology(SHARDS - 1))];
  const owner = (cluster: Cluster, key: Uint8Array): string | undefined =>
    cluster.shards[cluster.locate(key, 0, key.length)]?.id;
  const [moving, staying]: [string[], string[]] = [[], []];
  for (let i = 0; i < count && (moving.length < MAX_KEYS || staying.length < MAX_KEYS); i++) {
    const key = keyBytes(keyOf(i));
    (owner(before, key) === owner(after, key) ? staying : moving).push(keyOf(i));
  }
  return { moving: moving.slice(0, MAX_KEYS), staying: staying.slice(0, MAX_KEYS) };
}

const quantile = (sorted: ArrayLike<number>, q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;

/** What calls with these keys notice. */
async function callsTo(keyTexts: readonly string[], ms: number): Promise<string> {
  const load = { port: PORT, connections: 4, streams: 10, path: '/get/100', requestBytes: 0, keys: 0, keyTexts };
  const { latenciesMs, errors } = await runLoad(
    { ...load, rate: RATE / 2, sleeps: true, warmUpMs: 0, measureMs: ms },
    () => {},
    () => {},
  );
  const at = (q: number): string => `${quantile(latenciesMs, q).toFixed(2)} ms`;
  return `${at(0.5)} | ${at(0.99)} | ${at(1)} | ${errors}`;
}

/** What calls notice, and how long the routing thread was held at most. */
async function observe(pid: number, ms: number, { moving, staying }: ReturnType<typeof keysOf>): Promise<string> {
  await held.ms(pid);
  const before = cpuSeconds(pid);
  const [toMoving, toStaying] = await Promise.all([callsTo(moving, ms), callsTo(staying, ms)]);
  const cpu = ((cpuSeconds(pid) - before) / ms) * 1000;
  return `| ${toMoving} | ${toStaying} | ${(await held.ms(pid)).toFixed(1)} ms | ${(100 * cpu).toFixed(0)}% | ${megabytes(residentBytes(pid))} |`;
}

/** How many came back in each part of the time, but for the first and the last, in which waves begin and end. */
function evenness(backMs: readonly number[]): string {
  const [first, last] = [Math.min(...backMs), Math.max(...backMs)];
  const bucketMs = (last - first) / BUCKETS;
  const buckets = new Array<number>(BUCKETS).fill(0);
  for (const ms of backMs) {
    const bucket = Math.min(BUCKETS - 1, Math.floor((ms - first) / bucketMs));
    buckets[bucket] = (buckets[bucket] as number) + 1;
  }
  const counts = buckets.slice(1, -1);
  const mean = counts.reduce((sum, each) => sum + each, 0) / counts.length;
  const isEven = (count: number): boolean => Math.abs(count - mean) <= 0.2 * mean;
  return `${counts.length} parts of ${bucketMs.toFixed(0)} ms with ${mean.toFixed(0)} each on average, ${Math.min(...counts)} at least, ${Math.max(...counts)} at most; ${counts.filter(isEven).length} are within 20%`;
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
  tell(
    '| | keys that move: p50 | p99 | longest | errors | keys that stay: p50 | p99 | longest | errors | the routing thread was held for, at most | CPU | memory |',
  );
  tell(`|${' --- |'.repeat(12)}`);
  const keys = keysOf(watches);
  await observe(pid, 3000, keys);
  tell(`| quiet ${await observe(pid, observedMs, keys)}`);
  const began = nowMs();
  const steps: string[] = [];
  changer.on('message', (step: string) => steps.push(`${step} ${(nowMs() - began).toFixed(0)} ms`));
  changer.postMessage(topology(SHARDS - 1));
  tell(`| moving ${await observe(pid, observedMs, keys)}`);
  const isThrough = (): boolean => steps.some((step) => step.startsWith('done'));
  while (!isThrough()) await once(changer, 'message');
  let state = await ask(null);
  while (nowMs() - state.lastEndedMs < 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    state = await ask(null);
  }
  tell(`| quiet again ${await observe(pid, observedMs, keys)}`);
  const share = ((100 * state.ended) / state.opened).toFixed(1);
  const blind = (q: number): string => `${quantile(state.blindMs, q).toFixed(0)} ms`;
  const commits = steps.filter((step) => step.startsWith('committed'));
  tell(
    `\n${state.ended} of ${state.opened} (${share}%) had moved, in ${commits.length} waves: the first ended ${(state.firstEndedMs - began).toFixed(0)} ms after the command, the last ${(state.lastEndedMs - began).toFixed(0)} ms after it. ` +
      `From the end of a watch to the answer of a call with its key (${state.blindMs.length} of them): p50 ${blind(0.5)}, p99 ${blind(0.99)}, longest ${blind(1)}. They came back in ${evenness(state.backMs)}. The machine: ${availableParallelism()} cores, and a load of ${loadavg()[0]?.toFixed(1)} at the end.`,
  );
  await registry.close();
  // Otherwise each of its connections says that the router has closed it.
  await Promise.all([holder.terminate(), changer.terminate()]);
}

try {
  await main();
} finally {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
