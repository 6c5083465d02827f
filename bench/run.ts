/**
 * `npm run bench`: Keyway and every peer that is installed, the same backends, one run. CPU a request is the figure to
 * compare: user and system time of all of a proxy's threads. Each round starts every proxy anew, for how a process happens
 * to be compiled and laid out in memory differs from one start to the next by more than is to be measured; in a case the
 * proxies take turns of a fifth of a second, so that a machine that slows down slows all. A round's figure is the lower
 * quartile of its turns, since what disturbs a turn only ever adds to it; medians over the rounds are told.
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
import { type CaseResult, type Figures, report } from './report.ts';
import { startBackends } from './support/backend.ts';
import { openGrpcJsLoad } from './support/grpc-js-load.ts';
import { withIdleStreams } from './support/idle-streams.ts';
import { type LoadOptions, openSlicedLoad, runLoad } from './support/load.ts';
import { residentBytes } from './support/process-cost.ts';
import { end, endAll, median, startListening } from './support/programs.ts';
import { inTurns, START_WARM_UP_MS, type TurnsCost } from './support/turns.ts';

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

type Samples = Map<string, Sample[]>;

function loadOptions(each: BenchCase, peer: Peer): LoadOptions {
  return {
    port: peer.port,
    connections: each.connections,
    streams: each.streams,
    path: each.kind === 'get' ? `/get/${each.size}` : `/grpc/${each.size}`,
    requestBytes: each.kind === 'get' ? 0 : each.size,
    keys: each.keys,
    warmUpMs: OPEN_LOOP_WARM_UP_MS,
    measureMs: Number(values.seconds) * 1000,
    ...(each.rate === undefined ? {} : { rate: each.rate }),
  };
}

/** Has a proxy that has just been started carry both kinds of requests until its code is compiled. */
async function warmUp(peer: Peer): Promise<void> {
  for (const kind of ['get', 'grpc'] as const) {
    const load = await openSlicedLoad(
      loadOptions({ name: 'warm-up', kind, connections: 10, streams: 10, size: 100, keys: 10_000 }, peer),
    );
    await load.run(START_WARM_UP_MS);
    load.close();
  }
}

/** One round of a closed loop: the peers take turns. */
async function measureTurns(each: BenchCase, peers: ReadonlyMap<Peer, ChildProcess>, into: Samples): Promise<void> {
  const open = each.kind === 'grpc-js' ? openGrpcJsLoad : openSlicedLoad;
  const takers = await Promise.all(
    [...peers].map(async ([peer, { pid }]) => ({ pid: pid as number, load: await open(loadOptions(each, peer)) })),
  );
  const costs = await inTurns(takers, Number(values.seconds));
  for (const [i, { name }] of [...peers.keys()].entries()) {
    const sample = { ...(costs[i] as TurnsCost), p50Ms: 0, p99Ms: 0 };
    into.set(name, [...(into.get(name) ?? []), sample]);
  }
}

/** One round of an open loop: latency is the figure, and the peers come one behind the other. */
async function measureLatency(each: BenchCase, peers: ReadonlyMap<Peer, ChildProcess>, into: Samples): Promise<void> {
  for (const peer of peers.keys()) {
    const { requests, errors, seconds, latenciesMs } = await runLoad(
      loadOptions(each, peer),
      () => {},
      () => {},
    );
    const quantile = (q: number): number => latenciesMs[Math.floor(latenciesMs.length * q)] ?? 0;
    const sample = {
      cpuUs: 0,
      perSecond: requests / seconds,
      errors,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
    };
    into.set(peer.name, [...(into.get(peer.name) ?? []), sample]);
  }
}

/** All rounds of the cases, each with proxies that have just been started. */
async function measureAll(list: readonly BenchCase[], peers: readonly Peer[]): Promise<CaseResult[]> {
  const samples = new Map<BenchCase, Samples>(list.map((each) => [each, new Map()]));
  for (let round = 0; list.length > 0 && round < Number(values.rounds); round++) {
    const first = round % peers.length;
    const running = new Map<Peer, ChildProcess>();
    for (const peer of [...peers.slice(first), ...peers.slice(0, first)])
      running.set(peer, await startListening(peer.command, peer.port));
    for (const peer of running.keys()) await warmUp(peer);
    for (const [each, into] of samples) {
      process.stderr.write(`round ${round + 1}: ${each.name}\n`);
      await (each.kind === 'poisson' ? measureLatency : measureTurns)(each, running, into);
    }
    for (const child of running.values()) await end(child);
  }
  return [...samples].map(([{ name, kind }, into]) => ({ name, kind, figures: figuresOf(into, peers) }));
}

function figuresOf(samples: Samples, peers: readonly Peer[]): Figures[] {
  const own = samples.get('keyway') ?? [];
  return peers.map(({ name }) => {
    const list = samples.get(name) ?? [];
    return {
      peer: name,
      cpuUs: median(list.map(({ cpuUs }) => cpuUs)),
      cpuUsByRound: list.map(({ cpuUs }) => cpuUs),
      // Round by round, for both of a round met the same machine.
      keywayOver: median(list.map(({ cpuUs }, round) => (own[round]?.cpuUs ?? Number.NaN) / cpuUs)),
      perSecond: median(list.map(({ perSecond }) => perSecond)),
      errors: list.reduce((sum, { errors }) => sum + errors, 0),
      p50Ms: median(list.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(list.map(({ p99Ms }) => p99Ms)),
    };
  });
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
