import {
  type Hash64,
  type Member,
  type Partition,
  type Placement,
  type PlacementName,
  placements,
  type SharedTables,
  toBigInt,
} from '../placement/index.ts';
import type { NodeId } from './node-id.ts';
import { type Pin, PinTable, type ResolvedPin } from './pins.ts';

/** What stands for a shard in the hash. With `id`, a shard's new address moves no key. */
export type HashOn = 'address' | 'id' | 'hostname';

/** The unit that owns keys. */
export interface Shard {
  readonly id: string;
  /** `host:port` of the node that serves it; of several the primary. */
  readonly address: string;
  /** The primary's; made from the names of cluster and shard where nobody has given one. */
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
}

/** A cluster with its table: who owns which key, at one version. */
export class Cluster {
  readonly name: string;
  readonly shards: readonly Shard[];
  readonly pins: readonly Pin[];
  readonly resolvedPins: readonly ResolvedPin[];
  readonly #placement: Placement;
  readonly #pins: PinTable | null;

  constructor(description: ClusterDescription) {
    this.name = description.name;
    this.shards = description.shards;
    const members = description.shards.map((shard) => memberOf(shard, description.hashOn));
    const { name, options } = description.placement;
    this.#placement = placements[name].build(members, options as never);
    this.pins = description.pins ?? [];
    this.resolvedPins = this.pins.map(({ shard, ...on }) => ({
      ...on,
      owner: this.shards.findIndex(({ id }) => id === shard),
    }));
    this.#pins = this.pins.length === 0 ? null : new PinTable(this.resolvedPins);
  }

  /** The index in `shards` of the owner of key[start, end); -1 where nobody owns it. Allocates nothing. */
  locate(key: Uint8Array, start: number, end: number): number {
    const pinned = this.#pins === null ? -1 : this.#pins.find(key, start, end);
    return pinned >= 0 ? pinned : this.#placement.locate(key, start, end);
  }

  /** What another thread opens the table from. */
  get tables(): SharedTables {
    return this.#placement.tables;
  }

  /** The whole table, pins apart; owners are indices in `shards`. */
  partition(): Partition {
    return this.#placement.partition();
  }

  /** Where key[start, end) stands in the space that `partition` divides. Allocates nothing. */
  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    this.#placement.point(key, start, end, into);
  }

  /** The hash by which `locate` decides, for people. */
  hash(key: Uint8Array): bigint {
    const hash: Hash64 = { hi: 0, lo: 0 };
    this.#placement.hash(key, 0, key.length, hash);
    return toBigInt(hash);
  }
}

function memberOf(shard: Shard, hashOn: HashOn): Member {
  const base = { id: shard.id, hashKey: hashKeyOf(shard, hashOn), weight: shard.weight };
  return shard.slots === undefined ? base : { ...base, slots: shard.slots };
}

/** The text that is hashed for a shard. */
function hashKeyOf(shard: Shard, hashOn: HashOn): string {
  switch (hashOn) {
    case 'address':
      return shard.address;
    case 'id':
      return shard.id;
    case 'hostname':
      return shard.hostname ?? shard.address.slice(0, shard.address.lastIndexOf(':'));
  }
}
