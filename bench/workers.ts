/**
 * `npm run bench:workers`: what threads cost. The same load through one worker and through two, which share the port by
 * SO_REUSEPORT, and through two processes of one worker each behind ports of their own: CPU a request and memory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { startBackends } from './support/backend.ts';
import { runLoad } from './support/load.ts';
import { cpuSeconds, residentBytes } from './support/process-cost.ts';

const BACKEND_PORT = 18211;
const ROUNDS = 3;
const KEYWAY = fileURLToPath(new URL('../src/cli/keyway.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyway-bench-'));

async function startRouter(workers: number): Promise<{ child: ChildProcess; port: number }> {
  const file = join(folder, `${workers}-${Math.random()}.yaml`);
  const shards = [0, 1, 2].map((i) => ({ id: `s${i}`, address: `127.0.0.1:${BACKEND_PORT + i}` }));
  writeFileSync(
    file,
    stringify({
      listen: [{ address: '127.0.0.1:0' }],
      admin: { address: '127.0.0.1:0' },
      workers,
      routes: [{ match: { prefix: '/' }, cluster: 'bench' }],
      clusters: { bench: { shards } },
    }),
  );
  const child = spawn(process.execPath, [KEYWAY, 'router', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))));
  return { child, port: Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]) };
}

interface Setup {
  readonly name: string;
  readonly routers: ReadonlyArray<{ child: ChildProcess; port: number }>;
}

async function measure({ routers }: Setup, streams: number): Promise<number> {
  const cpu = (): number => routers.reduce((sum, { child }) => sum + cpuSeconds(child.pid as number), 0);
  const marks: number[] = [];
  const results = await Promise.all(
    routers.map(({ port }, i) =>
      runLoad(
        {
          port,
          connections: 40 / routers.length,
          streams,
          path: '/grpc/100',
          requestBytes: 100,
          keys: 10_000,
          warmUpMs: 700,
          measureMs: 1500,
        },
        () => i === 0 && marks.push(cpu()),
        () => i === 0 && marks.push(cpu()),
      ),
    ),
  );
  const requests = results.reduce((sum, each) => sum + each.requests, 0);
  return (((marks[1] ?? 0) - (marks[0] ?? 0)) / requests) * 1e6;
}

const endBackends = await startBackends(BACKEND_PORT, 3);
const setups: Setup[] = [
  { name: 'one worker', routers: [await startRouter(1)] },
  { name: 'two workers (threads)', routers: [await startRouter(2)] },
  { name: 'two processes', routers: [await startRouter(1), await startRouter(1)] },
];
console.log('| set-up | us per request, c=40 m=1 | c=40 m=10 | MB |');
console.log('| --- | --- | --- | --- |');
const costs = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const setup of setups) {
    for (const streams of [1, 10]) {
      const place = `${setup.name} ${streams}`;
      costs.set(place, [...(costs.get(place) ?? []), await measure(setup, streams)]);
    }
  }
}
for (const { name, routers } of setups) {
  const median = (streams: number): string =>
    ([...(costs.get(`${name} ${streams}`) ?? [])].sort((a, b) => a - b)[1] ?? Number.NaN).toFixed(2);
  const megabytes = routers.reduce((sum, { child }) => sum + residentBytes(child.pid as number), 0) / 2 ** 20;
  console.log(`| ${name} | ${median(1)} | ${median(10)} | ${megabytes.toFixed(0)} |`);
}
for (const { routers } of setups) for (const { child } of routers) child.kill();
endBackends();
rmSync(folder, { recursive: true });
process.exit(0);
