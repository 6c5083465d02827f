import {
  type ApiSettings,
  type ClusterNodes,
  engines,
  type Leader,
  type LeadingSettings,
  type LedClusterSettings,
  MadeClusters,
  type MigrationQueue,
  type ShardKeeper,
  StoredQueue,
} from '../controller/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Shard, Topology, TopologyName } from '../topology/index.ts';
import type { Names } from './names.ts';
import { Refused } from './refusal.ts';
import { type ShownCluster, shownCluster } from './shown.ts';

/** The process that an API is a part of. */
export interface ApiProcess extends Leader {
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Aborted when it ends. */
  readonly signal: AbortSignal;
}

/** A cluster as it is in the registry. */
export interface StoredCluster {
  readonly name: TopologyName;
  readonly topology: Topology;
  readonly queue: MigrationQueue;
}

/** What all operations go by. */
export class Api {
  readonly registry: Registry;
  readonly made: MadeClusters;
  readonly process: ApiProcess;
  readonly #how: LeadingSettings;
  readonly #named: readonly LedClusterSettings[];

  constructor(
    registry: Registry,
    { clusters }: Pick<ApiSettings, 'clusters'>,
    named: readonly LedClusterSettings[],
    process: ApiProcess,
  ) {
    this.registry = registry;
    this.made = new MadeClusters(registry);
    this.process = process;
    this.#how = clusters;
    this.#named = named;
  }

  /** Whether the config names it. */
  isNamed({ namespace, cluster }: TopologyName): boolean {
    return this.#named.some(({ name }) => name.namespace === namespace && name.cluster === cluster);
  }

  /** How a cluster is led, also one that does not exist yet. */
  async howOf(name: TopologyName): Promise<LeadingSettings> {
    const { namespace, cluster } = name;
    const named = this.#named.find((each) => each.name.namespace === namespace && each.name.cluster === cluster);
    return named ?? { ...this.#how, engine: (await this.made.engineOf(name)) ?? this.#how.engine };
  }

  /** How a cluster is led that is made now. @param engine as the request has it */
  howNew(engine: LeadingSettings['engine'] | undefined): LeadingSettings {
    return { ...this.#how, engine: engine ?? this.#how.engine };
  }

  /** What speaks with a cluster's nodes. */
  nodes({ engine, access }: LeadingSettings): ClusterNodes {
    return engines[engine].connect({ ...access, random: this.process.random, clock: this.process.clock });
  }

  keeper(how: LeadingSettings): ShardKeeper {
    return this.nodes(how).keeper((waitMs, signal) => this.registry.pause(waitMs, signal, 0));
  }

  /**
   * Has nodes that a request names be spoken with by the login of the config. It is sent in clear to whatever listens there: who does not know it
   * could have it be sent to a server of their own.
   * @param password what the request has it be; empty: it does not say
   * @throws Refused where the request does not know it, and the config names none of these addresses
   */
  checkPassword({ access: { login } }: LeadingSettings, password: string, addresses: readonly string[]): void {
    // Another one would have to be kept where others read it.
    if (password !== '' && password !== login?.password)
      throw new Refused(400, 'the password is not the one of the controllers: write it into their config, as login');
    const known = new Set(this.#named.flatMap(({ seeds }) => seeds));
    const stranger = addresses.find((address) => !known.has(address));
    if (login !== null && password === '' && stranger !== undefined)
      throw new Refused(400, `${stranger} is no node of a cluster yet: give the password of the nodes`);
  }

  /** @throws Refused where there is no such namespace */
  async checkNamespace(namespace: string): Promise<void> {
    if (!(await this.registry.namespaces.list()).includes(namespace)) throw new Refused(400, 'namespace not found');
  }

  /** @throws Refused where there is no such cluster, or it has no slots */
  async cluster({ namespace, cluster }: Names): Promise<StoredCluster> {
    const name = { namespace, cluster };
    const topology = await this.registry.topologies.read(name);
    if (topology === null) throw new Refused(404, 'cluster: not found');
    if (topology.placement.name !== 'slots')
      throw new Refused(400, `${cluster} places keys by ${topology.placement.name}, and has no slots`);
    return { name, topology, queue: await new StoredQueue(this.registry, name).read() };
  }

  /** @throws Refused where there is no such shard */
  async shard(names: Names): Promise<StoredCluster & { readonly shard: Shard }> {
    const stored = await this.cluster(names);
    const shard = stored.topology.shards[names.shard];
    if (shard === undefined) throw new Refused(400, 'index out of range');
    return { ...stored, shard };
  }

  /** A cluster as it is now, as it is shown. */
  async shown(names: Names): Promise<ShownCluster> {
    const { topology, queue } = await this.cluster(names);
    return shownCluster(topology, queue);
  }

  /** What has a change of a topology be of this process. */
  change(reason: string): { readonly reason: string; readonly signal: AbortSignal } & Leader {
    const { candidate, clock, timeOfDayMs, signal } = this.process;
    return { reason, signal, candidate, clock, timeOfDayMs };
  }
}
