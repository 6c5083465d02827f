import { stringify } from 'yaml';
import { changeTopology, HandoffAborted } from '../../src/handoff/index.ts';
import { machineClock } from '../../src/machine-clock.ts';
import {
  isUnderWay,
  nodeValue,
  type Registry,
  routerValue,
  StoreUnavailable,
  VersionConflict,
} from '../../src/registry/index.ts';
import { checkTopology, type Topology, type TopologyDraft, topologyText } from '../../src/topology/index.ts';
import { Cable } from '../support/cable.ts';
import { freePorts, type Scope } from '../support/processes.ts';
import { etcd, registryOn, remote, type Server } from '../support/registries.ts';
import type { Version } from './history.ts';
import { VersionRecorder } from './version-recorder.ts';
import { Documents, NAME, type Router, type Shard, shardOf, Victim, type World } from './world.ts';

/** Short, so that a run of minutes sees them end many times, and long enough for a machine that has other things to do. */
const ROUTER_LEASE_MS = 5000;
const SHARD_LEASE_MS = 4000;
const FAILOVER_AFTER_MS = 2000;

/** WatchEvent.document.revision goes into WatchRequest.after_revision. */
const REPLAY = { how: 'replay', resume: { protobuf: { seen: [2, 3], into: [2], absent: 0 } } };
/** Also of what may have been carried out. */
const REPEATS = { attempts: 3, idempotent: true };

type StoreKind = 'embedded' | 'etcd';

interface KeywayWorldOptions {
  readonly store: StoreKind;
  readonly routers: number;
  readonly shards: number;
  /** A file with how the shards keep house; else as they do by themselves. */
  readonly housekeeping?: string;
}

/** Keyway with a registry, a cable from each process to it. */
export class KeywayWorld implements World {
  readonly registryServer: Server;
  readonly registry: Registry;
  readonly routers: readonly Router[];
  readonly shards: readonly Shard[];
  readonly documents: Documents;
  readonly plain: readonly string[] = [];
  readonly #recorder: VersionRecorder;

  private constructor(
    server: Server,
    registry: Registry,
    recorder: VersionRecorder,
    routers: Router[],
    shards: Shard[],
    documents: Documents,
  ) {
    this.registryServer = server;
    this.registry = registry;
    this.#recorder = recorder;
    this.routers = routers;
    this.shards = shards;
    this.documents = documents;
  }

  static async start(
    scope: Scope,
    { store, routers: routerCount, shards: shardCount, housekeeping }: KeywayWorldOptions,
  ): Promise<KeywayWorld> {
    const under = store === 'etcd' ? await etcd(scope, 1) : await remote(scope);
    const registry = registryOn(under.open(), scope);
    const recorder = new VersionRecorder(registry);
    scope.defer(() => recorder.stop());
    const where = registryAddress(under.config);
    const cable = async (): Promise<Cable> => {
      const made = await Cable.to(where);
      scope.defer(() => made.close());
      return made;
    };
    const ports = await freePorts(shardCount + 2 * routerCount);
    const documents = new Documents(scope);
    const shards = await Promise.all(
      ports.slice(0, shardCount).map(async (port, i) => {
        const own = await cable();
        const address = store === 'etcd' ? `etcd:${own.address}` : own.address;
        const part = ['--cluster', NAME.cluster, '--registry', address, '--lease-ms', String(SHARD_LEASE_MS)];
        const tasks = housekeeping === undefined ? [] : ['--housekeeping', housekeeping];
        return shardOf(scope, `s${i}`, `127.0.0.1:${port}`, documents, [...part, ...tasks], own);
      }),
    );
    await Promise.all(shards.map((shard) => shard.start()));
    await registry.topologies.commit(topologyOf(shards));
    const routers = await Promise.all(
      Array.from({ length: routerCount }, async (_, i) => {
        const [port, admin] = ports.slice(shardCount + 2 * i) as [number, number];
        return routerOf(scope, i, port, admin, store, await cable());
      }),
    );
    await Promise.all(routers.map((router) => router.start()));
    return new KeywayWorld(under.servers[0] as Server, registry, recorder, routers, shards, documents);
  }

  async topology(): Promise<Topology> {
    return (await this.registry.topologies.read(NAME)) as Topology;
  }

  versions(keys: readonly string[]): Promise<Version[]> {
    return this.#recorder.versions(keys);
  }

  /** As `keyway topology apply` does. What the registry refuses, or cannot be asked, does not come about. */
  async change(before: Topology, draft: TopologyDraft, what: string): Promise<boolean> {
    const how = { expected: before.version, reason: what, candidate: 'chaos', clock: machineClock };
    try {
      await changeTopology(this.registry, draft, how);
      return true;
    } catch (error) {
      if (error instanceof VersionConflict || error instanceof HandoffAborted || error instanceof StoreUnavailable)
        return false;
      throw error;
    }
  }

  /** Everybody is there, nothing is under way, and every router serves the current version. */
  async missing(): Promise<string | null> {
    const { handoff, pointer, nodes } = await this.registry.handoffs.read(NAME);
    if (handoff !== null && isUnderWay(handoff)) return `a handoff is under way: ${JSON.stringify(handoff)}`;
    const members = await this.registry.members.list('router');
    if (members.length !== this.routers.length) return `${members.length} routers are there`;
    for (const { name, value } of members) {
      const version = routerValue(value).versions[topologyText(NAME)];
      if (version !== pointer?.version) return `router ${name} is at version ${version}, not ${pointer?.version}`;
    }
    const there = await this.registry.members.list('node', `${topologyText(NAME)}/`);
    const well = there.filter(({ value }) => nodeValue(value).healthy);
    if (well.length !== this.shards.length) return `${well.length} shards are there and well`;
    return nodes.length === this.shards.length ? null : `${nodes.length} shards are known`;
  }
}

function registryAddress(config: object): string {
  const { remote: served, etcd: cluster } = config as {
    remote?: { address: string };
    etcd?: { endpoints: readonly string[] };
  };
  return served?.address ?? (cluster?.endpoints[0] as string);
}

function topologyOf(shards: readonly Shard[]): TopologyDraft {
  const document = {
    ...NAME,
    placement: { ringHash: {} },
    hashOn: 'address',
    failover: { afterMs: FAILOVER_AFTER_MS },
    shards: shards.map(({ id, address }) => ({ id, address })),
  };
  return checkTopology(document, 'the cluster');
}

function routerOf(scope: Scope, i: number, port: number, admin: number, store: StoreKind, cable: Cable): Router {
  const endpoint = `127.0.0.1:${port}`;
  const where = store === 'etcd' ? { etcd: { endpoints: [cable.address] } } : { remote: { address: cable.address } };
  const route = {
    cluster: NAME.cluster,
    watch: ['/keyway.shard.v1.Documents/Watch'],
    // One of them has its clients notice nothing.
    onMove: i === 0 ? REPLAY : { how: 'goaway' },
    grpcWeb: 'translate',
  };
  const repeats = { match: { prefix: '/', headers: { 'x-repeat': { exact: 'yes' } } }, retries: REPEATS };
  const config = scope.file(
    'keyway.yaml',
    stringify({
      listen: [{ address: endpoint }],
      admin: { address: `127.0.0.1:${admin}` },
      drainSeconds: 1,
      registry: { ...where, keepIn: scope.folder(), leaseMs: ROUTER_LEASE_MS },
      drain: { windowMs: 300, pushbackMs: 100 },
      hold: { waitMs: 8000 },
      routes: [
        { ...route, ...repeats },
        { ...route, match: { prefix: '/' } },
      ],
      // One of them has threads.
      workers: i === 1 ? 2 : 1,
      // While an owner is being started again its requests wait, within their own deadlines.
      clusters: { [NAME.cluster]: { fromRegistry: {}, waitForOwnerMs: 1000 } },
    }),
  );
  const victim = new Victim(`router r${i}`, cable, async () => {
    const running = scope.keyway(['router', '--config', config]);
    await running.printed(/listening on/);
    return running;
  });
  return Object.assign(victim, { endpoint });
}
