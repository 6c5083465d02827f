import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { addressText, type HostPort } from '../../../runtime/address.ts';
import { Program } from './program.ts';
import type { RedisDevOptions } from './redis-dev-options.ts';
import { until } from './until.ts';

const run = promisify(execFile);
/** Nodes of Redis speak with each other at a port that is so much higher. */
const BUS_OFFSET = 10_000;
const NODES = 6;
const REPLICAS_OF_EACH = 1;

/** Where the servers are: three primaries, then a replica of each. */
export function redisNodes({ host, port }: HostPort): HostPort[] {
  return Array.from({ length: NODES }, (_, i) => ({ host, port: port + i }));
}

/** The ports by which they speak with each other. */
export function busOf({ host, port }: HostPort): HostPort {
  return { host, port: port + BUS_OFFSET };
}

/**
 * Starts six servers and makes a cluster of them, where they are not one already.
 * @param started has them also where one fails
 */
export async function startRedisNodes(
  nodes: readonly HostPort[],
  options: RedisDevOptions,
  started: Program[],
  stopping: AbortSignal,
): Promise<void> {
  for (const node of nodes) {
    stopping.throwIfAborted();
    started.push(await Program.start(programOf(node, options)));
  }
  const [first] = nodes as [HostPort, ...HostPort[]];
  for (const node of nodes)
    await until(`${addressText(node)} answers`, stopping, async () => (await infoOf(node)) !== '');
  if (/^cluster_known_nodes:1\r?$/m.test(await infoOf(first)))
    await redisCli(first, [
      ...['--cluster', 'create', ...nodes.map(addressText)],
      ...['--cluster-replicas', String(REPLICAS_OF_EACH), '--cluster-yes'],
    ]);
  for (const node of nodes)
    await until(`${addressText(node)} is part of the cluster`, stopping, () => isPartOfWhole(node));
}

function programOf({ host, port }: HostPort, { data, onNews }: RedisDevOptions): Parameters<typeof Program.start>[0] {
  const folder = join(data, `redis-${port}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    name: `redis-server ${addressText({ host, port })}`,
    command: 'redis-server',
    packages: 'Redis 7 (Debian: redis-server)',
    log: join(data, `redis-${port}.log`),
    onNews,
    args: [
      ...['--bind', host, '--port', String(port), '--dir', folder, '--appendonly', 'yes', '--save', ''],
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', host],
      // Bound to loopback; replicas come from another address of it than 127.0.0.1.
      ...['--protected-mode', 'no'],
    ],
  };
}

/** CLUSTER INFO of a node; empty as long as it does not answer. */
async function infoOf(node: HostPort): Promise<string> {
  try {
    return await redisCli(node, ['CLUSTER', 'INFO']);
  } catch {
    return '';
  }
}

async function redisCli({ host, port }: HostPort, args: readonly string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-h', host, '-p', String(port), ...args]);
  return stdout;
}

/** It sees all slots served, and who follows whom: what the controller finds is what it writes. */
async function isPartOfWhole(node: HostPort): Promise<boolean> {
  if (!/^cluster_state:ok\r?$/m.test(await infoOf(node))) return false;
  const lines = (await redisCli(node, ['CLUSTER', 'NODES'])).trim().split('\n');
  const replicas = lines.filter((line) => / (?:myself,)?slave [0-9a-f]{40} /.test(line));
  return lines.length === NODES && replicas.length === NODES / (1 + REPLICAS_OF_EACH);
}
