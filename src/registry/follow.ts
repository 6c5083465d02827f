import { EventQueue } from '../runtime/event-queue.ts';
import { type ChangeSet, type Entry, type Revision, StoreUnavailable } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';

/** What is reported of entries that are followed. */
export type Followed =
  /** All there is: at first, and where the store has forgotten changes that were missed. */
  | {
      readonly kind: 'state';
      readonly entries: readonly Entry[];
      readonly revision: Revision;
      /** Of the store: another one than before, and its numbers do not compare with those of before. */
      readonly incarnation: string;
    }
  | ({ readonly kind: 'changes' } & ChangeSet)
  /** The store cannot be reached. What was reported before is the last that is known. */
  | { readonly kind: 'outage'; readonly cause: Error }
  | { readonly kind: 'recovered' };

/** The first attempt after an outage comes soon, later ones not too often; a jitter keeps 1,000 followers apart. */
const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 2000;

/**
 * Follows the entries whose keys begin so through every outage of the store: no change is missed and none is reported
 * twice. Where the store went back, everything is reported again. Ends when `until` is aborted, or the store is closed.
 */
export async function* follow(store: TrackedStore, prefix: string, until: AbortSignal): AsyncGenerator<Followed> {
  const signal = AbortSignal.any([until, store.closed]);
  const cursor: Cursor = { after: null, incarnation: '' };
  let outage = false;
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      for await (const event of reached(store, prefix, cursor, signal)) {
        if (event.kind !== 'begun') yield event;
        else {
          if (outage) yield { kind: 'recovered' };
          outage = false;
          waitMs = FIRST_WAIT_MS;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StoreUnavailable)) throw error;
      if (!outage) yield { kind: 'outage', cause: error };
      outage = true;
      await store.pause(waitMs, signal);
      waitMs = Math.min(2 * waitMs, MAX_WAIT_MS);
    }
  }
}

/** What is reported of all entries that are followed. */
export type FollowedAll<Value> =
  /** What there is now, by key. */
  | { readonly kind: 'all'; readonly values: ReadonlyMap<string, Value>; readonly incarnation: string }
  | Extract<Followed, { readonly kind: 'outage' | 'recovered' }>;

/**
 * Follows entries as `follow` does, and yields all of them after every change. Where an entry cannot be read, what was
 * last read of it stays.
 * @param of what is made of an entry, once; it may throw UnreadableEntry
 * @param isReplaced whether an entry's value has nothing to do with the one before it: of such a one nothing stays
 */
export async function* followAll<Value>(
  store: TrackedStore,
  prefix: string,
  until: AbortSignal,
  of: (entry: Entry) => Value,
  isReplaced: (key: string) => boolean = () => false,
): AsyncGenerator<FollowedAll<Value>> {
  const values = new Map<string, Value>();
  let incarnation = '';
  for await (const event of follow(store, prefix, until)) {
    if (event.kind === 'outage' || event.kind === 'recovered') {
      yield event;
      continue;
    }
    if (event.kind === 'state') {
      incarnation = event.incarnation;
      const there = new Set(event.entries.map(({ key }) => key));
      for (const key of [...values.keys()].filter((each) => !there.has(each))) values.delete(key);
    }
    const changed = event.kind === 'state' ? event.entries.map((entry) => ({ key: entry.key, entry })) : event.events;
    for (const { key, entry } of changed) {
      const value = entry === null ? null : store.unreadable.try(entry, of);
      if (value === null) {
        values.delete(key);
        store.unreadable.forget(key);
      } else if (value !== undefined) values.set(key, value);
      else if (isReplaced(key)) values.delete(key);
    }
    yield { kind: 'all', values, incarnation };
  }
}

/** How far a follower has come; null: nowhere yet, or what comes next is not kept any more. */
interface Cursor {
  after: Revision | null;
  /** The incarnation of the store that the revision is of. */
  incarnation: string;
}

type Begun = { readonly kind: 'begun' };

/** Follows from the cursor on, which it moves, for as long as the store is reached. */
async function* reached(
  store: TrackedStore,
  prefix: string,
  cursor: Cursor,
  signal: AbortSignal,
): AsyncGenerator<Followed | Begun> {
  if (cursor.after === null) {
    const incarnation = store.incarnation === '' ? await store.check() : store.incarnation;
    const { entries, revision } = await store.list(prefix);
    cursor.after = revision;
    cursor.incarnation = incarnation;
    yield { kind: 'begun' };
    yield { kind: 'state', entries, revision, incarnation };
  }
  // Another process may be the first to notice that the store went back: then everything is reported again, too.
  const until = AbortSignal.any([signal, store.replaced]);
  for await (const event of watched(store, prefix, cursor.after, until)) {
    if (event.kind === 'begun' && (await store.check()) !== cursor.incarnation) {
      cursor.after = null;
      return;
    }
    if (event.kind === 'compacted') cursor.after = null;
    else {
      if (event.kind === 'changes') cursor.after = event.revision;
      yield event;
    }
  }
}

type Watched = Begun | { readonly kind: 'compacted' } | ({ readonly kind: 'changes' } & ChangeSet);

/** One watch, until it ends. @throws what ended it, but for compaction */
async function* watched(
  store: TrackedStore,
  prefix: string,
  after: Revision,
  signal: AbortSignal,
): AsyncGenerator<Watched> {
  const queue = new EventQueue<Watched>();
  const stop = store.watch(prefix, after, {
    onBegun: () => queue.push({ kind: 'begun' }),
    onChanges: (changes) => queue.push({ kind: 'changes', ...changes }),
    onEnded: (reason) => {
      if (reason.kind === 'compacted') queue.push({ kind: 'compacted' });
      queue.end(reason.kind === 'compacted' ? null : reason.cause);
    },
  });
  const onAbort = (): void => queue.end(null);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    yield* queue;
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop();
  }
}
