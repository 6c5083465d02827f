/**
 * `npm run bench:load`: what one core sends, and what a request costs it: `keyway load` beside `ghz` and `h2load`, on one
 * backend that has the other core. Closed loop, unary gRPC. And one process of `keyway load` that holds watches.
 *
 *   node bench/load.ts [--seconds 8] [--rounds 3] [--watches 100000]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';
import { endAll, median, startListening } from './support/programs.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    watches: { type: 'string', default: '100000' },
  },
});
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const WATCHES = Number(values.watches);
const PORT = 19_470;
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const KEYWAY = file('../src/cli/keyway.js');
const PROTO = file('../protos/keyway/shard/v1/documents.proto');
const GHZ = file('../.tools/ghz');
const METHOD = 'keyway.shard.v1.Documents/Get';
/** What a request asks, in each generator the same: a key of a few bytes. */
const MESSAGE = Buffer.from([0, 0, 0, 0, 5, 0x0a, 3, 0x61, 0x2f, 0x62]);
/** The backend has the one core, the generator the other. */
const BACKEND_CORE = '0';
const GENERATOR_CORE = '1';
const tell = (line: string): boolean => process.stdout.write(`${line}\n`);

interface Case {
  readonly connections: number;
  readonly inFlight: number;
}

interface Generator {
  readonly name: string;
  readonly command: (options: Case, folder: string) => readonly string[];
  /** Answered requests, of what it has written. */
  readonly requests: (output: string, folder: string) => number;
}

const CASES: readonly Case[] = [
  // What ghz does when nobody says.
  { connections: 1, inFlight: 50 },
  { connections: 10, inFlight: 100 },
  { connections: 50, inFlight: 50 },
];

function keywayLoad(name: string, data: string): Generator {
  return {
    name,
    command: ({ connections, inFlight }, folder) => [
      process.execPath,
      KEYWAY,
      ...['load', `127.0.0.1:${PORT}`, '--grpc', METHOD, '--proto', PROTO, '--data', data],
      ...['--users', String(inFlight), '--connections', String(connections), '--no-live'],
      ...['--duration', `${SECONDS}s`, '--warm-up', '0', '--json', join(folder, 'keyway.json')],
    ],
    requests: (_, folder) => JSON.parse(readFileSync(join(folder, 'keyway.json'), 'utf8')).statuses.OK,
  };
}

const GENERATORS: readonly Generator[] = [
  keywayLoad('keyway load', '{"key": "a/b"}'),
  keywayLoad('keyway load, 100,000 keys', '{"key": "{{key}}"}'),
  {
    name: 'ghz',
    command: ({ connections, inFlight }) => [
      GHZ,
      ...['--insecure', '--proto', PROTO, '--call', METHOD, '-d', '{"key": "a/b"}'],
      ...['-z', `${SECONDS}s`, '-c', String(inFlight), '--connections', String(connections), '-O', 'json'],
      `127.0.0.1:${PORT}`,
    ],
    requests: (output) => JSON.parse(output).statusCodeDistribution.OK,
  },
  {
    name: 'h2load',
    command: ({ connections, inFlight }, folder) => [
      'h2load',
      ...['-D', String(SECONDS), '-c', String(connections), '-m', String(inFlight / connections)],
      ...['-d', join(folder, 'message'), '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
      `http://127.0.0.1:${PORT}/${METHOD}`,
    ],
    requests: (output) => Number(/(\d+) succeeded/.exec(output)?.[1]),
  },
];

interface Measured {
  readonly perSecond: number;
  readonly usPerRequest: number;
}

/** Runs a generator on its core to its end; its CPU time is what the kernel told bash of it. */
async function measured(generator: Generator, options: Case, folder: string): Promise<Measured> {
  const script = `TIMEFORMAT='cpu %U %S'; time taskset -c ${GENERATOR_CORE} "$@"`;
  const child = spawn('bash', ['-c', script, 'bash', ...generator.command(options, folder)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, GOMAXPROCS: '1' },
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)/.exec(errors) ?? [];
  const requests = generator.requests(output, folder);
  if (!(requests > 0)) throw new Error(`${generator.name} has sent nothing: ${(output + errors).slice(0, 2000)}`);
  return {
    perSecond: requests / SECONDS,
    usPerRequest: ((Number(user) + Number(system)) * 1e6) / requests,
  };
}

async function compare(folder: string): Promise<void> {
  tell(`closed loop, unary gRPC, one core each for generator and backend; ${ROUNDS} rounds of ${SECONDS} s, medians\n`);
  tell('connections  in flight  generator                  requests/s  us of CPU a request  times ghz');
  for (const options of CASES) {
    const results = new Map<string, Measured[]>(GENERATORS.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round++)
      for (const generator of GENERATORS) results.get(generator.name)?.push(await measured(generator, options, folder));
    const rate = (name: string): number => median((results.get(name) ?? []).map(({ perSecond }) => perSecond));
    for (const [name, all] of results) {
      const cells = [
        String(options.connections).padStart(11),
        String(options.inFlight).padStart(9),
        name.padEnd(25),
        rate(name).toFixed(0).padStart(11),
        median(all.map(({ usPerRequest }) => usPerRequest))
          .toFixed(2)
          .padStart(19),
        (rate(name) / rate('ghz')).toFixed(1).padStart(9),
      ];
      tell(cells.join('  '));
    }
  }
}

/** One process opens watches, which never end, and holds them. */
async function holdWatches(): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      KEYWAY,
      ...['load', `127.0.0.1:${PORT}`, '--http', 'GET /watch/100', '--watch', String(WATCHES), '--rate', '0'],
      ...['--no-live', '--duration', '20s', '--warm-up', '0'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
    });
  const pid = child.pid as number;
  let most = 0;
  let cpuAtFirst = 0;
  let first = 0;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
    if (first === 0 && output.includes(`${WATCHES} watches`)) {
      first = performance.now();
      cpuAtFirst = cpuSeconds(pid);
    }
  }, 500);
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  const core = first === 0 ? Number.NaN : (cpuSeconds(pid) - cpuAtFirst) / ((performance.now() - first) / 1000);
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(timer);
  tell(
    `\n${WATCHES} watches in one process: ${(most / 1e6).toFixed(0)} MB, ${(100 * core).toFixed(1)}% of a core while they stay`,
  );
  tell(
    output
      .split('\n')
      .filter((line) => line.startsWith('watches'))
      .join('\n'),
  );
}

if (!existsSync(GHZ))
  throw new Error('ghz is not installed: GOBIN=$PWD/.tools go install github.com/bojand/ghz/cmd/ghz@v0.117.0');
const folder = mkdtempSync(join(tmpdir(), 'keyway-bench-'));
writeFileSync(join(folder, 'message'), MESSAGE);
try {
  await startListening(
    ['taskset', '-c', BACKEND_CORE, process.execPath, file('./support/backend.ts'), String(PORT), '1'],
    PORT,
  );
  await compare(folder);
  if (WATCHES > 0) await holdWatches();
} finally {
  await endAll();
  rmSync(folder, { recursive: true });
}
