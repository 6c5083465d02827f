/**
 * `npm run bench:redis`: redis-benchmark through Keyway, and through Envoy and nutcracker (twemproxy) where they are installed, to three
 * stand-alone Redis servers; and to one of these directly. Rounds go round the peers; medians of CPU a command are told.
 *
 *   node bench/redis.ts [--rounds 3] [--commands 200000] [--clients 50]
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { envoyCommand, installed, keywayCommand } from './peers/index.ts';
import { cpuSeconds } from './support/process-cost.ts';
import { endAll, median, startListening } from './support/programs.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SERVER_PORTS = [18401, 18402, 18403];

const PEERS = [
  { name: 'keyway', port: 18410, command: keywayCommand('keyway-redis.yaml') },
  {
    name: 'envoy',
    port: 18411,
    command: envoyCommand('bench-redis.yaml'),
  },
  { name: 'nutcracker', port: 18412, command: ['nutcracker', '-c', file('./peers/nutcracker.yml'), '-v', '0'] },
];

/** Keys are many, so that all shards have some. */
const KEYS = ['-r', '100000'];
/** What is asked, as redis-benchmark takes it. */
const CASES = [
  { name: 'GET 100 B', args: ['GET', 'key:__rand_int__'] },
  { name: 'SET 100 B', args: ['SET', 'key:__rand_int__', 'x'.repeat(100)] },
  { name: 'SET 16 KB', args: ['SET', 'key:__rand_int__', 'x'.repeat(16_384)] },
  { name: 'MGET of 10', args: ['MGET', ...Array.from({ length: 10 }, () => 'key:__rand_int__')] },
] as const;
const PIPELINES = [1, 16] as const;
/** A JIT compiler needs so many commands to be itself. */
const WARM_UP_COMMANDS = 20_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    commands: { type: 'string', default: '200000' },
    clients: { type: 'string', default: '50' },
  },
});

/** @returns commands a second */
async function load(port: number, pipeline: number, args: readonly string[], commands: number): Promise<number> {
  const options = [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-c',
    values.clients,
    '-n',
    String(commands),
    '-P',
    String(pipeline),
  ];
  const { stdout } = await promisify(execFile)('redis-benchmark', [...options, ...KEYS, '--csv', ...args]);
  // "test","rps",…: the second field of the last line.
  return Number(/^".*","([\d.]+)"/m.exec(stdout.split('\n').slice(1).join('\n'))?.[1] ?? Number.NaN);
}

interface Target {
  readonly name: string;
  readonly port: number;
  /** What is measured; null where that is the server itself. */
  readonly process: ChildProcess | null;
}

async function main(): Promise<void> {
  if (!installed(['redis-benchmark']))
    throw new Error('redis-benchmark is missing; apt-get install redis-server redis-tools');
  for (const port of SERVER_PORTS)
    await startListening(['redis-server', '--port', String(port), '--save', '', '--appendonly', 'no'], port);
  const targets: Target[] = [{ name: 'direct', port: SERVER_PORTS[0] as number, process: null }];
  for (const { name, port, command } of PEERS.filter((peer) => installed(peer.command)))
    targets.push({ name, port, process: await startListening(command, port) });
  const lines = [
    '| command, pipeline | through | CPU us/command | commands/s | Keyway / peer |',
    '|---|---|---|---|---|',
  ];
  for (const { name, args } of CASES)
    for (const pipeline of PIPELINES) lines.push(...(await measure(`${name}, P=${pipeline}`, targets, pipeline, args)));
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function measure(
  title: string,
  targets: readonly Target[],
  pipeline: number,
  args: readonly string[],
): Promise<string[]> {
  const commands = Number(values.commands);
  const samples = new Map(targets.map((target) => [target, { cpuUs: [] as number[], perSecond: [] as number[] }]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [{ port, process: measured }, sample] of samples) {
      await load(port, pipeline, args, WARM_UP_COMMANDS);
      const before = measured === null ? 0 : cpuSeconds(measured.pid ?? 0);
      sample.perSecond.push(await load(port, pipeline, args, commands));
      if (measured !== null) sample.cpuUs.push(((cpuSeconds(measured.pid ?? 0) - before) / commands) * 1e6);
    }
  }
  const own = median([...samples].find(([{ name }]) => name === 'keyway')?.[1].cpuUs ?? []);
  return [...samples].map(([{ name }, { cpuUs, perSecond }]) => {
    const cpu = median(cpuUs);
    const told = Number.isNaN(cpu) ? '| - ' : `| ${cpu.toFixed(2)} `;
    const ratio = Number.isNaN(cpu) ? '-' : (own / cpu).toFixed(2);
    return `| ${title} | ${name} ${told}| ${Math.round(median(perSecond))} | ${ratio} |`;
  });
}

try {
  await main();
} finally {
  await endAll();
}
process.exit(0);
