import { type Member, type PlacementName, placementKinds } from '../placement/index.ts';
import { KeyTable } from './key-table.ts';
import type { NodeId } from './node-id.ts';
import type { Pin, ResolvedPin } from './pins.ts';

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
}

/** A cluster with its table: which shard owns which key, at one version. Owners are indices in `shards`. */
export class Cluster extends KeyTable {
  readonly name: string;
  readonly shards: readonly Shard[];
  readonly pins: readonly Pin[];
  readonly resolvedPins: readonly ResolvedPin[];

  constructor({ name, shards, pins = [], hashOn, placement }: ClusterDescription) {
    const members = shards.map((shard) => memberOf(shard, hashOn));
    const resolvedPins = pins.map(({ shard, ...on }) => ({ ...on, owner: shards.findIndex(({ id }) => id === shard) }));
    super(placementKinds[placement.name].build(members, placement.options), resolvedPins);
    this.name = name;
    this.shards = shards;
    this.pins = pins;
    this.resolvedPins = resolvedPins;
  }
}

function memberOf(shard: Shard, hashOn: HashOn): Member {
  const base = { id: shard.id, hashKey: hashKeyOf(shard, hashOn), weight: shard.weight };
  return shard.slots === undefined ? base : { ...base, slots: shard.slots };
}

/** The text that is hashed for a shard. */
export function hashKeyOf(shard: Pick<Shard, 'id' | 'address' | 'hostname'>, hashOn: HashOn): string {
  switch (hashOn) {
    case 'address':
      return shard.address;
    case 'id':
      return shard.id;
    case 'hostname':
      return shard.hostname ?? shard.address.slice(0, shard.address.lastIndexOf(':'));
  }
}
