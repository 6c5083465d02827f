import type { PlacementName } from '../placement/index.ts';
import type { NodeId } from './node-id.ts';
import type { Pin } from './pins.ts';

/** What stands for a shard in the hash. With `id`, a shard's new address moves no key. */
export type HashOn = 'address' | 'id' | 'hostname';

/** The unit that owns keys. */
export interface Shard {
  readonly id: string;
  /** `host:port` of the node that serves it; of several the primary. */
  readonly address: string;
  /** The primary's; made from the names of cluster and shard where none is given. */
  readonly nodeId?: NodeId | undefined;
  /** Its other nodes, which follow the primary. */
  readonly replicas?: ReadonlyArray<{ readonly id: NodeId; readonly address: string }> | undefined;
  /** For `hashOn: hostname`; the host part of the address where it is not given. */
  readonly hostname?: string | undefined;
  readonly weight: number;
  /** Inclusive ranges, for slot placement. */
  readonly slots?: ReadonlyArray<readonly [first: number, last: number]> | undefined;
}

/** How a cluster places its keys: the placement's name, and the options that its kind takes. */
export interface PlacementChoice {
  readonly name: PlacementName;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A cluster's full description at one version. It is replaced whole, never edited. */
export interface ClusterDescription {
  readonly name: string;
  readonly placement: PlacementChoice;
  readonly hashOn: HashOn;
  readonly shards: readonly Shard[];
  readonly pins?: readonly Pin[] | undefined;
  /** While keys move in waves; everything else here is where they move to. */
  readonly moving?: Moving | undefined;
}

/** How far a change has come that moves keys in waves, in the order of their `position`. */
export interface Moving {
  /** The version that the whole change was staged as: it names the change. */
  readonly since: number;
  /** Keys before it have moved: from 0 to below 1. */
  readonly cursor: number;
  /** Where the others are. */
  readonly rest: readonly Piece[];
}

/** Where the keys are, up to a position and from where the piece before it ends; the last piece ends at 1. */
export interface Piece extends Omit<ClusterDescription, 'name' | 'moving'> {
  readonly until: number;
}
