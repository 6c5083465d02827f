import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Pause, RETRY_MS } from '../runtime/pause.ts';
import { epochOf, type FencingToken, tokenOf } from './fencing-token.ts';
import { type Change, type Entry, type Revision, type Store, StoreDenied } from './store/store.ts';

/**
 * What a store is from its beginning until its contents go back: restored from a backup, or lost and started empty. What was reported of the store
 * by one incarnation says nothing in the next, whatever its number is.
 */
interface Incarnation {
  readonly id: string;
  /** Of two incarnations that one process has known the later one's is larger. Fencing tokens begin with it. */
  readonly epoch: number;
}

/** The entry that says it. */
export interface StoredIncarnation extends Incarnation {
  /** The copy of the store that it was written for: of a file, or of a cluster. */
  readonly copy: string;
  /** Ids of those before it, the last ones. A process that comes from any other was somewhere else. */
  readonly past: readonly string[];
  /**
   * The longest time for which a process may act without hearing from the store, by a lease or beyond it: after that every process that uses an earlier
   * incarnation has stopped.
   */
  readonly longestLeaseMs: number;
}

export const INCARNATION = 'incarnation/current';
/** Present, by a lease of that length, while others may still use an earlier incarnation. */
export const SETTLING = 'incarnation/settling';
export const INCARNATIONS = 'incarnation/';
/** More restores than this while a process was away, and it takes the store for another one once more. */
const KEPT_PAST = 20;
const ID_BYTES = 8;

const schema = z.object({
  id: z.string(),
  epoch: z.int().min(0),
  copy: z.string().default(''),
  past: z.array(z.string()).default([]),
  longestLeaseMs: z.number().default(0),
});

/** What a process has seen of a store, by which it notices that the store went back. */
export interface Seen {
  readonly incarnation: StoredIncarnation | null;
  /** The store was at this revision. */
  readonly revision: Revision | 0;
  /** A change that it made, at that revision or before. */
  readonly entry: Entry | null;
  /** The longest time for which this process may act so. */
  readonly longestLeaseMs: number;
}

/**
 * Reads which incarnation a store is. Where it is not, or cannot be, what this process has seen, it becomes another
 * one, and that settles for as long as any process may use the earlier one.
 * @param least a token that it has given, by what was kept elsewhere; 0: nothing was
 * @throws StoreUnavailable
 */
export async function incarnationOf(
  store: Store,
  seen: Seen,
  least: FencingToken,
  pause: Pause,
): Promise<StoredIncarnation> {
  let denied = 0;
  for (;;) {
    const { entries, revision } = await store.list(INCARNATIONS);
    const entry = entries.find(({ key }) => key === INCARNATION);
    const stored = entry === undefined ? null : storedOf(entry);
    const { copy, isKept } = await store.recall(seen.entry);
    const continued = revision >= seen.revision && isKept !== false;
    const isBeyond = stored !== null && tokenOf(stored.epoch, revision) >= least;
    if (isBeyond && isSameCopy(stored, copy) && follows(stored, seen, continued)) return stored;
    const next = nextOf(entry, stored, seen, { copy, continued, least });
    try {
      if (await isWritten(store, entry, next)) return next.incarnation;
    } catch (error) {
      if (!(error instanceof StoreDenied)) throw error;
      // A process that may only read takes the incarnation that others write, once they have noticed.
      if (stored === null || ++denied > MAX_DENIALS) return stored ?? UNKNOWN;
      await pause(RETRY_MS, store.closed);
    }
  }
}

/** What to write in the entry; `settles`: others may still use what was before. */
interface Next {
  readonly incarnation: StoredIncarnation;
  readonly settles: boolean;
}

function nextOf(
  entry: Entry | undefined,
  stored: StoredIncarnation | null,
  seen: Seen,
  { copy, continued, least }: { readonly copy: string; readonly continued: boolean; readonly least: FencingToken },
): Next {
  const known = seen.incarnation;
  // The entry was damaged or deleted from outside, and the store is what it was.
  if (stored === null && known !== null && continued) return { incarnation: known, settles: false };
  if (entry === undefined && known === null && least === 0) return { incarnation: first(copy), settles: false };
  return { incarnation: following(stored, seen, copy, epochOf(least)), settles: true };
}

/** @returns false where another process was faster */
async function isWritten(store: Store, entry: Entry | undefined, { incarnation, settles }: Next): Promise<boolean> {
  const changes: Change[] = [{ key: INCARNATION, value: JSON.stringify(incarnation) }];
  const { longestLeaseMs } = incarnation;
  if (settles && longestLeaseMs > 0)
    changes.push({ key: SETTLING, value: '{}', lease: await store.grantLease(longestLeaseMs) });
  return (await store.commit([{ key: INCARNATION, revision: entry?.revision ?? 0 }], changes)) !== null;
}

/** The incarnation of a store that does not name one and may not be written. */
const UNKNOWN: StoredIncarnation = { id: '', epoch: 0, copy: '', past: [], longestLeaseMs: 0 };
/** Five seconds: others notice when their connections are reopened. */
const MAX_DENIALS = 25;

/** A copy that says nothing of itself is taken for what it was. */
function isSameCopy(stored: StoredIncarnation, copy: string): boolean {
  return stored.copy === '' || copy === '' || stored.copy === copy;
}

/** Whether it is what this process has seen, gone on; or comes after that, as another process has noticed already. */
function follows(stored: StoredIncarnation, { incarnation }: Seen, continued: boolean): boolean {
  if (incarnation === null) return true;
  return stored.id === incarnation.id ? continued : stored.past.includes(incarnation.id);
}

function newId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

function first(copy: string): StoredIncarnation {
  return { id: newId(), epoch: 0, copy, past: [], longestLeaseMs: 0 };
}

function following(stored: StoredIncarnation | null, seen: Seen, copy: string, before: number): StoredIncarnation {
  const { incarnation } = seen;
  const epoch = Math.max(before + 1, (stored?.epoch ?? 0) + 1, (incarnation?.epoch ?? 0) + 1);
  const past = [...(stored?.past ?? []), stored?.id ?? '', incarnation?.id ?? ''].filter((id) => id !== '');
  // The backup may be from before the longest was asked for.
  const longestLeaseMs = Math.max(stored?.longestLeaseMs ?? 0, incarnation?.longestLeaseMs ?? 0, seen.longestLeaseMs);
  return { id: newId(), epoch, copy, past: [...new Set(past)].slice(-KEPT_PAST), longestLeaseMs };
}

/** Records a lease: its holder may use this incarnation for that long after the store has become another one. @throws StoreUnavailable */
export async function recordLongestLease(store: Store, lengthMs: number): Promise<void> {
  for (;;) {
    const entry = await store.get(INCARNATION);
    const stored = entry === null ? null : storedOf(entry);
    if (entry === null || stored === null || stored.longestLeaseMs >= lengthMs) return;
    const value = JSON.stringify({ ...stored, longestLeaseMs: lengthMs });
    if ((await store.commit([{ key: INCARNATION, revision: entry.revision }], [{ key: INCARNATION, value }])) !== null)
      return;
  }
}

/** Null where it cannot be read: then what it was is unknown. */
function storedOf(entry: Entry): StoredIncarnation | null {
  try {
    return schema.parse(JSON.parse(entry.value));
  } catch {
    return null;
  }
}
