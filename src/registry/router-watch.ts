import { isDeepStrictEqual } from 'node:util';
import { EventQueue } from '../runtime/event-queue.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';
import { routerValue } from './member-values.ts';
import type { Member, Members } from './members.ts';

/** All routers that are present; null while the registry cannot be reached. */
type Routers = readonly Member[] | null;

/**
 * Watches the routers once for all clusters whose handoffs this process drives: one entry of a router tells of each of its clusters, so that with a watch
 * for each cluster a change of one would be sent, with all clusters' names, as often as there are clusters.
 */
export class RouterWatch {
  readonly #members: Members;
  #shared: SharedWatch | null = null;

  constructor(members: Members) {
    this.#members = members;
  }

  /**
   * Yields all routers: now, whenever one of them has come, has gone or has said something of this cluster, and null while the registry cannot be reached.
   * Of several changes in a row only the last may be yielded.
   */
  async *of(cluster: TopologyName, signal: AbortSignal): AsyncGenerator<Routers> {
    if (signal.aborted) return;
    this.#shared ??= this.#begin();
    const shared = this.#shared;
    const watcher = shared.join(topologyText(cluster));
    const onAbort = (): void => watcher.end(null);
    signal.addEventListener('abort', onAbort);
    try {
      yield* watcher.news();
    } finally {
      signal.removeEventListener('abort', onAbort);
      shared.leave(watcher);
    }
  }

  #begin(): SharedWatch {
    return new SharedWatch(this.#members, (over) => {
      if (this.#shared === over) this.#shared = null;
    });
  }
}

/** One watch of the routers, for as long as somebody wants to hear of them. */
class SharedWatch {
  readonly #watchers = new Set<Watcher>();
  readonly #stopping = new AbortController();
  readonly #onOver: (watch: SharedWatch) => void;
  /** Undefined: nothing is known yet. */
  #last: Routers | undefined = undefined;

  /** @param onOver called when nobody can join any more */
  constructor(members: Members, onOver: (watch: SharedWatch) => void) {
    this.#onOver = onOver;
    this.#run(members).then(
      () => this.#end(null),
      (error: unknown) => this.#end(error as Error),
    );
  }

  async #run(members: Members): Promise<void> {
    for await (const routers of members.watch('router', '', this.#stopping.signal)) {
      const before = this.#last;
      this.#last = routers;
      const changed = changedOf(before, routers);
      for (const watcher of this.#watchers)
        if (changed === 'all' || changed.some((each) => isNewsOf(watcher.cluster, each))) watcher.push(routers);
    }
  }

  #end(error: Error | null): void {
    this.#onOver(this);
    for (const watcher of this.#watchers) watcher.end(error);
  }

  join(cluster: string): Watcher {
    const watcher = new Watcher(cluster);
    this.#watchers.add(watcher);
    if (this.#last !== undefined) watcher.push(this.#last);
    return watcher;
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#onOver(this);
    this.#stopping.abort();
  }
}

/** What one cluster has yet to hear. */
class Watcher {
  readonly cluster: string;
  /** One for each that is pending. */
  readonly #wakes = new EventQueue<null>();
  /** Two at most: an outage, and what there was before it or is after it. */
  readonly #pending: Routers[] = [];

  constructor(cluster: string) {
    this.cluster = cluster;
  }

  push(routers: Routers): void {
    const last = this.#pending.at(-1);
    if (last !== undefined && (last === null) === (routers === null)) this.#pending.pop();
    else if (this.#pending.length > 1) this.#pending.shift();
    else this.#wakes.push(null);
    this.#pending.push(routers);
  }

  end(error: Error | null): void {
    this.#wakes.end(error);
  }

  async *news(): AsyncGenerator<Routers> {
    for await (const _wake of this.#wakes) yield this.#pending.shift() ?? null;
  }
}

/** A router before and after it said something. */
type Change = readonly [before: Member, after: Member];

/** The routers that have said something; `all`: others are there than before, or it is not known. */
function changedOf(before: Routers | undefined, after: Routers): Change[] | 'all' {
  if (before === undefined || before === null || after === null || before.length !== after.length) return 'all';
  const changed: Change[] = [];
  for (const [i, member] of after.entries()) {
    const last = before[i] as Member;
    if (last === member) continue;
    if (last.instance !== member.instance || last.name !== member.name) return 'all';
    changed.push([last, member]);
  }
  return changed;
}

function isNewsOf(cluster: string, [before, after]: Change): boolean {
  const [last, now] = [routerValue(before.value), routerValue(after.value)];
  return (
    last.versions[cluster] !== now.versions[cluster] ||
    !isDeepStrictEqual(last.acknowledged[cluster], now.acknowledged[cluster]) ||
    !isDeepStrictEqual(last.knows, now.knows)
  );
}
