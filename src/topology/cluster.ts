import {
  type Member,
  type Placement,
  type PlacementName,
  placementKinds,
  type SharedTables,
} from '../placement/index.ts';
import type { ClusterDescription, HashOn, Moving, Piece, Shard } from './cluster-description.ts';
import { KeyTable, type RestTable } from './key-table.ts';
import { placeText, servingShards } from './moving.ts';
import type { Pin, ResolvedPin } from './pins.ts';

/** What a piece's table is opened from in another thread. */
export interface PieceTable {
  readonly until: number;
  readonly placement: PlacementName;
  readonly tables: SharedTables;
  readonly pins: readonly ResolvedPin[];
  /** The place, among all shards of the cluster, of each of its own. */
  readonly places: Int32Array;
}

/** A cluster with its table: which shard owns which key, at one version. Owners are indices in `shards`. */
export class Cluster extends KeyTable {
  readonly name: string;
  /** All that own keys: see `servingShards`. */
  readonly shards: readonly Shard[];
  readonly pins: readonly Pin[];
  readonly resolvedPins: readonly ResolvedPin[];
  readonly moving: Moving | null;
  /** Of what has not moved yet. */
  readonly restTables: readonly PieceTable[];

  constructor(description: ClusterDescription) {
    const { name, pins = [], moving } = description;
    const shards = servingShards(description);
    const resolvedPins = resolved(description);
    const restTables = moving?.rest.map((piece) => pieceTable(piece, shards)) ?? [];
    super(built(description), resolvedPins, moving === undefined ? null : openRest(moving.cursor, restTables));
    this.name = name;
    this.shards = shards;
    this.pins = pins;
    this.resolvedPins = resolvedPins;
    this.moving = moving ?? null;
    this.restTables = restTables;
  }
}

/** Opens the tables of what has not moved yet. */
export function openRest(cursor: number, pieces: readonly PieceTable[]): RestTable {
  return {
    cursor,
    pieces: pieces.map(({ until, placement, tables, pins, places }) => ({
      until,
      table: new KeyTable(placementKinds[placement].open(tables), pins),
      places,
    })),
  };
}

function pieceTable(piece: Piece, all: readonly Shard[]): PieceTable {
  const indices = new Map(all.map((shard, i) => [placeText(shard), i]));
  const places = new Int32Array(new SharedArrayBuffer(piece.shards.length * Int32Array.BYTES_PER_ELEMENT));
  piece.shards.forEach((shard, i) => {
    places[i] = indices.get(placeText(shard)) as number;
  });
  const { until, placement } = piece;
  return { until, placement: placement.name, tables: built(piece).tables, pins: resolved(piece), places };
}

function built({ shards, hashOn, placement }: Omit<ClusterDescription, 'name'>): Placement {
  const members = shards.map((shard) => memberOf(shard, hashOn));
  return placementKinds[placement.name].build(members, placement.options);
}

function resolved({ shards, pins = [] }: Omit<ClusterDescription, 'name'>): ResolvedPin[] {
  return pins.map(({ shard, ...on }) => ({ ...on, owner: shards.findIndex(({ id }) => id === shard) }));
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
