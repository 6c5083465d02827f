import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseConfig } from '../../../config/index.ts';
import { checkFree } from '../../../io/index.ts';
import { DEFAULT_NAMESPACE } from '../../../registry/index.ts';
import { openRegistry } from '../../../registry/store/index.ts';
import { addressText, type HostPort } from '../../../runtime/address.ts';
import { listenFault } from '../../../runtime/foreign-errors.ts';
import { machine } from '../../../runtime/machine-clock.ts';
import { writePrivateFile } from '../../../runtime/private-file.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { RouterProcess } from '../../router-process.ts';
import { type MetadataMember, metadataMembers, startMetadata } from './metadata-cluster.ts';
import { Program } from './program.ts';
import type { RedisDevOptions } from './redis-dev-options.ts';
import { busOf, redisNodes, startRedisNodes } from './redis-nodes.ts';
import { until } from './until.ts';

const CLUSTER = 'cache';

/** What has been started, for people. */
export interface RedisDevCluster {
  /** Addresses, `host:port`. */
  readonly endpoint: string;
  readonly admin: string;
  readonly nodes: readonly string[];
  readonly metadata: readonly string[];
  /** The config that the router uses. */
  readonly file: string;
  readonly programs: ReadonlyArray<{ readonly name: string; readonly pid: number }>;
}

/**
 * Starts all of it, one after the other: the metadata cluster, the servers, the controller that writes their topology, and the router in this process.
 * @param started takes what has to be stopped, in its order
 * @param stopping aborted where nothing more may be started
 * @throws UsageError where a port is taken, or a program is missing
 */
export async function startRedisDevCluster(
  options: RedisDevOptions,
  started: AsyncDisposableStack,
  stopping: AbortSignal,
): Promise<RedisDevCluster> {
  const { data, settings } = options;
  const nodes = redisNodes(options.nodes);
  const fronts = redisNodes(options.listen);
  const members = metadataMembers(options.metadataHost);
  await checkAllFree(options, fronts, nodes, members);
  const programs: Program[] = [];
  started.defer(async () => void (await Promise.all(programs.map((program) => program.stop()))));
  await startMetadata(members, options, programs, stopping);
  await startRedisNodes(nodes, options, programs, stopping);
  const registry = { etcd: { endpoints: members.map(({ client }) => addressText(client)) } };
  await startController(options, registry, nodes, programs, stopping);
  const file = join(data, 'keyway.yaml');
  const text = routerConfig(options, registry, fronts);
  writePrivateFile(file, text);
  const router = new RouterProcess(parseConfig(text, file), settings);
  await router.start();
  started.defer(() => router.stop());
  return {
    endpoint: addressText(options.listen),
    admin: addressText(options.admin),
    nodes: nodes.map(addressText),
    metadata: members.map(({ client }) => addressText(client)),
    file,
    programs,
  };
}

/** Before anything is started: half a cluster is of no use to anybody. */
async function checkAllFree(
  { admin, settings }: RedisDevOptions,
  fronts: readonly HostPort[],
  nodes: readonly HostPort[],
  members: readonly MetadataMember[],
): Promise<void> {
  const wanted: ReadonlyArray<readonly [setting: string, addresses: readonly HostPort[]]> = [
    [settings.listenAt, fronts],
    [settings.adminAt, [admin]],
    [settings.nodesAt, [...nodes, ...nodes.map(busOf)]],
    [settings.metadataAt, members.flatMap(({ peer, client }) => [peer, client])],
  ];
  for (const [setting, addresses] of wanted)
    for (const address of addresses)
      await checkFree(address).catch((cause: unknown) => {
        throw new UsageError(listenFault(cause, setting), { cause });
      });
}

interface EtcdRegistry {
  readonly etcd: { readonly endpoints: readonly string[] };
}

/** Starts what leads the servers, and waits until it has written their topology. */
async function startController(
  { data, command, onNews }: RedisDevOptions,
  registry: EtcdRegistry,
  nodes: readonly HostPort[],
  programs: Program[],
  stopping: AbortSignal,
): Promise<void> {
  const file = join(data, 'controller.yaml');
  const clusters = { [CLUSTER]: { engine: 'redis', nodes: nodes.map(addressText) } };
  writePrivateFile(file, stringify({ registry, clusters }));
  const log = join(data, 'controller.log');
  const args = [...process.execArgv, command, 'controller', '--config', file];
  programs.push(await Program.start({ name: 'controller', command: process.execPath, args, log, onNews }));
  const opened = openRegistry(registry, machine);
  try {
    const name = { namespace: DEFAULT_NAMESPACE, cluster: CLUSTER };
    await until('the topology is known', stopping, async () => (await opened.topologies.read(name)) !== null);
  } finally {
    await opened.close();
  }
}

/** Clients learn the servers from the router, and go to them; whatever port of the cluster they name, it answers. */
function routerConfig({ admin }: RedisDevOptions, registry: EtcdRegistry, fronts: readonly HostPort[]): string {
  const redis = { cluster: CLUSTER, mode: 'direct', metaraft: registry.etcd.endpoints };
  return stringify({
    listen: fronts.map((address) => ({ address: addressText(address), redis })),
    // People read this terminal.
    log: { level: 'warn' },
    admin: { address: addressText(admin) },
    drainTimeout: '5s',
    registry: { ...registry, keepIn: 'topologies' },
    clusters: { [CLUSTER]: { upstream: { protocol: 'redis' }, fromRegistry: {}, waitForOwner: '20s' } },
  });
}
