import { stringify } from 'yaml';
import { changeTopology, giveUpChange, HandoffAborted } from '../../src/handoff/index.ts';
import { registerNode } from '../../src/node/index.ts';
import {
  isUnderWay,
  nodeValue,
  type Registry,
  type RegistryDescription,
  routerValue,
  StoreUnavailable,
  VersionConflict,
} from '../../src/registry/index.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import { formatDuration } from '../../src/runtime/quantity.ts';
import {
  checkTopology,
  defaultWaves,
  type Topology,
  type TopologyDraft,
  topologyText,
  type WaveRules,
} from '../../src/topology/index.ts';
import { Cable } from '../support/cable.ts';
import { freePorts, type Scope } from '../support/processes.ts';
import { etcd, registryOn, remote, type Server, type StoreUnderTest } from '../support/registries.ts';
import type { Version } from './history.ts';
import { participatingShard, plainShard, referenceShard, shardBehindSidecar } from './shards.ts';
import { VersionRecorder } from './version-recorder.ts';
import { Documents, type Link, NAME, type Router, type Shard, type ShardProcess, Victim, type World } from './world.ts';

/** Short, so that a run of minutes sees them end many times, and long enough for a machine that has other things to do. */
const ROUTER_LEASE_MS = 5000;
const SHARD_LEASE_MS = 4000;
/** An agent lets its backend serve for a third of it at a time, which has to be enough for a busy machine, too. */
const AGENT_LEASE_MS = 9000;
const FAILOVER_AFTER_MS = 2000;

/** Of a plain shard: two failures in a row, and its node is unhealthy. */
const HEALTH = { intervalMs: 500, timeoutMs: 1000, unhealthyAfter: 2, healthyAfter: 1 };

/** The same of a sidecar or an agent, which waits for three. */
const CHECKS = ['--health', 'grpc', '--check', '400ms'];

/** WatchEvent.document.revision goes into WatchRequest.after_revision. */
const REPLAY = { how: 'replay', resume: { protobuf: { seen: [2, 3], into: [2], absent: 0 } } };
/** Also of what may have been carried out. */
const REPEATS = { attempts: 3, idempotent: true };

type StoreKind = 'embedded' | 'etcd';

/**
 * Whether shards take part in handoffs as the reference shard does, know nothing of Keyway, do not and have sidecars that take part, or are told of each
 * step by an agent, half of them by HTTP and half by gRPC; of mixed ones two in five are reference shards.
 */
export type ShardKinds = 'fencing' | 'plain' | 'mixed' | 'sidecar' | 'participant';

interface KeywayWorldOptions {
  readonly store: StoreKind;
  readonly kinds?: ShardKinds;
  readonly routers: number;
  readonly shards: number;
  /** A file with how the shards keep house; else as they do by themselves. */
  readonly housekeeping?: string;
  readonly waves?: WaveRules;
}

/** Keyway with a registry, and cables between its processes. */
export class KeywayWorld implements World {
  readonly registryServer: Server;
  readonly registry: Registry;
  readonly routers: readonly Router[];
  readonly shards: readonly Shard[];
  readonly companions: readonly ShardProcess[];
  readonly plain: readonly string[];
  readonly documents: Documents;
  readonly #under: StoreUnderTest;
  readonly #recorder: VersionRecorder;

  private constructor(
    under: StoreUnderTest,
    registry: Registry,
    recorder: VersionRecorder,
    {
      routers,
      shards,
      companions,
      plain,
      documents,
    }: Pick<World, 'routers' | 'shards' | 'companions' | 'plain' | 'documents'>,
  ) {
    this.#under = under;
    this.registryServer = under.servers[0] as Server;
    this.registry = registry;
    this.#recorder = recorder;
    this.routers = routers;
    this.shards = shards;
    this.companions = companions;
    this.plain = plain;
    this.documents = documents;
  }

  static async start(scope: Scope, options: KeywayWorldOptions): Promise<KeywayWorld> {
    const {
      store,
      kinds = 'fencing',
      routers: routerCount,
      shards: shardCount,
      housekeeping,
      waves = defaultWaves,
    } = options;
    const under = store === 'etcd' ? await etcd(scope, 1) : await remote(scope);
    const registry = registryOn(under.open(), scope);
    const recorder = new VersionRecorder(registry);
    scope.defer(() => recorder.stop());
    const where = registryAddress(under.config);
    const ports = await freePorts(2 * shardCount + 2 * routerCount);
    const besidePorts = ports.splice(0, shardCount);
    const documents = new Documents(scope);
    const plain: string[] = [];
    const companions: ShardProcess[] = [];
    const shards = await Promise.all(
      ports.slice(0, shardCount).map(async (port, i) => {
        const [id, address] = [`s${i}`, `127.0.0.1:${port}`];
        if (kinds === 'plain' || (kinds === 'mixed' && i % 5 > 1)) {
          plain.push(id);
          return plainShard(scope, id, address, documents, kinds === 'mixed');
        }
        const cable = await cableTo(scope, where);
        const through = store === 'etcd' ? `etcd:${cable.address}` : cable.address;
        const leaseMs = kinds === 'participant' ? AGENT_LEASE_MS : SHARD_LEASE_MS;
        const part = ['--cluster', NAME.cluster, '--registry', through, '--lease', formatDuration(leaseMs)];
        const tasks = housekeeping === undefined ? [] : ['--housekeeping', housekeeping];
        const links = [{ from: 'the registry', cable }] as const;
        if (kinds === 'sidecar' || kinds === 'participant') {
          const own = [...part, ...CHECKS];
          const beside = `127.0.0.1:${besidePorts[i]}`;
          const { shard, companion } =
            kinds === 'sidecar'
              ? await shardBehindSidecar(scope, id, [beside, address], documents, own, links)
              : await participatingShard(scope, id, [address, beside], documents, own, links, i % 2 === 1);
          if (kinds === 'sidecar') plain.push(id);
          companions.push(companion);
          return shard;
        }
        return referenceShard(scope, id, address, documents, [...part, ...tasks], links);
      }),
    );
    await Promise.all(shards.map((shard) => shard.start()));
    await Promise.all(companions.map((companion) => companion.start()));
    await registry.topologies.commit(topologyOf(shards, kinds, waves));
    if (companions.length === 0)
      for (const { id, addresses } of shards) if (plain.includes(id)) await register(scope, under, id, addresses[0]);
    const routers = await Promise.all(
      Array.from({ length: routerCount }, async (_, i) => {
        const [port, admin] = ports.slice(shardCount + 2 * i) as [number, number];
        return routerOf(scope, i, port, admin, store, await cableTo(scope, where));
      }),
    );
    await Promise.all(routers.map((router) => router.start()));
    return new KeywayWorld(under, registry, recorder, { routers, shards, companions, plain, documents });
  }

  async topology(): Promise<Topology> {
    return (await this.registry.topologies.read(NAME)) as Topology;
  }

  versions(keys: readonly string[]): Promise<Version[]> {
    return this.#recorder.versions(keys);
  }

  /** As `keyway topology apply` does. What the registry refuses, or cannot be asked, does not come about. */
  async change(before: Topology, draft: TopologyDraft, what: string, lost: readonly string[] = []): Promise<boolean> {
    const how = { expected: before.version, reason: what, candidate: 'chaos', clock: machineClock, lost };
    try {
      await changeTopology(this.registry, draft, how);
      return true;
    } catch (error) {
      if (error instanceof VersionConflict || error instanceof HandoffAborted || error instanceof StoreUnavailable)
        return false;
      throw error;
    }
  }

  async abort(): Promise<void> {
    const who = { candidate: 'chaos', clock: machineClock };
    const given = await giveUpChange(this.registry, NAME, 'chaos', who);
    if (given?.back != null)
      await this.change(given.current as Topology, given.back, 'what has moved goes back', given.lost);
  }

  compact(): Promise<void> {
    return this.#under.compact();
  }

  /** Everybody is there, nothing is under way, and every router serves the current version. */
  async missing(): Promise<string | null> {
    const { handoff, pointer, nodes } = await this.registry.handoffs.read(NAME);
    if (handoff !== null && isUnderWay(handoff)) return `a handoff is under way: ${JSON.stringify(handoff)}`;
    if ((await this.topology()).moving !== undefined) return 'keys are on their way';
    const members = await this.registry.members.list('router');
    if (members.length !== this.routers.length) return `${members.length} routers are there`;
    for (const { name, value } of members) {
      const version = routerValue(value).versions[topologyText(NAME)];
      if (version !== pointer?.version) return `router ${name} is at version ${version}, not ${pointer?.version}`;
    }
    const there = await this.registry.members.list('node', `${topologyText(NAME)}/`);
    const well = there.filter(({ value }) => nodeValue(value).healthy);
    if (well.length !== this.shards.length) return `${well.length} shards are there and well`;
    const fencing = nodes.filter((node) => node.fencing).length;
    const expected = this.companions.length > 0 ? this.shards.length : this.shards.length - this.plain.length;
    return fencing === expected ? null : `${fencing} shards take part`;
  }
}

async function cableTo(scope: Scope, address: string): Promise<Cable> {
  const cable = await Cable.to(address);
  scope.defer(() => cable.close());
  return cable;
}

/** As the sidecar of a plain shard does, which sees of it what routers see. */
async function register(scope: Scope, under: StoreUnderTest, shard: string, address: string): Promise<void> {
  const node = registerNode(
    {
      registry: under.config as RegistryDescription,
      cluster: NAME.cluster,
      shard,
      address,
      leaseMs: SHARD_LEASE_MS,
      health: { check: { grpc: { service: '' } }, ...HEALTH },
    },
    { clock: machineClock, timeOfDayMs: Date.now, random: Math.random },
  );
  scope.defer(() => node.leave().catch(() => {}));
  await node.ready;
}

function registryAddress(config: object): string {
  const { remote: served, etcd: cluster } = config as {
    remote?: { address: string };
    etcd?: { endpoints: readonly string[] };
  };
  return served?.address ?? (cluster?.endpoints[0] as string);
}

function topologyOf(shards: readonly Shard[], kinds: ShardKinds, waves: WaveRules): TopologyDraft {
  const document = {
    ...NAME,
    placement: { ringHash: {} },
    // A plain shard changes its address: with one of them it keeps its keys, with the other it does not.
    hashOn: kinds === 'plain' ? 'id' : 'address',
    failover: { afterMs: FAILOVER_AFTER_MS },
    waves,
    shards: shards.map(({ id, addresses: [address] }) => ({ id, address })),
  };
  return checkTopology(document, 'the cluster');
}

async function routerOf(
  scope: Scope,
  i: number,
  port: number,
  admin: number,
  store: StoreKind,
  cable: Cable,
): Promise<Router> {
  const address = `127.0.0.1:${port}`;
  const front = await cableTo(scope, address);
  const where = store === 'etcd' ? { etcd: { endpoints: [cable.address] } } : { remote: { address: cable.address } };
  const route = {
    cluster: NAME.cluster,
    watch: ['/keyway.shard.v1.Documents/Watch', '/live'],
    // One of them has its clients notice nothing.
    onMove: i === 0 ? REPLAY : { how: 'goaway' },
    grpcWeb: 'translate',
  };
  const repeats = { match: { prefix: '/', headers: { 'x-repeat': { exact: 'yes' } } }, retries: REPEATS };
  const config = scope.file(
    'keyway.yaml',
    stringify({
      listen: [{ address }],
      admin: { address: `127.0.0.1:${admin}` },
      drainTimeout: '1s',
      registry: { ...where, keepIn: scope.folder(), lease: formatDuration(ROUTER_LEASE_MS) },
      drain: { window: '300ms', pushback: '100ms' },
      hold: { wait: '8s' },
      routes: [
        { ...route, ...repeats },
        { ...route, match: { prefix: '/' } },
      ],
      // One of them has threads.
      workers: i === 1 ? 2 : 1,
      // While an owner is being started again its requests wait, within their own deadlines.
      clusters: { [NAME.cluster]: { fromRegistry: {}, waitForOwner: '1s' } },
    }),
  );
  const links: readonly Link[] = [
    { from: 'the registry', cable },
    { from: 'its clients', cable: front },
  ];
  const victim = new Victim(`router r${i}`, links, async () => {
    const running = scope.keyway(['router', '--config', config]);
    await running.printed(/listening on/);
    return running;
  });
  return Object.assign(victim, { endpoint: front.address });
}
