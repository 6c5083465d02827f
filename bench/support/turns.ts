import type { SlicedLoad } from './load.ts';
import { cpuSeconds } from './process-cost.ts';
import { lowerQuartile } from './programs.ts';

/**
 * How long a proxy that has just been started carries each kind of request before the first case: some hundred thousand
 * requests, after which its JIT compiler is done. The first case of a round would pay for it otherwise, up to 15% of its cost.
 */
export const START_WARM_UP_MS = 1500;
const WARM_UP_MS = 700;
/** Short, so that neighbouring turns meet the same machine, and long beside the beginning and the end of each. */
const TURN_MS = 200;

/** A proxy under measurement, and a load through it. */
export interface TurnTaker {
  readonly pid: number;
  readonly load: SlicedLoad;
}

/** What a request through a proxy came to. */
export interface TurnsCost {
  /** The lower quartile of the turns, since what disturbs a turn only ever adds to it. */
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly errors: number;
}

/** Has proxies take turns for so many seconds each; another has the first each time. Closes their loads. */
export async function inTurns(takers: readonly TurnTaker[], seconds: number): Promise<TurnsCost[]> {
  const entries = takers.map((taker) => ({ ...taker, costs: [] as number[], requests: 0, errors: 0, seconds: 0 }));
  for (const { load } of entries) await load.run(WARM_UP_MS);
  const turns = Math.ceil((seconds * 1000) / TURN_MS);
  for (let turn = 0; turn < turns; turn++) {
    const first = turn % entries.length;
    for (const entry of [...entries.slice(first), ...entries.slice(0, first)]) {
      const before = cpuSeconds(entry.pid);
      const slice = await entry.load.run(TURN_MS);
      entry.costs.push(((cpuSeconds(entry.pid) - before) / slice.requests) * 1e6);
      entry.requests += slice.requests;
      entry.errors += slice.errors;
      entry.seconds += slice.seconds;
    }
  }
  return entries.map(({ load, costs, requests, errors, seconds: took }) => {
    load.close();
    return { cpuUs: lowerQuartile(costs), perSecond: requests / took, errors };
  });
}
