import { OTHERS, type RouterCounters, ShardCounters } from '../core/counters.ts';

/** Counters as plain data: what is left of them in another thread, or to be kept. */
type Plain<Counters> = Counters extends readonly number[]
  ? Counters
  : {
      readonly [Name in keyof Counters as Counters[Name] extends (...args: never[]) => unknown
        ? never
        : Name]: Counters[Name] extends object ? Plain<Counters[Name]> : Counters[Name];
    };

/** What a router thread has counted, at one moment. */
export type CountersSnapshot = Plain<Omit<RouterCounters, 'unrouted'>>;

/** What was counted for a route, and for a shard. */
export type TrafficSnapshot = CountersSnapshot['routes'][string];
export type ShardSnapshot = CountersSnapshot['shards'][string];

/** They go on counting; what is returned stays as it is. */
export function snapshotOf(counters: RouterCounters): CountersSnapshot {
  return structuredClone(counters);
}

/** What was counted for a shard: zeros where it has had no request, and what is counted together where there are too many. */
export function shardIn({ shards }: CountersSnapshot, cluster: string, id: string): ShardSnapshot {
  return shards[`${cluster}/${id}`] ?? shards[OTHERS] ?? new ShardCounters();
}
