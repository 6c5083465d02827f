/**
 * `npm run bench:observability`: what it costs a request that somebody looks: a router as it is, one whose metrics are fetched
 * every second, and one with an access log of 1% and spans of 0.1% of the requests besides. Rounds go round; medians are told.
 *
 *   node bench/observability.ts [--rounds 5] [--seconds 3]
 */
import { createServer, get } from 'node:http';
import { parseArgs } from 'node:util';
import { BACKEND_COMMAND, BACKEND_PORT, BACKENDS, keywayCommand } from './peers/index.ts';
import { runLoad } from './support/load.ts';
import { cpuSeconds } from './support/process-cost.ts';
import { endAll, median, startListening } from './support/programs.ts';

const WARM_UP_MS = 1000;
const SCRAPE_MS = 1000;
const COLLECTOR_PORT = 18393;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' } },
});

const CASES = [
  { name: 'GET 100 B, c=10 m=10', path: '/get/100', requestBytes: 0, connections: 10, streams: 10 },
  { name: 'gRPC 100 B, c=10 m=10', path: '/grpc/100', requestBytes: 100, connections: 10, streams: 10 },
  { name: 'gRPC 100 B, c=100 m=1', path: '/grpc/100', requestBytes: 100, connections: 100, streams: 1 },
] as const;

async function measure(each: (typeof CASES)[number], port: number, pid: number): Promise<number> {
  let [before, after] = [0, 0];
  const { requests } = await runLoad(
    { ...each, port, keys: 10_000, warmUpMs: WARM_UP_MS, measureMs: Number(values.seconds) * 1000 },
    () => {
      before = cpuSeconds(pid);
    },
    () => {
      after = cpuSeconds(pid);
    },
  );
  return ((after - before) / requests) * 1e6;
}

/** The same router, looked at more and more. */
const ROUTERS = [
  { name: 'not observed', config: 'keyway.yaml', port: 18300, admin: 0 },
  { name: 'metrics', config: 'keyway-scraped.yaml', port: 18321, admin: 18394 },
  { name: 'metrics, 1% log, 0.1% spans', config: 'keyway-observed.yaml', port: 18320, admin: 18392 },
] as const;

async function main(): Promise<void> {
  const collector = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end('{}'));
  }).listen(COLLECTOR_PORT, '127.0.0.1');
  await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
  const running = [];
  for (const each of ROUTERS)
    running.push({ ...each, child: await startListening(keywayCommand(each.config), each.port) });
  const scrape = setInterval(() => {
    for (const { admin } of ROUTERS)
      if (admin > 0) get(`http://127.0.0.1:${admin}/metrics`, (response) => response.resume()).on('error', () => {});
  }, SCRAPE_MS);
  const names = ROUTERS.map(({ name }) => name).join(' | ');
  process.stdout.write(`| case | ${names} |\n| --- |${' --- |'.repeat(ROUTERS.length)}\n`);
  for (const each of CASES) {
    const samples = new Map(running.map((one) => [one, [] as number[]]));
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [{ port, child }, list] of samples) list.push(await measure(each, port, child.pid as number));
    const medians = [...samples.values()].map(median);
    const base = medians[0] ?? Number.NaN;
    const cells = medians.map((us) => `${us.toFixed(2)} us (${(us / base).toFixed(3)})`);
    process.stdout.write(`| ${each.name} | ${cells.join(' | ')} |\n`);
  }
  clearInterval(scrape);
  collector.close();
}

try {
  await main();
} finally {
  await endAll();
}
process.exit(0);
