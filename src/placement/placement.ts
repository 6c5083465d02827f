import type { z } from 'zod';
import type { Hash64 } from './hash/u64.ts';
import type { Partition } from './partition.ts';
import type { SharedTables } from './shared-tables.ts';

/** One owner of keys, as a placement sees it. */
export interface Member {
  /** The shard's id; breaks ties, so that the order of a list never decides. */
  readonly id: string;
  /** What stands for the shard in the hash: its address, host name or id. */
  readonly hashKey: string;
  /** Its part of the keys relative to the others'. A member of weight 0 owns nothing. */
  readonly weight: number;
  /** For slot placement only: the inclusive ranges that it owns. */
  readonly slots?: ReadonlyArray<readonly [first: number, last: number]>;
}

/**
 * The pure function from key to owner. It depends on the members alone, never on health as one router sees it, so that
 * every router has the same owner for a key.
 */
export interface Placement {
  /** The index, in the list of members that it was built from, of the owner of key[start, end); -1 without an owner. Allocates nothing. */
  locate(key: Uint8Array, start: number, end: number): number;
  /** The hash that `locate` compares, for people to look at. */
  hash(key: Uint8Array, start: number, end: number, into: Hash64): void;
  /** Where key[start, end) stands in the space that `partition` divides. */
  point(key: Uint8Array, start: number, end: number, into: Hash64): void;
  /** The whole table, to compare it with another one. */
  partition(): Partition;
  /** What another thread opens it from; see `PlacementKind.open`. */
  readonly tables: SharedTables;
  /** Bytes that the table keeps, for the benchmark and for metrics. */
  readonly sizeBytes: number;
}

/** A way to place keys: one per folder of this one, listed in `kinds.ts` by the name that documents have for it. */
export interface PlacementKind<Options extends z.ZodObject = z.ZodObject> {
  /** What it is, in a line, for the schema of documents. */
  readonly about: string;
  /** What it takes: each option with its default, its bounds and its faults in words that people read. */
  readonly options: Options;
  /** The option that its size is, where it has one: what `NAME:SIZE` on a command line sets. */
  readonly sizeOption?: keyof z.input<Options> & string;
  /** @param options as they have been checked; what is not given has its default */
  build(members: readonly Member[], options: z.input<Options>): Placement;
  /** A placement that was built, from its tables: at once, whatever their size. */
  open(tables: SharedTables): Placement;
}

const encoder = new TextEncoder();

/** Text as the bytes that are hashed: UTF-8, as it stands in an HTTP header. */
export function keyBytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Indices of the members that can own anything. */
export function owners(members: readonly Member[]): number[] {
  const indices: number[] = [];
  members.forEach((member, index) => {
    if (member.weight > 0) indices.push(index);
  });
  return indices;
}
