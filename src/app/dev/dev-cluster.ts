import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { parseConfig } from '../../config/index.ts';
import { checkFree } from '../../io/index.ts';
import { DEFAULT_NAMESPACE, isUnderWay, Registry, type SqliteStore } from '../../registry/index.ts';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { writePrivateFile } from '../../runtime/private-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { checkTopology, type TopologyDraft } from '../../topology/index.ts';
import { RouterProcess, type SettingNames } from '../router-process.ts';
import { serveRegistry } from '../served-registry.ts';
import { ShardProcess, type ShardProcessOptions } from './shard-process.ts';

const CLUSTER = 'docs';
const FIRST_SHARD_PORT = 9101;

/** A cluster on this machine, to try things on. */
export interface DevClusterOptions {
  readonly shards: number;
  readonly listen: HostPort;
  readonly admin: HostPort;
  readonly registry: HostPort;
  /** The folder where all of it is kept. */
  readonly data: string;
  /** The file of the `keyway` command, to start shards with. */
  readonly command: string;
  /** What people call the settings of addresses. */
  readonly settings: SettingNames & { readonly registryAt: string };
  /** Called with what becomes of shards that end by themselves. */
  readonly onNews: (news: string) => void;
  /** Called at the end with what was lost. */
  readonly onFault: (fault: string) => void;
}

/** What has been started, for people. */
export interface DevCluster {
  /** Addresses, `host:port`. */
  readonly endpoint: string;
  readonly admin: string;
  readonly registry: string;
  /** The config that the router uses. */
  readonly file: string;
  /** Of the topology. */
  readonly version: number;
  readonly shards: ReadonlyArray<Pick<ShardProcess, 'id' | 'address' | 'pid'>>;
}

/**
 * Starts all of it, one after the other: the registry, the shards, and the router in this process.
 * @param started takes what has to be stopped, in its order
 * @param stopping aborted where nothing more may be started
 */
export async function startDevCluster(
  options: DevClusterOptions,
  started: AsyncDisposableStack,
  stopping: AbortSignal,
): Promise<DevCluster> {
  const { settings } = options;
  const registry = await serveRegistry(
    {
      listen: options.registry,
      data: join(options.data, 'registry.sqlite'),
      listenAt: settings.registryAt,
    },
    options.onFault,
  );
  started.defer(() => registry.close());
  const shards: ShardProcess[] = [];
  started.defer(async () => void (await Promise.all(shards.map((shard) => shard.stop()))));
  const registryAddress = addressText({ host: options.registry.host, port: registry.port });
  await startShards(options, registryAddress, shards, stopping);
  const version = await register(registry.store, topologyOf(shards));
  const file = join(options.data, 'keyway.yaml');
  const text = configText(options, registryAddress);
  writePrivateFile(file, text);
  const router = new RouterProcess(parseConfig(text, file), settings);
  const { ports, adminPort } = await router.start();
  started.defer(() => router.stop());
  const endpoint = addressText({ host: options.listen.host, port: ports[0] as number });
  const admin = addressText({ host: options.admin.host, port: adminPort });
  return { endpoint, admin, registry: registryAddress, file, version, shards };
}

/** A shard that finds its port taken comes up at another, and keeps its keys: they are placed by the ids. */
function topologyOf(shards: readonly ShardProcess[]): TopologyDraft {
  return checkTopology(
    {
      namespace: DEFAULT_NAMESPACE,
      cluster: CLUSTER,
      placement: { ringHash: { minimumRingSize: 1024 } },
      shards: shards.map(({ id, address }) => ({ id, address })),
    },
    'the cluster',
  );
}

/** Puts the cluster into the registry, at a new version where it has changed. @returns the version */
async function register(store: SqliteStore, draft: TopologyDraft): Promise<number> {
  const { topologies, handoffs } = new Registry(store, machine);
  const name = { namespace: draft.namespace, cluster: draft.name };
  const { handoff } = await handoffs.read(name);
  // No router runs yet: no process needs what was under way when all of it was stopped.
  if (handoff !== null && isUnderWay(handoff)) await handoffs.abort(name, handoff, 'keyway dev starts over');
  const stored = await topologies.read(name);
  if (stored !== null && isDeepStrictEqual({ ...stored, version: null }, draft)) return stored.version;
  return (await topologies.commit(draft)).version;
}

function configText({ listen, admin }: DevClusterOptions, registry: string): string {
  return stringify({
    listen: [{ address: addressText(listen) }],
    // People read this terminal.
    log: { level: 'warn' },
    admin: { address: addressText(admin) },
    drainTimeout: '5s',
    registry: { remote: { address: registry }, keepIn: 'topologies' },
    // No traffic has to be spared here, and a user is watching.
    drain: { window: '500ms', pushback: '100ms' },
    routes: [
      {
        match: { prefix: '/' },
        cluster: CLUSTER,
        shardKey: { header: 'x-shard-key' },
        watch: ['/keyway.shard.v1.Documents/Watch'],
      },
    ],
    clusters: { [CLUSTER]: { fromRegistry: {} } },
  });
}

/** Starts shards one after the other, each at the next free port; `started` has them also where one fails. */
async function startShards(
  { shards, data, command, onNews }: DevClusterOptions,
  registry: string,
  started: ShardProcess[],
  stopping: AbortSignal,
): Promise<void> {
  const common = { command, cluster: CLUSTER, registry, file: join(data, 'documents.sqlite'), onNews };
  let port = FIRST_SHARD_PORT;
  for (let i = 0; i < shards; i++) {
    port = 1 + (await startShard(`s${i}`, port, common, started, stopping));
  }
}

/** Starts a shard at the first port from `from` on that it can have. @returns the port */
async function startShard(
  id: string,
  from: number,
  common: ShardProcessOptions,
  started: ShardProcess[],
  stopping: AbortSignal,
): Promise<number> {
  for (let port = from; port <= 65535; port++) {
    if (!(await isFree(port))) continue;
    stopping.throwIfAborted();
    const shard = new ShardProcess(id, port, common);
    started.push(shard);
    try {
      await shard.start();
      return port;
    } catch (cause) {
      // Another program, such as a second cluster that starts beside this one, has taken the port meanwhile.
      if (await isFree(port)) throw cause;
      started.pop();
    }
  }
  throw new UsageError(`no port from ${from} on is free`);
}

/** Whether a shard could listen on a port: no other program has it, and this user may. */
function isFree(port: number): Promise<boolean> {
  return checkFree({ host: '127.0.0.1', port }).then(
    () => true,
    () => false,
  );
}
