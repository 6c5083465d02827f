import type { FoundShard } from '../discovery/index.ts';
import type { ClientCertificates } from '../io/index.ts';
import type { RespLogin } from '../resp/index.ts';
import type { Node, SlotRange, Topology } from '../topology/index.ts';

/** What a node says of itself. */
export interface NodeState {
  readonly role: 'primary' | 'replica';
  /** The id of the node that it follows; null: none. */
  readonly follows: string | null;
  readonly slots: readonly SlotRange[];
  /** By which it claims its slots, where it is a primary: of two claims the newer one counts. */
  readonly epoch: number;
  /** How far its data is: of two nodes of a shard the one with the larger offset has more. */
  readonly offset: number;
  /** It reaches most of the primaries, and finds the cluster in order. */
  readonly isClusterOk: boolean;
  /** Of a replica, how it stands with its primary; null of a primary. */
  readonly link: ReplicaLink | null;
}

/** A replica's connection to its primary. */
export interface ReplicaLink {
  /** How long it has been down; 0: it is up. Infinite: it was never up. */
  readonly downMs: number;
  /** When it last received something over it, before now; null: nothing that it knows of. Exact to a second. */
  readonly heardAgoMs: number | null;
  /** It takes over a whole copy: what it has meanwhile is not whole. */
  readonly isSyncing: boolean;
}

/** What a probe of a node has shown. */
export type Sight =
  | { readonly kind: 'well'; readonly state: NodeState }
  /** It reads its data from disk, and serves nothing yet. */
  | { readonly kind: 'loading' }
  /** It cannot be connected to, or does not answer in time. */
  | { readonly kind: 'silent'; readonly reason: string }
  /** Something answers at its address that is not this node: it was started anew, without its memory of the cluster. */
  | { readonly kind: 'uninitialised'; readonly reason: string }
  /** A server is there that is in no cluster, and waits to be told what it is. */
  | { readonly kind: 'blank'; readonly reason: string }
  /** It is there, and refuses to say how it is: a wrong password, or rights that are missing. */
  | { readonly kind: 'refusing'; readonly reason: string };

/** How a cluster's nodes are reached. */
export interface NodeAccess {
  readonly login: RespLogin | null;
  /** What they are reached by TLS with; null: in cleartext. */
  readonly certificates: ClientCertificates | null;
  /** For the connection, and for each answer. */
  readonly timeoutMs: number;
  /** Nobody waits for what a node says that has not been well for so long. */
  readonly patienceMs: number;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
}

/** A slot that is on its way from one shard to another. */
export interface SlotOnItsWay {
  readonly slot: number;
  /** The ids of shards. */
  readonly from: string;
  readonly to: string;
  /** All of its keys have moved: a node of its old shard must not claim it any more. */
  readonly isSettling: boolean;
}

/** A slot could not be moved, or not yet. */
export class SlotMoveError extends Error {
  override readonly name: string = 'SlotMoveError';
  /** It would be no other the next time. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal = false) {
    super(message);
    this.isFinal = isFinal;
  }
}

/** A slot has a key that cannot be moved as it is. The other slots that were opened with it can go on. */
export class SlotStuck extends SlotMoveError {
  override readonly name = 'SlotStuck';
  readonly slot: number;

  constructor(slot: number, message: string) {
    super(message, true);
    this.slot = slot;
  }
}

/** A node is to join a cluster that it is a node of. */
export class AlreadyMember extends SlotMoveError {
  override readonly name = 'AlreadyMember';

  constructor(address: string) {
    super(`${address} is a node of the cluster already`, true);
  }
}

/**
 * Moves slots between primaries, some of them at once. Everything may be asked for again: whoever asks may have died before it knew that it was done,
 * and an error leaves it open what has been done of which slots. Every method throws SlotMoveError where a node refuses, and RespClientError where it
 * has gone.
 */
export interface SlotMover {
  /** So many slots may be opened between two nodes at once; at least 1. */
  readonly slotsAtOnce: number;
  /** Those of some slots that a node says that it owns. */
  owned(node: Node, slots: readonly number[]): Promise<ReadonlySet<number>>;
  /** Has keys of some slots be looked for at their new owner where their old one does not have them. */
  open(slots: readonly number[], from: Node, to: Node): Promise<void>;
  /** How many keys a node has of each of some slots, in their order. */
  countKeys(slots: readonly number[], node: Node): Promise<readonly number[]>;
  /** What a server has another of each time it is started. */
  runOf(node: Node): Promise<string>;
  /**
   * Moves some keys of opened slots, or sees how far the servers are with them. Where both nodes have a key, the source's value stays if the source has had the slot since it was opened. Otherwise
   * it is a server that has taken over, or was started again from older data, and the target's value stays.
   * @param count of keys, at most
   * @param run of the source when the slots were opened
   * @returns how many; 0: all of the slots were looked at, and none had a key left; null: the servers move them by themselves, and are not done
   * @throws SlotStuck where a key is too large to be moved
   */
  moveKeys(slots: readonly number[], from: Node, to: Node, count: number, run: string): Promise<number | null>;
  /** Makes the new owner of opened slots that have no keys left at the old one their owner by all nodes' word. */
  settle(slots: readonly number[], from: Node, to: Node, others: readonly Node[]): Promise<void>;
  /**
   * Ends the connections to some nodes, and opens none to them until the next call. What they have been asked and not answered fails.
   * @param addresses of nodes that hang, or that are not to be asked by a word that holds no more
   */
  avoid(addresses: ReadonlySet<string>): void;
  /** Ends its connections. */
  close(): void;
}

/** For how long a server may wait for another one while a key moves. It does nothing else meanwhile. */
export interface MoveBlock {
  readonly usualMs: number;
  /** For a key that takes longer than usual; after more its server would look dead. */
  readonly longestMs: number;
}

/** A node that has joined a cluster. */
export interface JoinedNode {
  readonly id: string;
  readonly address: string;
}

/** A shard of a cluster that does not exist yet. */
export interface PlannedShard {
  readonly id: string;
  readonly slots: readonly SlotRange[];
  /** Addresses, the primary's first. */
  readonly nodes: readonly [string, ...string[]];
}

/** Has nodes join a cluster, and leave it. Its methods may be called again, and throw as those of `SlotMover`. */
export interface ShardKeeper {
  /**
   * Makes a cluster of empty nodes. Not there: it cannot be done for such servers.
   * @returns the shards with the ids of their nodes
   */
  form?(shards: readonly PlannedShard[], signal: AbortSignal): Promise<readonly FoundShard[]>;
  /**
   * Has nodes join that are empty.
   * @returns their ids, in the order of the addresses, once the cluster's primaries know them
   */
  join(addresses: readonly string[], members: readonly Node[], signal: AbortSignal): Promise<readonly JoinedNode[]>;
  /**
   * Has nodes leave that own nothing any more: they become nodes of no cluster.
   * @returns the addresses of those that do not answer: the others forget them, and they do not know of it
   */
  forget(left: readonly JoinedNode[], members: readonly Node[]): Promise<readonly string[]>;
}

/** What a node was told, for people. A fault is what people have to see to: it stays so until they do. Null: nothing. */
export type Told = string | { readonly fault: string } | null;

/** A cluster as its nodes have it. */
export interface FoundCluster {
  readonly shards: readonly FoundShard[];
  /** Nodes take no topology whose version is not newer than this; null: they know of no versions. */
  readonly version: number | null;
}

/** The nodes of one cluster, as a controller speaks with them. */
export interface ClusterNodes {
  /** Whether nodes may change their roles among themselves, so that the topology follows what they say. Otherwise they are what they are told to be. */
  readonly nodesDecide: boolean;
  /** What a node says of itself now. */
  probe(node: Node): Promise<Sight>;
  /**
   * Tells a node to be what the topology has it be, where it is something else. What takes the nodes a while is asked for again by the next call.
   * @param state null: it is a server that is in no cluster
   * @param moving slots that are on their way: the node takes part in that where it takes over
   * @returns what the node was told, or why it cannot be told; null: it is as it has to be, or nothing can be said to it now
   * @throws RespClientError where it has gone
   */
  bring(node: Node, state: NodeState | null, topology: Topology, moving: readonly SlotOnItsWay[]): Promise<Told>;
  /**
   * Has a replica take over from its primary, which is well, once it has all that the primary has acknowledged; and stay a replica where that takes long.
   * It goes on by itself. Asked only of nodes that decide.
   * @returns why the node refuses, for people; null: it does not
   * @throws RespClientError where it has gone
   */
  handOver(node: Node): Promise<string | null>;
  /**
   * What moves slots between them.
   * @param block for how long a server may do nothing else because another one does not answer
   */
  mover(block: MoveBlock): SlotMover;
  /** What has nodes join the cluster and leave it. @param pause waits */
  keeper(pause: (waitMs: number, signal: AbortSignal) => Promise<void>): ShardKeeper;
  /**
   * The shards that the nodes have among themselves.
   * @param seeds some of their addresses
   * @throws Error where none of them says
   */
  find(seeds: readonly string[]): Promise<FoundCluster>;
  /** Closes the connections to all others. */
  keepOnly(addresses: ReadonlySet<string>): void;
}

/** A kind of servers that a controller can lead. To add one, write a folder in `engines/` and list it in `engines/index.ts`. */
export interface Engine {
  connect(access: NodeAccess): ClusterNodes;
}
