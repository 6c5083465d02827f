/**
 * `npm run bench:http1`: HTTP/1.1 clients (wrk) through Keyway and every peer that is installed, to HTTP/1.1 and to HTTP/2
 * backends, one run. Rounds go round the peers; medians of CPU a request are told, as in `npm run bench`.
 *
 *   node bench/http1.ts [--rounds 3] [--seconds 2]
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { BACKEND_COMMAND, BACKEND_PORT, BACKENDS, envoyCommand, installed, keywayCommand } from './peers/index.ts';
import { cpuSeconds } from './support/process-cost.ts';
import { endAll, median, startListening } from './support/programs.ts';

const CONNECTIONS = [1, 10, 100] as const;
/** A JIT compiler needs this long to be itself. */
const WARM_UP_SECONDS = 1;

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const envoy = envoyCommand('bench-http1.yaml');
const haproxy = ['haproxy', '-f', file('./peers/haproxy-http1.cfg')];
const nginx = ['nginx', '-c', file('./peers/nginx-http1.conf')];

/** A peer's port for one kind of backend; peers with the same command are one process. */
const WAYS = [
  { peer: 'keyway', backend: 'HTTP/1.1', port: 18310, command: keywayCommand('keyway-http1.yaml') },
  { peer: 'envoy', backend: 'HTTP/1.1', port: 18311, command: envoy },
  { peer: 'haproxy', backend: 'HTTP/1.1', port: 18313, command: haproxy },
  { peer: 'nginx', backend: 'HTTP/1.1', port: 18315, command: nginx },
  { peer: 'keyway', backend: 'HTTP/2', port: 18300, command: keywayCommand('keyway.yaml') },
  { peer: 'envoy', backend: 'HTTP/2', port: 18312, command: envoy },
  { peer: 'haproxy', backend: 'HTTP/2', port: 18314, command: haproxy },
] as const;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '2' } },
});

async function load(port: number, connections: number, seconds: number): Promise<{ requests: number; errors: number }> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}`, '-H', 'x-shard-key: project-1/document-1'];
  const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${port}/get/100`]);
  const [, requests = '0'] = /(\d+) requests in/.exec(stdout) ?? [];
  const [, failed = '0'] = /Non-2xx or 3xx responses: (\d+)/.exec(stdout) ?? [];
  const socketErrors = /Socket errors: .*/.exec(stdout)?.[0].match(/\d+/g)?.map(Number) ?? [];
  return { requests: Number(requests), errors: Number(failed) + socketErrors.reduce((sum, each) => sum + each, 0) };
}

async function main(): Promise<void> {
  if (!installed(['wrk'])) throw new Error('wrk is missing; apt-get install wrk haproxy nginx');
  const present = WAYS.filter(({ command }) => installed(command));
  await startListening(BACKEND_COMMAND, BACKEND_PORT + BACKENDS - 1);
  const processes = new Map<readonly string[], ChildProcess>();
  for (const { command, port } of present)
    if (!processes.has(command)) processes.set(command, await startListening(command, port));
  const lines = [
    '| clients over HTTP/1.1, backend | peer | CPU us/request | requests/s | Keyway / peer |',
    '|---|---|---|---|---|',
  ];
  for (const connections of CONNECTIONS) {
    const samples = new Map(
      present.map((way) => [way, { cpuUs: [] as number[], perSecond: [] as number[], errors: 0 }]),
    );
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [{ command, port }, sample] of samples) {
        const { pid = 0 } = processes.get(command) as ChildProcess;
        await load(port, connections, WARM_UP_SECONDS);
        const before = cpuSeconds(pid);
        const { requests, errors } = await load(port, connections, Number(values.seconds));
        sample.cpuUs.push(((cpuSeconds(pid) - before) / requests) * 1e6);
        sample.perSecond.push(requests / Number(values.seconds));
        sample.errors += errors;
      }
    }
    for (const [{ peer, backend: kind }, { cpuUs, perSecond, errors }] of samples) {
      const own = [...samples].find(([way]) => way.peer === 'keyway' && way.backend === kind)?.[1].cpuUs ?? [];
      const ratio = median(own) / median(cpuUs);
      const failed = errors > 0 ? ` (${errors} errors)` : '';
      lines.push(
        `| ${kind}, c=${connections} | ${peer} | ${median(cpuUs).toFixed(1)} | ${Math.round(median(perSecond))}${failed} | ${ratio.toFixed(2)} |`,
      );
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

try {
  await main();
} finally {
  await endAll();
}
process.exit(0);
