import { isDeepStrictEqual } from 'node:util';
import { keyBytes, type Partition } from '../placement/index.ts';
import { Cluster } from './cluster.ts';
import type { ClusterDescription, Piece } from './cluster-description.ts';
import { piecesOf } from './moving.ts';
import { type Pin, pinName } from './pins.ts';

/** Keys whose hash lies from `first` to `last`, both included, and whose owner changes. Null: no owner. */
export interface MovedRange {
  readonly first: bigint;
  readonly last: bigint;
  readonly from: string | null;
  readonly to: string | null;
}

/** Keys whose pin is new, gone or another one; of null, the placement decides. */
export interface MovedPin {
  readonly pin: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** How large a share of all keys goes from one shard to another. */
export interface Flow {
  readonly from: string | null;
  readonly to: string | null;
  readonly share: number;
}

/** What changes for keys from one version of a cluster to another. */
export interface ClusterDiff {
  /** Whether the owner of key[start, end) changes. Allocates nothing. */
  moves(key: Uint8Array, start: number, end: number): boolean;
  /**
   * The ranges of the hash space that move, in order, neighbours joined. Null where the versions hash keys in different ways,
   * so that no range of the one is one of the other.
   */
  readonly ranges: readonly MovedRange[] | null;
  /** Pins that change. Ranges and shares are without pins: how many keys one holds is not known. */
  readonly pins: readonly MovedPin[];
  /** By pair of shards, the largest first: exact where there are `ranges`, else what a sample of keys shows. */
  readonly flows: readonly Flow[];
  /** The share of all keys that moves. */
  readonly moved: number;
}

/** Compares two versions of a cluster. Shards are the same where their ids are. */
export function diff(before: Cluster, after: Cluster): ClusterDiff {
  const names = [idsOf(before), idsOf(after)] as const;
  const [a, b] = [before.partition(), after.partition()];
  const isWhole = before.moving === null && after.moving === null;
  const ranges = isWhole && a.space === b.space ? movedRanges(a, b, names) : null;
  const isPinned = before.pins.length > 0 || after.pins.length > 0;
  const moves = ranges === null || isPinned ? byOwners(before, after, names) : byRanges(before, ranges);
  // A sample takes a second on a busy machine, and most callers ask only which shards lose something.
  let flows: readonly Flow[] | null = null;
  const flowsNow = (): readonly Flow[] => {
    flows ??= ranges === null ? sampledFlows(before, after, names) : flowsOf(ranges, a.size);
    return flows;
  };
  return {
    moves,
    ranges,
    pins: movedPins(before.pins, after.pins),
    get flows() {
      return flowsNow();
    },
    get moved() {
      return flowsNow().reduce((sum, { share }) => sum + share, 0);
    },
  };
}

/**
 * The shards that lose a key from one version to the other, a shard that is served elsewhere among them; all, where the
 * versions place keys in different ways, so that any may.
 */
export function losingShards(before: ClusterDescription, after: ClusterDescription): string[] {
  const losing = new Set<string>();
  const [had, will] = [piecesOf(before), piecesOf(after)];
  let [i, j] = [0, 0];
  while (i < had.length && j < will.length) {
    const [a, b] = [had[i] as Piece, will[j] as Piece];
    if (!isDeepStrictEqual({ ...a, until: 1 }, { ...b, until: 1 }))
      for (const id of losingOf({ name: before.name, ...a }, { name: after.name, ...b })) losing.add(id);
    if (a.until <= b.until) i++;
    if (b.until <= a.until) j++;
  }
  return [...losing];
}

function losingOf(before: ClusterDescription, after: ClusterDescription): string[] {
  const { ranges, pins } = diff(new Cluster(before), new Cluster(after));
  if (ranges === null || pins.length > 0) return before.shards.map(({ id }) => id);
  const addresses = new Map(after.shards.map(({ id, address }) => [id, address]));
  const elsewhere = before.shards.filter(({ id, address }) => addresses.get(id) !== address).map(({ id }) => id);
  return [...new Set([...ranges.flatMap(({ from }) => from ?? []), ...elsewhere])];
}

type Names = readonly [before: readonly string[], after: readonly string[]];

/** Asks both versions. */
function byOwners(before: Cluster, after: Cluster, [had, will]: Names): ClusterDiff['moves'] {
  return (key, start, end) =>
    ownerId(had, before.locate(key, start, end)) !== ownerId(will, after.locate(key, start, end));
}

/** Looks a key up among the ranges that move: hashed once, and few ranges are nearer than two whole tables. */
function byRanges(cluster: Cluster, ranges: readonly MovedRange[]): ClusterDiff['moves'] {
  const words = (pick: (range: MovedRange) => bigint): Uint32Array =>
    Uint32Array.from(ranges, (each) => Number(pick(each)));
  const [firstHi, firstLo] = [words(({ first }) => first >> 32n), words(({ first }) => first & 0xffffffffn)];
  const [lastHi, lastLo] = [words(({ last }) => last >> 32n), words(({ last }) => last & 0xffffffffn)];
  const point = { hi: 0, lo: 0 };
  return (key, start, end) => {
    cluster.point(key, start, end, point);
    const hi = point.hi >>> 0;
    const lo = point.lo >>> 0;
    // The first range that does not end before the point.
    let low = 0;
    let high = lastHi.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const endsHi = lastHi[middle] as number;
      if (endsHi < hi || (endsHi === hi && (lastLo[middle] as number) < lo)) low = middle + 1;
      else high = middle;
    }
    if (low === lastHi.length) return false;
    const beginsHi = firstHi[low] as number;
    return beginsHi < hi || (beginsHi === hi && (firstLo[low] as number) <= lo);
  };
}

function movedPins(before: readonly Pin[], after: readonly Pin[]): MovedPin[] {
  const shards = (pins: readonly Pin[]) => new Map(pins.map((pin) => [pinName(pin), pin.shard]));
  const [had, will] = [shards(before), shards(after)];
  return [...new Set([...had.keys(), ...will.keys()])]
    .map((pin) => ({ pin, from: had.get(pin) ?? null, to: will.get(pin) ?? null }))
    .filter(({ from, to }) => from !== to);
}

function idsOf({ shards }: Cluster): string[] {
  return shards.map(({ id }) => id);
}

function ownerId(ids: readonly string[], index: number): string | null {
  return index < 0 ? null : (ids[index] as string);
}

/** Walks both tables at once: each step ends where the nearer of the two current arcs does. */
function movedRanges(a: Partition, b: Partition, [before, after]: Names): MovedRange[] {
  const ranges: MovedRange[] = [];
  let [i, j] = [0, 0];
  let first = 0n;
  while (i < a.los.length && j < b.los.length) {
    const order = compare(a, i, b, j);
    const [nearer, at] = order <= 0 ? [a, i] : [b, j];
    const from = ownerId(before, a.owners[i] as number);
    const to = ownerId(after, b.owners[j] as number);
    const last = point(nearer, at);
    // An arc may be empty: two entries of a ring at one point.
    if (from !== to && last >= first) join(ranges, { first, last, from, to });
    if (last >= first) first = last + 1n;
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return ranges;
}

function point({ his, los }: Partition, i: number): bigint {
  return (BigInt(his[i] as number) << 32n) | BigInt(los[i] as number);
}

function compare(a: Partition, i: number, b: Partition, j: number): number {
  return (a.his[i] as number) - (b.his[j] as number) || (a.los[i] as number) - (b.los[j] as number);
}

/** Adds a range, or lengthens the last one where the two are neighbours and move alike. */
function join(ranges: MovedRange[], range: MovedRange): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.last + 1n === range.first && last.from === range.from && last.to === range.to)
    ranges[ranges.length - 1] = { ...last, last: range.last };
  else ranges.push(range);
}

function flowsOf(ranges: readonly MovedRange[], size: number): Flow[] {
  return sorted(ranges.map(({ first, last, from, to }) => ({ from, to, share: Number(last - first + 1n) / size })));
}

/** A sample's error is a fraction of a percent, which is enough to tell people what a change of placement means. */
const SAMPLED_KEYS = 65536;

function sampledFlows(before: Cluster, after: Cluster, [names, others]: Names): Flow[] {
  const flows: Flow[] = [];
  for (let i = 0; i < SAMPLED_KEYS; i++) {
    const key = keyBytes(`sample/${i}`);
    const from = ownerId(names, before.locate(key, 0, key.length));
    const to = ownerId(others, after.locate(key, 0, key.length));
    if (from !== to) flows.push({ from, to, share: 1 / SAMPLED_KEYS });
  }
  return sorted(flows);
}

/** One flow for each pair, the largest first. */
function sorted(flows: readonly Flow[]): Flow[] {
  const pairs = new Map<string, Flow>();
  for (const { from, to, share } of flows) {
    const name = JSON.stringify([from, to]);
    pairs.set(name, { from, to, share: share + (pairs.get(name)?.share ?? 0) });
  }
  return [...pairs.values()].sort((x, y) => y.share - x.share);
}
