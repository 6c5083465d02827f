import { RETRY_MS } from '../runtime/pause.ts';
import type { Topology, TopologyName, TopologyVersion } from '../topology/index.ts';
import { type Followed, follow } from './follow.ts';
import type { StagedTopologies } from './staged-topologies.ts';
import { type Entry, type Revision, StoreUnavailable } from './store/store.ts';
import { type Pointer, pointerKey, pointerOf, versionKey, versionOf, versionsOf } from './topology-entries.ts';
import type { TrackedStore } from './tracked-store.ts';

/** What is reported of a topology that is watched. */
export type TopologyEvent =
  | { readonly kind: 'topology'; readonly topology: Topology; readonly incarnation: string }
  /** It was deleted, or is not there yet. */
  | { readonly kind: 'gone'; readonly incarnation: string }
  /**
   * What is current cannot be read, and others may serve it; the last topology that was reported remains the last that
   * is known here. A version of null: not even which it is can be read.
   */
  | { readonly kind: 'unreadable'; readonly version: TopologyVersion | null; readonly incarnation: string }
  /** The registry cannot be reached; the last topology that was reported remains the last that is known. */
  | { readonly kind: 'outage'; readonly cause: Error }
  | { readonly kind: 'recovered' };

/** One watch of a topology: follows which version is current, and reads what the versions are. */
export class TopologyWatch {
  readonly #store: TrackedStore;
  readonly #staged: StagedTopologies;
  readonly #name: TopologyName;
  #after: TopologyVersion | null;
  /** Up to which revision versions were reported; null: not even the first has been looked at. */
  #delivered: Revision | null = null;
  #isThere: boolean;
  #incarnation = '';
  #outage = false;

  /** @param staged what need not be read once it is current */
  constructor(store: TrackedStore, staged: StagedTopologies, name: TopologyName, after: TopologyVersion | null) {
    this.#store = store;
    this.#staged = staged;
    this.#name = name;
    this.#after = after;
    this.#isThere = after !== null;
  }

  async *events(signal: AbortSignal): AsyncGenerator<TopologyEvent> {
    const key = pointerKey(this.#name);
    for await (const event of follow(this.#store, key, signal)) {
      if (event.kind === 'outage') yield* this.#outageBegins(event.cause);
      else if (event.kind === 'recovered') yield* this.#outageEnds();
      else {
        if (event.kind === 'state') this.#enter(event.incarnation);
        for (const entry of pointersOf(event, key)) yield* this.#onPointer(entry, event.kind === 'state', signal);
      }
    }
  }

  /** After the registry went back, reports what is current again, whatever was reported before. */
  #enter(incarnation: string): void {
    if (this.#incarnation !== '' && incarnation !== this.#incarnation) {
      this.#delivered = null;
      this.#after = null;
    }
    this.#incarnation = incarnation;
  }

  *#outageBegins(cause: Error): Generator<TopologyEvent> {
    if (!this.#outage) yield { kind: 'outage', cause };
    this.#outage = true;
  }

  *#outageEnds(): Generator<TopologyEvent> {
    if (this.#outage) yield { kind: 'recovered' };
    this.#outage = false;
  }

  /** An outage between a change and the reading of what has changed is waited out, and reported. */
  async *#onPointer(entry: Entry | null, isState: boolean, signal: AbortSignal): AsyncGenerator<TopologyEvent> {
    while (!signal.aborted) {
      try {
        const found = await this.#changes(entry, isState);
        yield* this.#outageEnds();
        yield* found;
        return;
      } catch (cause) {
        if (this.#store.closed.aborted) return;
        if (!(cause instanceof StoreUnavailable)) throw cause;
        yield* this.#outageBegins(cause);
        await this.#store.pause(RETRY_MS, signal);
      }
    }
  }

  /** The events for a pointer that is found in this state (`isState`), or has just changed to it. */
  async #changes(entry: Entry | null, isState: boolean): Promise<TopologyEvent[]> {
    if (!isState && entry !== null && this.#delivered !== null && entry.revision <= this.#delivered) return [];
    const pointer = entry === null ? null : this.#store.unreadable.try(entry, pointerOf);
    if (pointer === undefined) return this.#delivered === null ? this.#withoutPointer() : [];
    const isThere = pointer !== null && !pointer.deleted;
    const isFirst = this.#delivered === null;
    const staged =
      isState || pointer === null || !isThere ? null : this.#staged.find(this.#name, pointer, this.#incarnation);
    if (entry !== null && staged !== null) {
      this.#onDelivered(entry.revision, versionKey(this.#name, staged.version));
      this.#isThere = true;
      return [this.#topology(staged)];
    }
    const versions = entry === null || pointer === null ? [] : await this.#versions(entry, pointer, isState);
    const topologies = versions.flatMap((each) => this.#read(each) ?? []);
    const events = topologies.map((topology) => this.#topology(topology));
    const isMissing = isThere && !topologies.some(({ version }) => version === pointer.version);
    if (isMissing && (isFirst || versions.length > 0)) {
      events.push({ kind: 'unreadable', version: pointer.version, incarnation: this.#incarnation });
      return events;
    }
    // A version may have been committed since the pointer was read: it has been reported too.
    const current = versions.at(-1);
    this.#onDelivered(Math.max(entry?.revision ?? 0, current?.revision ?? 0) as Revision, current?.key);
    if (!isThere && (isFirst || this.#isThere || events.length > 0))
      events.push({ kind: 'gone', incarnation: this.#incarnation });
    this.#isThere = isThere;
    return events;
  }

  /** Versions up to a revision have been reported. @param key of the last one; undefined: there was none */
  #onDelivered(revision: Revision, key: string | undefined): void {
    this.#delivered = Math.max(this.#delivered ?? 0, revision) as Revision;
    if (key !== undefined) this.#store.unreadable.forgetOthers(versionsOf(this.#name), key);
  }

  /** The version that the pointer named was committed with it: it is what was committed last. */
  async #withoutPointer(): Promise<TopologyEvent[]> {
    const last = (await this.#since(0)).at(-1);
    const topology = last && this.#read(last);
    if (last === undefined || topology === undefined)
      return [{ kind: 'unreadable', version: null, incarnation: this.#incarnation }];
    this.#delivered = last.revision;
    this.#isThere = true;
    return [this.#topology(topology)];
  }

  #topology(topology: Topology): TopologyEvent {
    return { kind: 'topology', topology, incarnation: this.#incarnation };
  }

  /** Undefined where it cannot be read, which is noted; so is what this release leaves out. */
  #read(entry: Entry): Topology | undefined {
    const { unreadable } = this.#store;
    const read = unreadable.try(entry, (each) => versionOf(this.#name, each));
    if (read === undefined) return undefined;
    const { key, revision } = entry;
    const fields = read.ignored.join(', ');
    if (fields !== '')
      unreadable.note({ key, revision, reason: `left out, for this release does not know it: ${fields}` });
    return read.topology;
  }

  async #versions(entry: Entry, pointer: Pointer, isState: boolean): Promise<Entry[]> {
    const delivered =
      this.#delivered ?? (this.#after === null ? null : ((await this.#version(this.#after))?.revision ?? null));
    // What came while there was no watch, or was forgotten before it was reported, is found by its revision.
    if (isState && delivered !== null) return delivered < entry.revision ? this.#since(delivered) : [];
    const current = pointer.deleted ? null : await this.#version(pointer.version);
    return current === null ? [] : [current];
  }

  #version(version: TopologyVersion): Promise<Entry | null> {
    return this.#store.get(versionKey(this.#name, version));
  }

  /** The versions that were committed after a revision, in that order. */
  async #since(revision: number): Promise<Entry[]> {
    const { entries } = await this.#store.list(versionsOf(this.#name));
    return entries.filter((each) => each.revision > revision).sort((a, b) => a.revision - b.revision);
  }
}

function pointersOf(event: Extract<Followed, { kind: 'state' | 'changes' }>, key: string): ReadonlyArray<Entry | null> {
  // A key that only begins so is another one's.
  if (event.kind === 'state') return [event.entries.find((entry) => entry.key === key) ?? null];
  return event.events.flatMap((each) => (each.key === key ? [each.entry] : []));
}
