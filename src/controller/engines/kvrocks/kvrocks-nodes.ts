import { RespClient, RespClientError, RespLoginRefused, textOf } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import { type Node, nodesOf, type Topology } from '../../../topology/index.ts';
import {
  type ClusterNodes,
  type FoundCluster,
  type MoveBlock,
  type NodeAccess,
  type NodeState,
  type ShardKeeper,
  type Sight,
  SlotMoveError,
  type SlotMover,
  type SlotOnItsWay,
  type Told,
} from '../../engine.ts';
import { refusalIn } from '../ask-node.ts';
import { fieldsOf, type OwnLine, readOwnLine } from '../redis/node-report.ts';
import { findCluster, versionIn } from './find-cluster.ts';
import { offsetIn, readKvrocksState } from './kvrocks-report.ts';
import { KvrocksShardKeeper } from './kvrocks-shard-keeper.ts';
import { KvrocksSlotMover } from './kvrocks-slot-mover.ts';
import { type Party, SlotsUnderWay } from './slots-under-way.ts';
import { WantedTopology } from './wanted-topology.ts';

/** A node as it was looked at last. */
interface SeenNode {
  readonly client: RespClient;
  /** Of what it was told; -1: of nothing. */
  version: number;
  /** The id that it was told; empty: none. */
  id: string;
  /** What it says of itself in CLUSTER NODES, and by what it would be seen that this has changed. */
  line: { readonly fingerprint: string; readonly own: OwnLine | null } | null;
  offset: number;
  sight: Sight | null;
}

/** What INFO replication tells of a node's place, besides its version: it may be told something else by the same version (`force`). */
const FINGERPRINT = ['role', 'master_host', 'master_port'];

/** A replica takes over once it has all that its primary had when that was asked. */
interface Goal {
  readonly version: number;
  readonly offset: number;
}

/**
 * The nodes of a Kvrocks cluster. They decide nothing by themselves, and do not speak with each other of their cluster: whoever leads them tells each the
 * whole topology (CLUSTERX SETNODES), by its version in the registry.
 */
export class KvrocksNodes implements ClusterNodes {
  readonly nodesDecide = false;
  readonly #access: NodeAccess;
  /** By address. */
  readonly #seen = new Map<string, SeenNode>();
  #wanted: WantedTopology | null = null;
  /** By address, since when a node has not been well, by a clock that is never set back. */
  readonly #lostAtMs = new Map<string, number>();
  readonly #slots = new SlotsUnderWay((node) => this.#partyOf(node));
  /** By the ids of nodes, what they are being told. */
  readonly #telling = new Map<string, Promise<Told>>();
  readonly #goals = new Map<string, Goal>();

  constructor(access: NodeAccess) {
    this.#access = access;
  }

  async probe(node: Node): Promise<Sight> {
    const askedMs = this.#access.clock();
    let sight: Sight;
    try {
      sight = await this.#look(node);
    } catch (error) {
      if (error instanceof RespLoginRefused) sight = { kind: 'refusing', reason: error.message };
      else if (error instanceof RespClientError) sight = { kind: 'silent', reason: error.message };
      else throw error;
    }
    const seen = this.#seen.get(node.address);
    if (seen !== undefined) seen.sight = sight;
    if (sight.kind === 'well') this.#lostAtMs.delete(node.address);
    else if (!this.#lostAtMs.has(node.address)) this.#lostAtMs.set(node.address, askedMs);
    return sight;
  }

  /** Whether a node has not been well for so long that nobody waits for it, or has nothing to wait for. */
  #isGone({ address }: Node): boolean {
    const kind = this.#seen.get(address)?.sight?.kind;
    if (kind === 'well') return false;
    if (kind === 'blank') return true;
    const lostAtMs = this.#lostAtMs.get(address);
    return lostAtMs !== undefined && this.#access.clock() - lostAtMs >= this.#access.patienceMs;
  }

  #partyOf(node: Node): Party {
    const { sight = null, client = null } = this.#seen.get(node.address) ?? {};
    return { client, state: sight?.kind === 'well' ? sight.state : null, isGone: this.#isGone(node) };
  }

  async #look({ id, address }: Node): Promise<Sight> {
    const seen = await this.#nodeAt(address);
    const [replication, info, own] = await Promise.all([
      seen.client.ask(['INFO', 'replication']),
      seen.client.ask(['CLUSTER', 'INFO']),
      seen.client.ask(['CLUSTERX', 'MYID']),
    ]);
    const isInCluster = textOf(info)?.startsWith('CLUSTERDOWN ') !== true;
    const refused = refusalIn([replication, own, ...(isInCluster ? [info] : [])]);
    if (refused !== null) return refused;
    const role = fieldsOf(textOf(replication) ?? '');
    seen.offset = offsetIn(role);
    seen.id = textOf(own) ?? '';
    seen.version = isInCluster ? versionIn(fieldsOf(textOf(info) ?? '').get('cluster_my_epoch')) : -1;
    if (seen.id !== id && seen.id !== '')
      return { kind: 'uninitialised', reason: `the node at ${address} is ${seen.id}` };
    if (!isInCluster || seen.id === '') return { kind: 'blank', reason: `${address} has been told of no cluster` };
    const fingerprint = [seen.version, ...FINGERPRINT.map((name) => role.get(name))].join(' ');
    if (seen.line?.fingerprint !== fingerprint) {
      const lines = await seen.client.ask(['CLUSTER', 'NODES']);
      const refusedLines = refusalIn([lines]);
      if (refusedLines !== null) return refusedLines;
      seen.line = { fingerprint, own: readOwnLine(textOf(lines) ?? '', address) };
    }
    const { own: line } = seen.line;
    if (line === null) return { kind: 'blank', reason: `${address} is not in the cluster that it has been told of` };
    return { kind: 'well', state: readKvrocksState(line, role, seen.version) };
  }

  /** @throws RespClientError */
  async #nodeAt(address: string): Promise<SeenNode> {
    const known = this.#seen.get(address);
    if (known?.client.isClosed === false) return known;
    // What is remembered of it may be of a server that has ended.
    if (known !== undefined) known.sight = null;
    const { login, certificates, timeoutMs } = this.#access;
    const client = await RespClient.connect({ target: splitAddress(address), certificates }, login, timeoutMs);
    const seen: SeenNode = { client, version: -1, id: '', line: null, offset: 0, sight: null };
    this.#seen.set(address, seen);
    return seen;
  }

  async bring(node: Node, state: NodeState | null, topology: Topology, moving: readonly SlotOnItsWay[]): Promise<Told> {
    if (topology.placement.name !== 'slots')
      return { fault: `the topology places keys by ${topology.placement.name}, and Kvrocks knows slots alone` };
    if (this.#wanted?.topology !== topology || this.#wanted.moving !== moving)
      this.#wanted = new WantedTopology(topology, moving, this.#slots.moved);
    const seen = this.#seen.get(node.address);
    if (seen === undefined) return null;
    const { version } = topology;
    if (seen.version > version) return aheadOf(node, seen.version, version);
    if (state === null) return this.#begin(node, seen, topology);
    if (seen.version === version) return isAsWanted(node, state) ? null : otherwise(node, version);
    if (node.follows !== null) return this.#leads(node, topology) ? this.#tell(node, seen) : null;
    const missing = state.role === 'replica' ? await this.#missing(node, seen, state, topology) : null;
    if (missing !== null) return missing;
    const hindrance = await this.#slots.hindrance(node, topology, moving);
    if (hindrance !== null) return hindrance === 'wait' ? null : hindrance;
    return this.#tell(node, seen);
  }

  /** Whether the primary that a node is to follow is one by its own word: before, it would be made a copy of what may have less than itself. */
  #leads({ follows }: Node, topology: Topology): boolean {
    const primary = nodesOf(topology).find(({ id }) => id === follows);
    const sight = primary === undefined ? null : this.#seen.get(primary.address)?.sight;
    return sight?.kind === 'well' && sight.state.role === 'primary';
  }

  /**
   * A server that knows of no cluster may have lost its data as well. As a replica it gets that back; as a primary it would have its replicas lose it, too.
   */
  async #begin(node: Node, seen: SeenNode, topology: Topology): Promise<Told> {
    if (seen.version === topology.version && seen.id !== '') return otherwise(node, seen.version);
    if (node.follows !== null && !this.#leads(node, topology)) return null;
    // Nobody has data of a shard that has never had a slot, whatever its servers were used for before.
    const hasSlots = topology.shards.some(({ id, slots = [] }) => id === node.shard && slots.length > 0);
    for (const { address } of nodesOf(topology).filter(({ follows }) => hasSlots && follows === node.id)) {
      const replica = this.#seen.get(address);
      if (replica?.sight?.kind === 'blank' && replica.offset <= seen.offset) continue;
      return {
        fault: `${node.address} has been told of no cluster, and is not made the primary of ${node.shard}: its replica ${address} may have more of the data`,
      };
    }
    return this.#tell(node, seen);
  }

  /**
   * Routers have sent nothing to the primary before since the topology is in use: a replica that has what that had then has everything.
   * @returns what is missing, for people; null: nothing, or nobody has more
   */
  async #missing(node: Node, { client }: SeenNode, { follows }: NodeState, topology: Topology): Promise<string | null> {
    const before = nodesOf(topology).find(({ id }) => id === follows);
    if (before === undefined || this.#isGone(before)) return null;
    let goal = this.#goals.get(node.id);
    if (goal?.version !== topology.version) {
      const primary = this.#seen.get(before.address);
      const offset = primary?.sight?.kind === 'well' ? await offsetAt(primary.client).catch(notKnown) : null;
      if (offset === null)
        return `${node.address} is to be the primary of ${node.shard}, and it is not known yet what it lacks: ${before.address} does not say`;
      goal = { version: topology.version, offset };
      this.#goals.set(node.id, goal);
    }
    const missing = goal.offset - ((await offsetAt(client)) ?? 0);
    if (missing <= 0) return null;
    return `${node.address} is to be the primary of ${node.shard}, and has yet to receive ${missing} changes from ${before.address}`;
  }

  /** Tells a node the whole topology. */
  #tell(node: Node, seen: SeenNode): Promise<Told> {
    const telling = this.#tellNow(node, seen, this.#wanted as WantedTopology).finally(() => {
      if (this.#telling.get(node.id) === telling) this.#telling.delete(node.id);
    });
    this.#telling.set(node.id, telling);
    return telling;
  }

  async #tellNow({ id, address }: Node, seen: SeenNode, wanted: WantedTopology): Promise<Told> {
    const { version } = wanted.topology;
    const words = [
      ...(seen.id === '' ? [['CLUSTERX', 'SETNODEID', id]] : []),
      ['CLUSTERX', 'SETNODES', wanted.text(), String(version)],
    ];
    seen.line = null;
    const replies = await Promise.all(words.map((each) => seen.client.ask(each)));
    const refused = replies.find(({ type }) => type === 'error');
    if (refused !== undefined)
      return { fault: `${address} was told version ${version} of the topology, and refuses: ${textOf(refused)}` };
    seen.version = version;
    return `${address} was told version ${version} of the topology`;
  }

  /** The topology alone has a replica take over. */
  async handOver(): Promise<string> {
    return 'its servers do not change places by themselves';
  }

  mover(_block: MoveBlock): SlotMover {
    return new KvrocksSlotMover(this.#access, {
      begin: (slot, from, to, move) =>
        this.#slots.begin(slot, from, to, async () => {
          await this.#tellBoth(from, to);
          await move();
        }),
      end: (slot, to, hasMoved) => this.#slots.end(slot, to, hasMoved),
      hasMoved: (slot, to) => this.#slots.moved.get(slot) === to.shard,
    });
  }

  /** Has both nodes of a slot know the topology. @throws SlotMoveError */
  async #tellBoth(from: Node, to: Node): Promise<void> {
    for (const { id, address } of [from, to]) {
      await this.#telling.get(id);
      const wanted = this.#wanted;
      const node = wanted === null ? undefined : nodesOf(wanted.topology).find((each) => each.id === id);
      const seen = this.#seen.get(address);
      if (wanted === null || node?.follows !== null || seen?.sight?.kind !== 'well')
        throw new SlotMoveError(`${address} is not well, or no primary by the topology`);
      if (seen.sight.state.role !== 'primary') throw new SlotMoveError(`${address} has not taken over yet`);
      const { version } = wanted.topology;
      if (seen.version > version) throw new SlotMoveError(`${address} has a newer topology than the registry`);
      const told = seen.version < version ? await this.#tell(node, seen) : null;
      if (told !== null && typeof told !== 'string') throw new SlotMoveError(told.fault);
    }
  }

  keeper(): ShardKeeper {
    return new KvrocksShardKeeper(this.#access);
  }

  find(seeds: readonly string[]): Promise<FoundCluster> {
    return findCluster(seeds, this.#access);
  }

  keepOnly(addresses: ReadonlySet<string>): void {
    for (const [address, { client }] of this.#seen) {
      if (addresses.has(address)) continue;
      client.close();
      this.#seen.delete(address);
    }
    for (const address of this.#lostAtMs.keys()) if (!addresses.has(address)) this.#lostAtMs.delete(address);
  }
}

/** @returns null: it does not say */
async function offsetAt(client: RespClient): Promise<number | null> {
  const reply = await client.ask(['INFO', 'replication']);
  return reply.type === 'error' ? null : offsetIn(fieldsOf(textOf(reply) ?? ''));
}

function notKnown(error: unknown): null {
  if (error instanceof RespClientError) return null;
  throw error;
}

function isAsWanted({ follows }: Node, state: NodeState): boolean {
  return follows === null ? state.role === 'primary' : state.follows === follows;
}

function aheadOf({ address }: Node, has: number, wanted: number): Told {
  return {
    fault: `${address} has version ${has} of the topology, and the registry ${wanted}: something else has told it so, and it is not followed. Give the registry a version that is newer than ${has}`,
  };
}

function otherwise({ address }: Node, version: number): Told {
  return {
    fault: `${address} has another version ${version} of the topology than the registry: something else has told it so. Give the registry a newer version`,
  };
}
