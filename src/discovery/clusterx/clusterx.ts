import { changeTopology } from '../../handoff/index.ts';
import { type Registry, VersionConflict } from '../../registry/index.ts';
import {
  type ClusterDescription,
  checkTopology,
  nodesOf,
  parseSetNodes,
  parseSlotRanges,
  type SlotRange,
  setNodesText,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  targetOf,
  topologyDocument,
  topologyText,
} from '../../topology/index.ts';
import { DocumentError } from '../../yaml/index.ts';
import { lineFault } from './line-fault.ts';
import { withSlots } from './with-slots.ts';

/** What a controller of Kvrocks is told where a command is not carried out, in Kvrocks's words where it has some. */
export class ClusterXError extends Error {
  override readonly name = 'ClusterXError';
}

/** Kvrocks's own words (src/cluster/redis_slot.h, cluster.h). */
const CLUSTERX_ERRORS = {
  version: 'Invalid cluster version',
  noNode: 'No this node in the cluster',
  noMaster: "The node isn't a master",
  slot: 'Slot is out of range',
  notSlots: 'Cluster mode is not enabled',
} as const;

/** The process that writes. */
export interface ClusterXWriter {
  /** The name that people see. */
  readonly candidate: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
}

/** What CLUSTERX answers where there is no topology, as Kvrocks before its first SETNODES. */
const NO_VERSION = -1;

/**
 * CLUSTERX of Kvrocks, by which its controllers tell nodes the topology: here it writes the topology of a cluster in the registry. As in Kvrocks a
 * version is taken once, an older one never. Where the current version comes again it has to have the same nodes: what differs would be lost in silence.
 * Keyway's versions only grow, so that one that is forced in spite of a newer one becomes the next.
 */
export class ClusterX {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #writer: ClusterXWriter;
  /** What a controller calls the node that it talks to. */
  #nodeId = '';

  constructor(registry: Registry, name: TopologyName, writer: ClusterXWriter) {
    this.#registry = registry;
    this.#name = name;
    this.#writer = writer;
  }

  /** CLUSTERX MYID: empty as long as no controller has said it. */
  get nodeId(): string {
    return this.#nodeId;
  }

  setNodeId(id: string): void {
    this.#nodeId = id;
  }

  /** CLUSTERX VERSION. @throws ClusterXError where the registry cannot be read */
  async version(): Promise<number> {
    return versionOf(await this.#tried(() => this.#read()));
  }

  #read(): Promise<Topology | null> {
    return this.#registry.topologies.read(this.#name);
  }

  /** CLUSTER NODES. @throws ClusterXError where there is no topology, or the registry cannot be read */
  async nodesText(): Promise<string> {
    const current = await this.#tried(() => this.#read());
    if (current === null) throw new ClusterXError('The cluster is not initialized');
    if (current.placement.name !== 'slots') throw new ClusterXError(CLUSTERX_ERRORS.notSlots);
    return clusterNodesText(current, this.#nodeId);
  }

  /**
   * CLUSTERX SETNODES.
   * @param force takes the lines also at a version that is no newer, as the next one; what is handed over is so all the same
   * @returns once the version is the current one; at once where it was
   * @throws ClusterXError
   */
  async setNodes(lines: string, version: number, force: boolean): Promise<void> {
    await this.#tried(async () => {
      const current = await this.#read();
      const isAt = versionOf(current);
      if (!force && version < isAt) throw new ClusterXError(CLUSTERX_ERRORS.version);
      if (current !== null && current.placement.name !== 'slots') throw new ClusterXError(CLUSTERX_ERRORS.notSlots);
      const fault = lineFault(lines);
      if (fault !== null) throw new ClusterXError(fault);
      const cluster = parseSetNodes(lines, 'SETNODES', this.#name.cluster, current);
      if (current === null || version > isAt)
        await this.#change({ ...this.#rulesOf(current), ...cluster }, current, version);
      else if (isSame(cluster, targetOf(current))) return;
      else if (force) await this.#change({ ...this.#rulesOf(current), ...cluster }, current, isAt + 1);
      else throw new ClusterXError(`${CLUSTERX_ERRORS.version}: version ${isAt} has other nodes`);
    });
  }

  /** CLUSTERX SETSLOT ranges NODE id version. @throws ClusterXError */
  async setSlots(text: string, nodeId: string, version: number): Promise<void> {
    await this.#tried(async () => {
      const current = await this.#read();
      if (current !== null && current.placement.name !== 'slots') throw new ClusterXError(CLUSTERX_ERRORS.notSlots);
      if (current === null || version !== current.version + 1) throw new ClusterXError(CLUSTERX_ERRORS.version);
      const ranges: readonly SlotRange[] | string = parseSlotRanges(text);
      if (typeof ranges === 'string' || ranges.length === 0) throw new ClusterXError(CLUSTERX_ERRORS.slot);
      const node = nodesOf(current).find(({ id }) => id === nodeId);
      if (node === undefined) throw new ClusterXError(CLUSTERX_ERRORS.noNode);
      if (node.follows !== null) throw new ClusterXError(CLUSTERX_ERRORS.noMaster);
      const target = targetOf(current);
      await this.#change({ ...target, shards: withSlots(target, ranges, node.shard) }, current, version);
    });
  }

  /** A new cluster is `eventual`: its servers have changed hands by themselves when a controller says so. A known one keeps its rules. */
  #rulesOf(current: Topology | null): Pick<TopologyDraft, 'consistency' | 'failover' | 'waves'> {
    if (current === null) return { consistency: 'eventual' };
    const { consistency, failover, waves } = current;
    return { ...(consistency && { consistency }), ...(failover && { failover }), ...(waves && { waves }) };
  }

  async #change(
    wanted: Omit<TopologyDraft, 'namespace' | 'version'>,
    current: Topology | null,
    version: number,
  ): Promise<void> {
    const { namespace } = this.#name;
    const draft = { ...wanted, namespace, version: version as TopologyVersion };
    // Addresses and ids are checked as those of any topology.
    const checked = checkTopology(topologyDocument(draft), 'SETNODES');
    const { candidate, clock } = this.#writer;
    const expected = current?.version ?? null;
    // Two controllers that say something at once: the second has spoken of another version.
    await changeTopology(this.#registry, checked, { expected, reason: 'CLUSTERX has said so', candidate, clock });
  }

  /** @throws ClusterXError in place of whatever a registry throws: a controller is told, and tries again */
  async #tried<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ClusterXError) throw error;
      if (error instanceof VersionConflict)
        throw new ClusterXError(`${CLUSTERX_ERRORS.version}: ${error.message}`, { cause: error });
      if (error instanceof DocumentError)
        throw new ClusterXError(`Invalid cluster nodes info: ${error.message}`, { cause: error });
      const reason = error instanceof Error ? error.message : String(error);
      throw new ClusterXError(`the topology of ${topologyText(this.#name)} cannot be had: ${reason}`, { cause: error });
    }
  }
}

/** Whether two have the same nodes with the same roles and slots. */
function isSame(one: ClusterDescription, other: ClusterDescription): boolean {
  const linesOf = (cluster: ClusterDescription): string => setNodesText(cluster).split('\n').sort().join('\n');
  return linesOf(one) === linesOf(other);
}

function versionOf(current: Topology | null): number {
  return current?.version ?? NO_VERSION;
}

/** CLUSTER NODES of a topology: what a controller compares with what it has. */
function clusterNodesText(topology: Topology, self: string): string {
  const lines = setNodesText(topology).trimEnd().split('\n');
  return lines
    .map((line) => {
      const [id, host, port, role, follows, ...slots] = line.split(' ');
      const flags = id === self ? `myself,${role}` : role;
      return `${[id, `${host}:${port}@${Number(port) + BUS_OFFSET}`, flags, follows, 0, 0, topology.version, 'connected', ...slots].join(' ')}\n`;
    })
    .join('');
}

/** Where nodes speak with each other, from where clients speak with them. */
const BUS_OFFSET = 10_000;
