import { redisSource } from '../../../discovery/index.ts';
import { type Reply, RespClient, RespClientError, RespLoginRefused, textOf } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import { type Node, primaryId, type Shard, type Topology } from '../../../topology/index.ts';
import type {
  ClusterNodes,
  FoundCluster,
  MoveBlock,
  NodeAccess,
  NodeState,
  ShardKeeper,
  Sight,
  SlotMover,
  SlotOnItsWay,
} from '../../engine.ts';
import { refusalIn } from '../ask-node.ts';
import { fieldsOf, type OwnLine, readOwnLine, readState } from './node-report.ts';
import { RedisShardKeeper } from './redis-shard-keeper.ts';
import { RedisSlotMover } from './redis-slot-mover.ts';
import { primariesIn, slotsOf, slotsOnTheirWay, whyNotToTakeOver } from './take-over.ts';

/**
 * The controller alone decides who is a primary and who follows whom: nodes that decided by themselves at the same time would make two primaries
 * of one shard. A barrier that no primary reaches keeps replicas from going over to other primaries, in all versions.
 */
const LEAVES_DECISIONS = [
  ['cluster-replica-no-failover', 'yes'],
  ['cluster-migration-barrier', '1000'],
] as const;

/** A primary whose last slot is moved away stays the primary of its shard, with its replicas. Servers before Redis 7 do not know it. */
const KEEPS_ITS_ROLE = ['cluster-allow-replica-migration', 'no'] as const;

/** A node whose own line was read, and by what it would be seen that the line has changed. */
interface ReadNode {
  readonly client: RespClient;
  line: OwnLine | null;
  fingerprint: string;
  /** How many more probes take it as it was read. */
  probesLeft: number;
}

/** A line is read again after so many probes, whatever the fingerprint says. */
const PROBES_OF_A_LINE = 10;

/** What CLUSTER INFO tells of changes to the lines of CLUSTER NODES: a node's own epoch and the cluster's, and how many slots and nodes it knows. */
const FINGERPRINT = ['cluster_current_epoch', 'cluster_my_epoch', 'cluster_slots_assigned', 'cluster_known_nodes'];

/** How long a look for a cluster's shards may take, by the look's own rules. */
const REFRESH_MS = 1000;

/** The nodes of a Redis or Valkey cluster. */
export class RedisNodes implements ClusterNodes {
  readonly nodesDecide = true;
  readonly #access: NodeAccess;
  readonly #nodes = new Map<string, ReadNode>();

  constructor(access: NodeAccess) {
    this.#access = access;
  }

  async probe(node: Node): Promise<Sight> {
    try {
      return await this.#look(node);
    } catch (error) {
      if (error instanceof RespLoginRefused) return { kind: 'refusing', reason: error.message };
      if (error instanceof RespClientError) return { kind: 'silent', reason: error.message };
      throw error;
    }
  }

  async #look({ id, address }: Node): Promise<Sight> {
    const read = await this.#nodeAt(address);
    const [replication, info, own] = await Promise.all([
      read.client.ask(['INFO', 'replication']),
      read.client.ask(['CLUSTER', 'INFO']),
      read.client.ask(['CLUSTER', 'MYID']),
    ]);
    const refused = refusalIn([replication, info, own]);
    if (refused !== null) return refused;
    if (textOf(own) !== id) return { kind: 'uninitialised', reason: `the node at ${address} is ${textOf(own)}` };
    const [role, cluster] = [fieldsOf(textOf(replication) ?? ''), fieldsOf(textOf(info) ?? '')];
    const fingerprint = [role.get('role'), ...FINGERPRINT.map((name) => cluster.get(name))].join(' ');
    if (read.line === null || read.fingerprint !== fingerprint || --read.probesLeft <= 0) {
      const lines = await read.client.ask(['CLUSTER', 'NODES']);
      const refusedLines = refusalIn([lines]);
      if (refusedLines !== null) return refusedLines;
      read.line = readOwnLine(textOf(lines) ?? '', address);
      read.fingerprint = fingerprint;
      read.probesLeft = PROBES_OF_A_LINE;
    }
    if (read.line === null) return { kind: 'refusing', reason: 'its CLUSTER NODES has no line of its own' };
    return { kind: 'well', state: readState(read.line, role, cluster) };
  }

  /** @throws RespClientError */
  async #nodeAt(address: string): Promise<ReadNode> {
    const known = this.#nodes.get(address);
    if (known?.client.isClosed === false) return known;
    const { login, certificates, timeoutMs } = this.#access;
    const target = splitAddress(address);
    const client = await RespClient.connect({ target, certificates }, login, timeoutMs);
    // A node that was started again has forgotten it, and has a new connection. One that loads takes it, too.
    const replies = await Promise.all(LEAVES_DECISIONS.map((setting) => client.ask(['CONFIG', 'SET', ...setting])));
    await client.ask(['CONFIG', 'SET', ...KEEPS_ITS_ROLE]);
    const refused = refusalIn(replies);
    if (refused?.kind === 'refusing') {
      client.close();
      throw new RespLoginRefused(`it cannot be kept from deciding by itself: ${refused.reason}`);
    }
    const read = { client, line: null, fingerprint: '', probesLeft: 0 };
    this.#nodes.set(address, read);
    return read;
  }

  async bring(
    node: Node,
    state: NodeState | null,
    topology: Topology,
    moving: readonly SlotOnItsWay[],
  ): Promise<string | null> {
    if (state === null) return null;
    const shard = topology.shards.find(({ id }) => id === node.shard) as Shard;
    const primary = primaryId(topology.name, shard);
    if (node.follows === null)
      return state.role === 'primary' ? null : this.#takeOver(node, state, shard, topology, moving);
    if (state.follows === primary) return null;
    // It gives its slots up when it hears from the node that has them by a newer epoch; until then it refuses to follow.
    if (state.role === 'primary' && state.slots.length > 0)
      return `${node.address} has not heard yet that ${shard.address} is the primary of ${shard.id}`;
    return this.#tell(node, ['CLUSTER', 'REPLICATE', primary], `to follow ${shard.address}`);
  }

  /**
   * A vote of the other primaries would take one more majority: the registry has decided already. Slots that are on their way are so for the new
   * primary, too, from the first command on that it serves: their old primary's replicas do not know of that.
   */
  async #takeOver(
    node: Node,
    state: NodeState,
    shard: Shard,
    topology: Topology,
    moving: readonly SlotOnItsWay[],
  ): Promise<string> {
    const { address } = node;
    const refused = (reason: string): string =>
      `${address} is to be the primary of ${shard.id}, and is not told so: ${reason}`;
    const read = await this.#nodeAt(address);
    const reply = await read.client.ask(['CLUSTER', 'NODES']);
    const lines = textOf(reply) ?? '';
    if (reply.type === 'error') return refused(`it does not say what it would claim: ${lines}`);
    const claimed = slotsOf(lines, state.follows ?? '');
    if (claimed === null) return refused(`it does not say which slots ${state.follows} has, which it follows`);
    const reason = whyNotToTakeOver(state, shard, claimed, moving, topology);
    if (reason !== null) return refused(reason);
    const onTheirWay = slotsOnTheirWay(topology, shard, moving, claimed, primariesIn(lines));
    if (typeof onTheirWay === 'string') return refused(onTheirWay);
    read.line = null;
    const words = [['MULTI'], ['CLUSTER', 'FAILOVER', 'TAKEOVER'], ...onTheirWay, ['EXEC']];
    const done = (await Promise.all(words.map((each) => read.client.ask(each)))).at(-1) as Reply;
    const what = `${address} was told to take over from ${state.follows}`;
    const error = done.type === 'array' ? done.items.find(({ type }) => type === 'error') : done;
    return error === undefined ? what : `${what}, and refuses: ${textOf(error) ?? `an answer that is ${error.type}`}`;
  }

  /** The primary lets no client write until the replica has everything, and the other primaries vote; after five seconds it is as before. */
  async handOver({ address }: Node): Promise<string | null> {
    const read = await this.#nodeAt(address);
    const reply = await read.client.ask(['CLUSTER', 'FAILOVER']);
    return reply.type === 'error' ? reply.text : null;
  }

  mover(block: MoveBlock): SlotMover {
    return new RedisSlotMover(this.#access, block, (address) => {
      const read = this.#nodes.get(address);
      if (read !== undefined) read.line = null;
    });
  }

  keeper(pause: (waitMs: number, signal: AbortSignal) => Promise<void>): ShardKeeper {
    return new RedisShardKeeper(this.#access, pause);
  }

  async #tell({ address }: Node, words: readonly string[], what: string): Promise<string> {
    const read = await this.#nodeAt(address);
    read.line = null;
    const reply = await read.client.ask(words);
    return reply.type === 'error'
      ? `${address} was told ${what}, and refuses: ${textOf(reply)}`
      : `${address} was told ${what}`;
  }

  async find(seeds: readonly string[]): Promise<FoundCluster> {
    const stopping = new AbortController();
    const faults: string[] = [];
    const { login, certificates, random } = this.#access;
    const query = { seeds, refreshMs: REFRESH_MS, certificates, login, random };
    const onFault = (message: string): void => {
      faults.push(message);
      stopping.abort();
    };
    for await (const shards of redisSource(query, async () => [])(stopping.signal, onFault))
      return { shards, version: null };
    throw new Error(faults.join('; '));
  }

  keepOnly(addresses: ReadonlySet<string>): void {
    for (const [address, { client }] of this.#nodes) {
      if (addresses.has(address)) continue;
      client.close();
      this.#nodes.delete(address);
    }
  }
}
