/**
 * `npm run bench:sidecar`: Keyway's sidecar beside Envoy as the sidecar of one backend, inbound only. CPU a request as in
 * `npm run bench`: turns of a fifth of a second, all processes started again each round, medians over the rounds. Besides, the
 * memory that open streams take, and the latency that each adds to that of the backend itself.
 *
 *   node bench/sidecar.ts [--rounds 5] [--seconds 2]
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openRegistry } from '../src/registry/store/index.ts';
import { machine } from '../src/runtime/machine-clock.ts';
import { checkTopology } from '../src/topology/index.ts';
import { BACKEND_COMMAND, BACKEND_PORT, BACKENDS, envoyCommand, INSTALL, installed } from './peers/index.ts';
import { startBackends } from './support/backend.ts';
import { openSlicedHttp1Load } from './support/http1-load.ts';
import { withIdleStreams } from './support/idle-streams.ts';
import { openSlicedLoad, runLoad, type SlicedLoad } from './support/load.ts';
import { residentBytes } from './support/process-cost.ts';
import { end, endAll, median, startListening } from './support/programs.ts';
import { inTurns, START_WARM_UP_MS, type TurnsCost } from './support/turns.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const KEYS = 10_000;
const IDLE_STREAMS = 1000;
const LATENCY_RATE = 2000;
/** A JIT compiler has little to do at this rate, and takes as long to warm up. */
const LATENCY_WARM_UP_MS = 3000;
const KEYWAY = fileURLToPath(new URL('../src/cli/keyway.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'keyway-bench-'));
const registry = join(folder, 'registry.sqlite');

/** One of the two, for one protocol. */
interface Way {
  readonly peer: 'keyway' | 'envoy';
  readonly http: '2' | '1.1';
  readonly port: number;
  readonly command: readonly string[];
}

function sidecarCommand(cluster: string, port: number, protocol: string): readonly string[] {
  const where = ['--cluster', cluster, '--shard', 's0', '--listen', `127.0.0.1:${port}`];
  const behind = ['--backend', `127.0.0.1:${BACKEND_PORT}`, '--protocol', protocol, '--watch', '/hang'];
  const how = ['--registry', `sqlite:${registry}`, '--health', 'none'];
  return [process.execPath, KEYWAY, 'sidecar', ...where, ...behind, ...how];
}

const envoy = envoyCommand('bench-sidecar.yaml');
const WAYS: readonly Way[] = [
  { peer: 'keyway', http: '2', port: 18330, command: sidecarCommand('http2', 18330, 'http2') },
  { peer: 'envoy', http: '2', port: 18331, command: envoy },
  { peer: 'keyway', http: '1.1', port: 18332, command: sidecarCommand('http1', 18332, 'http1') },
  { peer: 'envoy', http: '1.1', port: 18333, command: envoy },
];
const OVER_HTTP2 = WAYS.filter(({ http }) => http === '2');

interface Case {
  readonly name: string;
  readonly http: Way['http'];
  open(port: number): Promise<SlicedLoad>;
}

function overHttp2(grpc: boolean, connections: number, streams: number): Case {
  const [path, requestBytes] = grpc ? ['/grpc/100', 100] : ['/get/100', 0];
  const name = `${grpc ? 'gRPC' : 'GET'} 100 B over HTTP/2, c=${connections} m=${streams}`;
  const none = { warmUpMs: 0, measureMs: 0 };
  return {
    name,
    http: '2',
    open: (port) => openSlicedLoad({ port, connections, streams, path, requestBytes, keys: KEYS, ...none }),
  };
}

function overHttp1(connections: number): Case {
  const name = `GET 100 B over HTTP/1.1, c=${connections}`;
  return {
    name,
    http: '1.1',
    open: (port) => openSlicedHttp1Load({ port, connections, path: '/get/100', keys: KEYS }),
  };
}

const CASES: readonly Case[] = [
  overHttp2(false, 10, 10),
  overHttp2(true, 10, 10),
  overHttp2(false, 100, 1),
  overHttp2(true, 100, 1),
  overHttp1(10),
  overHttp1(100),
];

/** Both sidecars own every key. */
async function register(): Promise<void> {
  const opened = openRegistry({ sqlite: { path: registry } }, machine);
  for (const { port, command } of WAYS) {
    const cluster = command[command.indexOf('--cluster') + 1] as string;
    if (command === envoy) continue;
    const shards = [{ id: 's0', address: `127.0.0.1:${port}` }];
    await opened.topologies.commit(checkTopology({ cluster, placement: { ringHash: {} }, shards }, 'the benchmark'));
  }
  await opened.close();
}

/** Starts each of some commands once. Resolves once they answer. */
async function start(ways: readonly Way[]): Promise<Map<Way, ChildProcess>> {
  const processes = new Map<readonly string[], ChildProcess>();
  const running = new Map<Way, ChildProcess>();
  for (const way of ways) {
    const child = processes.get(way.command) ?? (await startListening(way.command, way.port));
    processes.set(way.command, child);
    running.set(way, child);
    await answers(way);
  }
  return running;
}

/** A sidecar listens before it has registered. */
async function answers({ http, port }: Way): Promise<void> {
  const { open } = CASES.find((each) => each.http === http) as Case;
  for (;;) {
    const load = await open(port);
    const { requests, errors } = await load.run(1);
    load.close();
    if (requests > 0 && errors === 0) return;
  }
}

/** Has a sidecar that has just been started carry each kind of request until its code is compiled. */
async function warmUp({ http, port }: Way): Promise<void> {
  for (const { open } of CASES.filter((each) => each.http === http).slice(0, 2)) {
    const load = await open(port);
    await load.run(START_WARM_UP_MS);
    load.close();
  }
}

async function stop(running: ReadonlyMap<Way, ChildProcess>): Promise<void> {
  for (const child of new Set(running.values())) await end(child);
}

async function measureCpu(): Promise<void> {
  const samples = new Map(CASES.map((each) => [each, [] as Array<readonly [own: TurnsCost, other: TurnsCost]>]));
  const backend = await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
  for (let round = 0; round < rounds; round++) {
    const running = await start(WAYS);
    for (const way of running.keys()) await warmUp(way);
    for (const [each, list] of samples) {
      process.stderr.write(`round ${round + 1}: ${each.name}\n`);
      const takers = await Promise.all(
        [...running]
          .filter(([{ http }]) => http === each.http)
          .map(async ([{ port }, { pid }]) => ({ pid: pid as number, load: await each.open(port) })),
      );
      const [own, other] = await inTurns(takers, seconds);
      list.push([own as TurnsCost, other as TurnsCost]);
    }
    await stop(running);
  }
  await end(backend);
  tell('| case | Keyway, CPU us/request | Envoy | Keyway / Envoy | errors |');
  tell('| --- | --- | --- | --- | --- |');
  for (const [{ name }, list] of samples) {
    const [own, other] = [list.map(([each]) => each), list.map(([, each]) => each)];
    const ratio = median(list.map(([one, another]) => one.cpuUs / another.cpuUs));
    const costs = [own, other].map((each) => median(each.map(({ cpuUs }) => cpuUs)).toFixed(2));
    const errors = [...own, ...other].reduce((sum, each) => sum + each.errors, 0);
    tell(`| ${name} | ${costs.join(' | ')} | ${ratio.toFixed(2)} | ${errors} |`);
  }
}

async function measureMemory(): Promise<void> {
  const backend = await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
  tell(`\n| ${IDLE_STREAMS.toLocaleString('en')} open streams | resident before, MB | with them, MB | a stream, KB |`);
  tell('| --- | --- | --- | --- |');
  for (const way of OVER_HTTP2) {
    const running = await start([way]);
    const pid = running.get(way)?.pid as number;
    const resident = { before: 0, open: 0 };
    const kept = await withIdleStreams(way.port, IDLE_STREAMS, (phase) => {
      resident[phase] = residentBytes(pid);
    });
    await stop(running);
    const growth = (resident.open - resident.before) / IDLE_STREAMS / 1024;
    const [before, open] = [resident.before, resident.open].map((bytes) => (bytes / 2 ** 20).toFixed(0));
    const note = kept === IDLE_STREAMS ? '' : `, of which ${IDLE_STREAMS - kept} were refused`;
    tell(`| ${way.peer}${note} | ${before} | ${open} | ${growth.toFixed(1)} |`);
  }
  await end(backend);
}

/** With load and backend on one thread, so that a machine of two cores has one for the sidecar. */
async function measureLatency(): Promise<void> {
  const endBackends = await startBackends(BACKEND_PORT, 1);
  const samples = new Map<string, Array<readonly [p50: number, p99: number]>>();
  for (let round = 0; round < rounds; round++) {
    const running = await start(OVER_HTTP2);
    const all = [{ peer: 'direct', port: BACKEND_PORT }, ...OVER_HTTP2];
    for (const { peer, port } of [...all.slice(round % all.length), ...all.slice(0, round % all.length)]) {
      const { latenciesMs } = await runLoad(
        {
          port,
          connections: 10,
          streams: 0,
          path: '/grpc/100',
          requestBytes: 100,
          keys: KEYS,
          rate: LATENCY_RATE,
          warmUpMs: LATENCY_WARM_UP_MS,
          measureMs: seconds * 1000,
        },
        () => {},
        () => {},
      );
      const quantile = (q: number): number => 1000 * (latenciesMs[Math.floor(latenciesMs.length * q)] ?? Number.NaN);
      samples.set(peer, [...(samples.get(peer) ?? []), [quantile(0.5), quantile(0.99)]]);
    }
    await stop(running);
  }
  endBackends();
  const [p50, p99] = [0, 1].map((i) => median((samples.get('direct') ?? []).map((each) => each[i] as number)));
  tell(`\n| gRPC 100 B, ${LATENCY_RATE} a second | p50, us | p99, us | added to p50 | added to p99 |`);
  tell('| --- | --- | --- | --- | --- |');
  for (const [peer, list] of samples) {
    const own = [0, 1].map((i) => median(list.map((each) => each[i] as number)));
    const added =
      peer === 'direct' ? ['', ''] : [(own[0] as number) - (p50 as number), (own[1] as number) - (p99 as number)];
    const cells = [...own, ...added].map((each) => (typeof each === 'number' ? each.toFixed(0) : each));
    tell(`| ${peer} | ${cells.join(' | ')} |`);
  }
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  if (!installed(envoy)) throw new Error(`Envoy is not installed: ${INSTALL}`);
  await register();
  await measureCpu();
  await measureMemory();
  await measureLatency();
} finally {
  await endAll();
  rmSync(folder, { recursive: true });
}
process.exit(0);
