import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Reply, RespClient, textOf } from '../../src/resp/index.ts';
import { eventually } from '../support/cluster.ts';
import { freePorts, type Running, type Scope } from '../support/processes.ts';

/** A node of a real Redis cluster. */
export interface ClusterNode {
  readonly port: number;
  readonly busPort: number;
  /** What it knows of its cluster is in there. */
  readonly folder: string;
  /** Redis's server, or a relative's, and what it was told besides. */
  readonly program: string;
  readonly args: readonly string[];
  readonly process: Running;
}

/** A node that fails is held for dead so soon. */
const NODE_TIMEOUT_MS = 1500;

interface ClusterSetup {
  readonly primaries?: number;
  /** Of each. */
  readonly replicas?: number;
  /** Of the servers: Redis's, or a relative's. */
  readonly program?: string;
  readonly args?: readonly string[];
}

/** A real Redis cluster on loopback: nodes that keep nothing, primaries first, each with as many replicas. */
export async function startRedisCluster(
  scope: Scope,
  { primaries = 3, replicas = 1, program = 'redis-server', args = [] }: ClusterSetup = {},
): Promise<readonly ClusterNode[]> {
  const count = primaries * (1 + replicas);
  const ports = await freePorts(2 * count);
  const nodes = ports.slice(0, count).map((port, i) => {
    const busPort = ports[count + i] as number;
    return startNode(scope, { port, busPort, folder: scope.folder(), program, args });
  });
  await Promise.all(nodes.map(({ port }) => eventually(() => answers(port))));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes'];
  await redisCli(...create);
  await Promise.all(nodes.map(({ port }) => eventually(() => isWhole(port, count, primaries * replicas))));
  return nodes;
}

/** A node of no cluster, that is empty. */
export async function startEmptyNode(scope: Scope, program = 'redis-server'): Promise<ClusterNode> {
  const [port = 0, busPort = 0] = await freePorts(2);
  const node = startNode(scope, { port, busPort, folder: scope.folder(), program, args: [] });
  await eventually(() => answers(port));
  return node;
}

/** Starts a node again that has ended, with what it knew of its cluster. */
export async function restartNode(scope: Scope, node: ClusterNode): Promise<ClusterNode> {
  const started = startNode(scope, node);
  await eventually(() => answers(node.port));
  return started;
}

function startNode(scope: Scope, node: Omit<ClusterNode, 'process'>): ClusterNode {
  const { port, busPort, folder, program, args } = node;
  const process = scope.run(program, [
    ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-config-file', 'nodes.conf'],
    ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--repl-diskless-sync-delay', '0'],
    ...['--cluster-replica-validity-factor', '0', '--repl-ping-replica-period', '1'],
    ...args,
  ]);
  return { ...node, process };
}

/** Asks a node one thing. */
export async function askNode(port: number, ...words: string[]): Promise<Reply> {
  const client = await RespClient.connect({ target: { host: '127.0.0.1', port }, certificates: null }, null, 5000);
  try {
    return await client.ask(words);
  } finally {
    client.close();
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    return textOf(await askNode(port, 'PING')) === 'PONG';
  } catch {
    return false;
  }
}

async function isWhole(port: number, nodes: number, replicas: number): Promise<boolean> {
  const info = textOf(await askNode(port, 'CLUSTER', 'INFO')) ?? '';
  const lines = (textOf(await askNode(port, 'CLUSTER', 'NODES')) ?? '').trim().split('\n');
  const following = lines.filter((line) => line.includes('slave') && line.includes(' connected')).length;
  return info.includes('cluster_state:ok') && lines.length === nodes && following === replicas;
}

/** What redis-cli prints. */
export async function redisCli(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-cli', args, { maxBuffer: 2 ** 26 });
  return stdout.trim();
}

/** The lines of CLUSTER NODES, each cut into words. */
export async function nodesOf(port: number): Promise<readonly string[][]> {
  const text = textOf(await askNode(port, 'CLUSTER', 'NODES')) ?? '';
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
}
