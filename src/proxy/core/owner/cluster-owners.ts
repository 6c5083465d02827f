import { ClusterTable, fingerprint, type ShardPlace, type SharedCluster } from '../../../topology/index.ts';
import type { FencedShard } from '../gate/fence.ts';
import type { ServesUntil } from '../gate/lease-watch.ts';
import type { Owners } from '../gate/owners.ts';
import type { RequestGate } from '../gate/request-gate.ts';
import type { Key, ReceivedKey } from './key.ts';
import { KeyBytes } from './key-bytes.ts';
import type { Pool } from './pool.ts';
import type { ServerPlace } from './server-place.ts';
import type { Upstream, UpstreamDescription } from './upstream.ts';

/** A cluster, and how its shards are spoken to. */
export interface RoutedCluster {
  readonly name: string;
  readonly upstream: UpstreamDescription;
  /** The owners; null while they are unknown. */
  readonly table: SharedCluster | null;
  /** For a cluster of the registry: until when it may be served. */
  readonly servesUntil?: ServesUntil | undefined;
  /** For a sidecar: the one shard behind it, which does not refuse what it has lost. Only where one thread routes. */
  readonly fenced?: FencedShard | undefined;
}

/** A fingerprint of how a thread's table places keys. */
export interface TableFingerprint {
  readonly version: number | null;
  readonly hash: string;
}

/** The shards of a cluster, at one version, as this thread reaches them. */
export class ClusterOwners<P extends Pool = Pool> implements Owners {
  readonly name: string;
  /** How its shards are spoken to. */
  readonly upstream: UpstreamDescription;
  /** Of two with the same table the same. */
  readonly build: number;
  /** In memory that threads share; null while the owners are unknown. */
  readonly shared: SharedCluster | null;
  /** The same as this thread has opened it. */
  readonly table: ClusterTable | null;
  readonly #upstreamOf: (place: ServerPlace) => Upstream<P>;
  /** By the shard's number, made when a request is for it: a version of 10,000 shards is swapped in without a pause. */
  readonly #upstreams: Array<Upstream<P> | undefined>;
  /** What stands before them; null where nothing ever does. */
  readonly gate: RequestGate | null;
  /** Those that were made. */
  readonly reached = new Set<Upstream<P>>();
  readonly #keyBytes = new KeyBytes();
  /** The shards' numbers by their ids; made when a shard is asked for by its id. */
  #numbers: ReadonlyMap<string, number> | null = null;
  /** Where the replicas are, by their shards, and those that are reached; made when one is first asked for. */
  #replicaPlaces: ReadonlyMap<string, readonly ServerPlace[]> | null = null;
  readonly #replicas = new Map<string, readonly Upstream<P>[]>();

  constructor(
    { name, upstream, table }: RoutedCluster,
    gate: RequestGate | null,
    upstreamOf: (place: ServerPlace) => Upstream<P>,
  ) {
    this.name = name;
    this.upstream = upstream;
    this.shared = table;
    this.table = table === null ? null : new ClusterTable(table);
    this.build = table?.build ?? 0;
    this.gate = gate;
    this.#upstreamOf = upstreamOf;
    this.#upstreams = new Array(this.size);
  }

  get size(): number {
    return this.table?.size ?? 0;
  }

  get protocol(): string {
    return this.upstream.protocol;
  }

  /** Null where there is no table, or it has no version. */
  get version(): number | null {
    return this.table?.version ?? null;
  }

  /** Distinguishes this thread's table from others; null where there is none. @param keys how many are looked at */
  async fingerprint(keys: number): Promise<TableFingerprint | null> {
    const table = this.table;
    return table === null ? null : { version: table.version, hash: await fingerprint(table, keys) };
  }

  /** The owner of a key where it was received, noted there: a key that comes again costs one comparison. */
  ownerOf(key: ReceivedKey): Upstream<P> | null {
    if (key.memoScope === this) return key.memo as Upstream<P> | null;
    const index = this.#indexOf(key);
    const owner = index < 0 ? null : this.reach(index);
    key.memo = owner;
    key.memoScope = this;
    return owner;
  }

  /** @param key latin1 text, a character for a byte */
  ownerOfText(key: string): Upstream<P> | null {
    const index = this.#indexOf(key);
    return index < 0 ? null : this.reach(index);
  }

  /** The owner of key[start, end), which is looked at where it stands. */
  ownerOfBytes(key: Uint8Array, start: number, end: number): Upstream<P> | null {
    const index = this.table === null ? -1 : this.table.locate(key, start, end);
    return index < 0 ? null : this.reach(index);
  }

  /** Any shard, the same each time; null where there is none. */
  get first(): Upstream<P> | null {
    return this.size === 0 ? null : this.reach(0);
  }

  /** The shard of an id; null where there is none. */
  withId(id: string): Upstream<P> | null {
    const index = this.#numberOf(id);
    return index < 0 ? null : this.reach(index);
  }

  #numberOf(id: string): number {
    this.#numbers ??= new Map(Array.from({ length: this.size }, (_, index) => [this.idOf(index), index]));
    return this.#numbers.get(id) ?? -1;
  }

  /** The shard at an address; null where there is none. Looks at all of them. */
  at(address: string): Upstream<P> | null {
    const table = this.table;
    for (let index = 0; table !== null && index < table.size; index++)
      if (table.shardAt(index).address === address) return this.reach(index);
    return null;
  }

  /** The owner of a key that is at hand, in either form. */
  find(key: Key): Upstream<P> | null {
    return typeof key === 'string' ? this.ownerOfText(key) : this.ownerOf(key);
  }

  /** Whether this is the owner of a key. Reaches no shard: of ten thousand that would take a while. */
  isOwner(upstream: Upstream, key: Key): boolean {
    return this.#isAt(this.#indexOf(key), upstream);
  }

  has(upstream: Upstream): boolean {
    return this.#isAt(this.#numberOf(upstream.id), upstream);
  }

  /** Whether the shard of a number is this one. @param index negative: there is none */
  #isAt(index: number, upstream: Upstream): boolean {
    if (index < 0) return false;
    if (this.#upstreams[index] === upstream) return true;
    // One whose cluster has other settings by now is the same shard still.
    const { id, address } = this.placeOf(index);
    return upstream.id === id && upstream.address === address && upstream.cluster === this.name;
  }

  /** The number of the shard that owns a key; -1 where no shard does. */
  #indexOf(key: Key): number {
    const table = this.table;
    if (table === null) return -1;
    const { bytes, length } = this.#keyBytes.read(key);
    return table.locate(bytes, 0, length);
  }

  idOf(index: number): string {
    return this.placeOf(index).id;
  }

  /** Where the shard of this number is, without reaching it. */
  placeOf(index: number): ShardPlace {
    return (this.table as ClusterTable).shardAt(index);
  }

  /** The replicas of a shard, in their order; none where keys are not placed by slots. */
  replicasOf(shard: string): readonly Upstream<P>[] {
    const known = this.#replicas.get(shard);
    if (known !== undefined) return known;
    this.#replicaPlaces ??= replicaPlacesOf(this.table);
    const made = (this.#replicaPlaces.get(shard) ?? []).map(this.#upstreamOf);
    for (const replica of made) this.reached.add(replica);
    this.#replicas.set(shard, made);
    return made;
  }

  /** The shard of this number. */
  reach(index: number): Upstream<P> {
    const known = this.#upstreams[index];
    if (known !== undefined) return known;
    const made = this.#upstreamOf((this.table as ClusterTable).shardAt(index));
    this.#upstreams[index] = made;
    this.reached.add(made);
    return made;
  }
}

function replicaPlacesOf(table: ClusterTable | null): ReadonlyMap<string, readonly ServerPlace[]> {
  const replicas = (table?.nodes() ?? []).filter(({ follows }) => follows !== null);
  const byShard = Map.groupBy(replicas, ({ shard }) => shard);
  return new Map(
    [...byShard].map(([shard, nodes]) => [
      shard,
      nodes.map(({ id, address }): ServerPlace => ({ id: `${shard}/${id}`, address, replicaOf: shard })),
    ]),
  );
}
