import type { Call, Disturbance, History, Version } from '../history.ts';
import { spanText, type Violation } from './violation.ts';

/** Faults must not excuse what would have failed without them. */
const MAX_EXCUSED = 1 / 3;

/** What a fault may excuse: only who has to do with what it struck. */
export class Excuses {
  readonly #disturbances: readonly Disturbance[];
  readonly #versions: readonly Version[];
  readonly #keys = new Map<Disturbance, Set<string>>();

  constructor({ disturbances, versions }: Pick<History, 'disturbances' | 'versions'>) {
    this.#disturbances = disturbances;
    this.#versions = versions;
  }

  /** Whether something that a client asked a router for a key may have failed in a span of time. */
  cover(router: number, key: string, begin: number, end: number): boolean {
    return this.#disturbances.some(
      (each) =>
        each.begin < end &&
        begin < each.end &&
        (each.routers === null || each.routers.includes(router)) &&
        (each.shards === null || this.#keysOf(each, each.shards).has(key)),
    );
  }

  /** The keys that were some shards' at any time of a disturbance, or may have been. */
  #keysOf(disturbance: Disturbance, shards: readonly string[]): Set<string> {
    const known = this.#keys.get(disturbance);
    if (known !== undefined) return known;
    const keys = new Set<string>();
    for (const [i, { since, owners }] of this.#versions.entries()) {
      const until = this.#versions[i + 1]?.seen ?? Number.POSITIVE_INFINITY;
      if (since >= disturbance.end || disturbance.begin >= until) continue;
      for (const [key, owner] of Object.entries(owners)) if (shards.includes(owner)) keys.add(key);
    }
    this.#keys.set(disturbance, keys);
    return keys;
  }
}

/** Calls that failed though nothing was broken that they had to do with. */
export function* failedUndisturbed(calls: readonly Call[], excuses: Excuses): Generator<Call> {
  for (const call of calls)
    if (call.error !== null && !excuses.cover(call.router, call.key, call.begin, call.end)) yield call;
}

export function* plannedChangesFailNothing({ calls }: History, excuses: Excuses): Generator<Violation> {
  for (const call of failedUndisturbed(calls, excuses))
    yield {
      rule: 'planned changes fail nothing',
      what: `${call.operation} ${call.key} by r${call.router} at ${spanText(call)}: ${call.error}`,
    };
}

/** Which part of a run's calls could have failed without being a violation. */
export function excusedShare(calls: readonly Call[], excuses: Excuses): number {
  const excused = calls.filter(({ router, key, begin, end }) => excuses.cover(router, key, begin, end));
  return calls.length === 0 ? 0 : excused.length / calls.length;
}

export function* littleIsExcused({ calls }: History, excuses: Excuses): Generator<Violation> {
  const share = excusedShare(calls, excuses);
  if (share > MAX_EXCUSED)
    yield {
      rule: 'little is excused',
      what: `${(100 * share).toFixed(0)}% of all calls were made while something was broken`,
    };
}
