import { Cluster, diff, type Topology } from '../../topology/index.ts';
import type { Moves } from './calls.ts';

/** What takes longer to compare, or is longer to read, is left to questions. */
const MAX_ARCS = 100_000;
const MAX_RANGES = 10_000;

/** Which keys leave a shard, or come to it; null where ranges cannot say it, or not briefly. */
export function movesOf(before: Topology, after: Topology, shard: string): Moves | null {
  const addressIn = ({ shards }: Topology): string | undefined => shards.find(({ id }) => id === shard)?.address;
  // Between two addresses all keys move, though their shard stays the same.
  if (addressIn(after) !== undefined && addressIn(after) !== addressIn(before)) return null;
  const [had, will] = [new Cluster(before), new Cluster(after)];
  const { space, los } = had.partition();
  if (los.length + will.partition().los.length > MAX_ARCS) return null;
  const { ranges, pins } = diff(had, will);
  const own = ranges?.filter(({ from, to }) => from === shard || to === shard);
  if (own === undefined || own.length > MAX_RANGES) return null;
  return {
    space,
    ranges: own.map(({ first, last, from, to }) => ({ first: String(first), last: String(last), from, to })),
    pins,
  };
}
