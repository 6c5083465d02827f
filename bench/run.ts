/**
 * `npm run bench`: Keyway and every peer that is installed, the same backends, one run. Rounds go round the peers, so that
 * a machine that slows down slows all; medians are told. CPU a request is the figure to compare: user and system time of
 * all of a proxy's threads.
 *
 *   node bench/run.ts [--peers keyway,envoy] [--cases 'gRPC 100'] [--rounds 3] [--seconds 2] [--json FILE]
 *                     [--baseline CHECKOUT]   an earlier Keyway, beside this one
 */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type BenchCase, cases } from './cases.ts';
import {
  BACKEND_COMMAND,
  BACKEND_PORT,
  BACKENDS,
  baselineIn,
  choosePeers,
  INSTALL,
  type Peer,
  versionOf,
} from './peers/index.ts';
import { type CaseResult, report } from './report.ts';
import { startBackends } from './support/backend.ts';
import { runGrpcJsLoad } from './support/grpc-js-load.ts';
import { withIdleStreams } from './support/idle-streams.ts';
import { type LoadOptions, runLoad } from './support/load.ts';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';
import { end, endAll, median, startListening } from './support/programs.ts';

const WARM_UP_MS = 700;
/** At a tenth of its capacity a JIT compiler takes longer to warm up: the tail of the first seconds is its, not the router's. */
const OPEN_LOOP_WARM_UP_MS = 3000;
const IDLE_STREAMS = 10_000;

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '' },
    cases: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'string' },
    baseline: { type: 'string' },
  },
});

interface Sample {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(each: BenchCase, peer: Peer, pid: number): Promise<Sample> {
  const options: LoadOptions = {
    port: peer.port,
    connections: each.connections,
    streams: each.streams,
    path: each.kind === 'get' ? `/get/${each.size}` : `/grpc/${each.size}`,
    requestBytes: each.kind === 'get' ? 0 : each.size,
    keys: each.keys,
    warmUpMs: each.rate === undefined ? WARM_UP_MS : OPEN_LOOP_WARM_UP_MS,
    measureMs: Number(values.seconds) * 1000,
    ...(each.rate === undefined ? {} : { rate: each.rate }),
  };
  let before = 0;
  let after = 0;
  const run = each.kind === 'grpc-js' ? runGrpcJsLoad : runLoad;
  const result = await run(
    options,
    () => {
      before = cpuSeconds(pid);
    },
    () => {
      after = cpuSeconds(pid);
    },
  );
  const quantile = (q: number): number => result.latenciesMs[Math.floor(result.latenciesMs.length * q)] ?? 0;
  return {
    cpuUs: ((after - before) / result.requests) * 1e6,
    perSecond: result.requests / result.seconds,
    errors: result.errors,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

async function measureCase(each: BenchCase, peers: ReadonlyMap<Peer, ChildProcess>): Promise<CaseResult> {
  process.stderr.write(`${each.name}\n`);
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    // Each round begins with another, so that none is always behind the same one.
    const order = [...peers];
    for (const [peer, child] of [...order.slice(round % order.length), ...order.slice(0, round % order.length)]) {
      const sample = await measure(each, peer, child.pid as number);
      samples.set(peer.name, [...(samples.get(peer.name) ?? []), sample]);
    }
  }
  const figures = [...samples].map(([peer, list]) => ({
    peer,
    cpuUs: median(list.map(({ cpuUs }) => cpuUs)),
    perSecond: median(list.map(({ perSecond }) => perSecond)),
    errors: list.reduce((sum, { errors }) => sum + errors, 0),
    p50Ms: median(list.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(list.map(({ p99Ms }) => p99Ms)),
  }));
  return { name: each.name, kind: each.kind, figures };
}

async function measureAll(list: readonly BenchCase[], peers: readonly Peer[]): Promise<CaseResult[]> {
  if (list.length === 0) return [];
  const running = new Map<Peer, ChildProcess>();
  for (const peer of peers) running.set(peer, await startListening(peer.command, peer.port));
  const results: CaseResult[] = [];
  for (const each of list) results.push(await measureCase(each, running));
  for (const child of running.values()) await end(child);
  return results;
}

/** Bytes of resident memory for an idle stream; in a process of its own, which has done nothing else. */
async function idleStreamBytes(peer: Peer): Promise<number> {
  const child = await startListening(peer.command, peer.port);
  try {
    const resident = { before: 0, open: 0 };
    const opened = await withIdleStreams(peer.port, IDLE_STREAMS, (phase) => {
      resident[phase] = residentBytes(child.pid as number);
    });
    return opened === IDLE_STREAMS ? (resident.open - resident.before) / IDLE_STREAMS : Number.NaN;
  } finally {
    await end(child);
  }
}

async function main(): Promise<void> {
  const { present, missing } = choosePeers(values.peers.split(',').filter((name) => name !== ''));
  if (values.baseline !== undefined) present.push(baselineIn(values.baseline));
  if (missing.length > 0) process.stderr.write(`not installed, left out: ${missing.join(', ')} (${INSTALL})\n`);
  const chosen = cases.filter(({ name }) => name.includes(values.cases));
  try {
    const backend = await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
    const idle = [];
    if (values.cases === '') {
      for (const peer of present) idle.push({ peer: peer.name, bytes: await idleStreamBytes(peer) });
    }
    const results = await measureAll(
      chosen.filter(({ kind }) => kind !== 'poisson'),
      present,
    );
    // Latency is measured with load and backends on one thread, so that a machine of two cores has one for the proxy.
    await end(backend);
    const endBackends = await startBackends(BACKEND_PORT, BACKENDS);
    results.push(
      ...(await measureAll(
        chosen.filter(({ kind }) => kind === 'poisson'),
        present,
      )),
    );
    endBackends();
    const versions = Object.fromEntries(present.map((peer) => [peer.name, versionOf(peer)]));
    process.stdout.write(report(results, idle, versions));
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ versions, idle, results }, null, 2)}\n`);
  } finally {
    await endAll();
  }
}

await main();
process.exit(0);
