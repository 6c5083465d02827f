import { type PlacementName, placementKinds, type SharedTables } from '../placement/index.ts';
import { Cluster, openRest, type PieceTable } from './cluster.ts';
import type { ClusterDescription } from './cluster-description.ts';
import { KeyTable } from './key-table.ts';
import { servingShards } from './moving.ts';
import type { ResolvedPin } from './pins.ts';
import { type Node, nodesOf, type TopologyVersion } from './topology.ts';

/**
 * A cluster at one version, in memory that threads share: built once, handed over at once, and opened by a routing
 * thread without a pause, whatever its size.
 */
export interface SharedCluster {
  readonly name: string;
  /** Distinguishes one from another: of two that were built in one thread the numbers differ. */
  readonly build: number;
  /** Null where it comes from a config and has none. */
  readonly version: TopologyVersion | null;
  readonly placement: PlacementName;
  readonly tables: SharedTables;
  readonly pins: readonly ResolvedPin[];
  /** While keys move in waves: up to which position they have, and where the others are. */
  readonly rest: { readonly cursor: number; readonly pieces: readonly PieceTable[] } | null;
  /** Ids and addresses of the shards one after the other, and where each of them ends. */
  readonly text: Uint8Array;
  readonly ends: Int32Array;
  /** All nodes, as JSON; null where keys are not placed by slots, so that nobody asks for them. */
  readonly nodes: Uint8Array | null;
}

const encoder = new TextEncoder();
let builds = 0;

/** Builds a cluster's table, for other threads to open. */
export function shareCluster(description: ClusterDescription, version: TopologyVersion | null): SharedCluster {
  const { name } = description;
  const cluster = new Cluster(description);
  const { moving, restTables } = cluster;
  const parts = cluster.shards.flatMap(({ id, address }) => [encoder.encode(id), encoder.encode(address)]);
  const text = new Uint8Array(new SharedArrayBuffer(parts.reduce((sum, part) => sum + part.length, 0)));
  const ends = new Int32Array(new SharedArrayBuffer(parts.length * Int32Array.BYTES_PER_ELEMENT));
  let end = 0;
  parts.forEach((part, i) => {
    text.set(part, end);
    end += part.length;
    ends[i] = end;
  });
  builds++;
  return {
    name,
    build: builds,
    version,
    placement: description.placement.name,
    tables: cluster.tables,
    pins: cluster.resolvedPins,
    rest: moving === null ? null : { cursor: moving.cursor, pieces: restTables },
    text,
    ends,
    nodes: description.placement.name === 'slots' ? sharedNodes(description) : null,
  };
}

function sharedNodes(description: ClusterDescription): Uint8Array {
  const nodes = nodesOf({ ...description, shards: servingShards(description) });
  const json = encoder.encode(JSON.stringify(nodes));
  const shared = new Uint8Array(new SharedArrayBuffer(json.length));
  shared.set(json);
  return shared;
}

/** A shard as requests need it. */
export interface ShardPlace {
  readonly id: string;
  readonly address: string;
}

/** A cluster's table as a thread uses it. Shards are read one by one when they are asked for. */
export class ClusterTable extends KeyTable {
  readonly name: string;
  readonly version: TopologyVersion | null;
  readonly size: number;
  readonly #shared: SharedCluster;
  /** Those that were asked for. */
  readonly #places: Array<ShardPlace | undefined> = [];

  constructor(shared: SharedCluster) {
    const { placement, tables, pins, rest } = shared;
    super(placementKinds[placement].open(tables), pins, rest === null ? null : openRest(rest.cursor, rest.pieces));
    this.name = shared.name;
    this.version = shared.version;
    this.size = shared.ends.length / 2;
    this.#shared = shared;
  }

  shardAt(index: number): ShardPlace {
    this.#places[index] ??= { id: this.#part(2 * index), address: this.#part(2 * index + 1) };
    return this.#places[index];
  }

  /** All nodes, each primary before its replicas, and in the order of the shards; none where keys are not placed by slots. */
  nodes(): readonly Node[] {
    const { nodes } = this.#shared;
    return nodes === null ? [] : (JSON.parse(Buffer.from(nodes).toString('utf8')) as Node[]);
  }

  /** All of them: for people. */
  shards(): ShardPlace[] {
    return Array.from({ length: this.size }, (_, i) => this.shardAt(i));
  }

  #part(i: number): string {
    const { text, ends } = this.#shared;
    const start = i === 0 ? 0 : (ends[i - 1] as number);
    return Buffer.from(text.buffer, text.byteOffset + start, (ends[i] as number) - start).toString('utf8');
  }
}
