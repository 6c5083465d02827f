import type { FoundShard } from '../discovery/index.ts';
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
  /** It is there, and refuses to say how it is: a wrong password, or rights that are missing. */
  | { readonly kind: 'refusing'; readonly reason: string };

/** How a cluster's nodes are reached. */
export interface NodeAccess {
  readonly login: RespLogin | null;
  /** For the connection, and for each answer. */
  readonly timeoutMs: number;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** The nodes of one cluster, as a controller speaks with them. */
export interface ClusterNodes {
  /** What a node says of itself now. */
  probe(node: Node): Promise<Sight>;
  /**
   * Tells a node to be what the topology has it be, where it is something else. What takes the nodes a while is asked for again by the next call.
   * @returns what the node was told, or why it cannot be told, for people; null: it is as it has to be
   * @throws RespClientError where it has gone
   */
  bring(node: Node, state: NodeState, topology: Topology): Promise<string | null>;
  /**
   * The shards that the nodes have among themselves.
   * @param seeds some of their addresses
   * @throws Error where none of them says
   */
  find(seeds: readonly string[]): Promise<readonly FoundShard[]>;
  /** Closes the connections to all others. */
  keepOnly(addresses: ReadonlySet<string>): void;
}

/** A kind of servers that a controller can lead. To add one, write a folder in `engines/` and list it in `engines/index.ts`. */
export interface Engine {
  connect(access: NodeAccess): ClusterNodes;
}
