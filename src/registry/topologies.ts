import { RETRY_MS } from '../runtime/pause.ts';
import {
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  topologyText,
} from '../topology/index.ts';
import { follow } from './follow.ts';
import {
  type Handoff,
  handoffOf,
  handoffText,
  inPlaceOf,
  isUnderWay,
  stagedKey,
  stateKey,
  underWay,
} from './handoff-entries.ts';
import type { Namespaces } from './namespaces.ts';
import type { StagedTopologies } from './staged-topologies.ts';
import { type Change, type Condition, type Revision, StoreUnavailable } from './store/store.ts';
import {
  liveTopologies,
  POINTERS,
  type Pointer,
  pointerKey,
  pointerOf,
  readable,
  readPointers,
  topologyOf,
  versionChanges,
  versionKey,
  versionOf,
  versionsOf,
  wholeVersions,
} from './topology-entries.ts';
import { type TopologyEvent, TopologyWatch } from './topology-watch.ts';
import type { TrackedStore } from './tracked-store.ts';
import { UnreadableEntry } from './unreadable.ts';

/** The topology was changed meanwhile, or the version is no newer. Nothing was written. */
export class VersionConflict extends Error {
  /** Null where there is no such topology. */
  readonly current: TopologyVersion | null;

  /** @param wanted null: that there is none */
  constructor(name: TopologyName, wanted: string | null, current: TopologyVersion | null) {
    const is = current === null ? 'does not exist' : `is at version ${current}`;
    const cluster = topologyText(name);
    super(
      wanted === null
        ? `the cluster ${cluster} exists already: it ${is}`
        : `the topology of ${cluster} ${is}, and ${wanted}`,
    );
    this.name = 'VersionConflict';
    this.current = current;
  }
}

/** A version that was committed. */
export interface CommittedVersion {
  readonly version: TopologyVersion;
  /** The time of day, ISO 8601, by the clock of the process that committed it. */
  readonly at: string;
  readonly shards: number;
}

export interface CommitOptions {
  /** The version that the change was made from; null: there is none. Not looked at where it is not given. */
  readonly expected?: TopologyVersion | null;
  /**
   * For a topology, or what the registry has of it, that is broken beyond repair: at once, whatever is under way. A version that is no newer
   * becomes the next one, for shards and stores refuse what is of an earlier version.
   */
  readonly force?: boolean;
}

/** How often a commit that names no expected version is tried again because another came between. */
const MAX_ATTEMPTS = 10;

/** How often a commit is tried while the store is away: a member of etcd that is lost is made up for. */
const MAX_ATTEMPTS_TO_REACH = 5;

/** The topologies of all clusters: replaced whole, by newer versions only, and watched. */
export class Topologies {
  readonly #store: TrackedStore;
  readonly #namespaces: Namespaces;
  readonly #staged: StagedTopologies;
  readonly #timeOfDay: () => string;

  /** @param staged what need not be read once it is current */
  constructor(store: TrackedStore, namespaces: Namespaces, staged: StagedTopologies, timeOfDay: () => string) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#staged = staged;
    this.#timeOfDay = timeOfDay;
  }

  /** The current topology, or null where there is none. @throws UnreadableEntry */
  async read(name: TopologyName): Promise<Topology | null> {
    const { pointer } = await this.#pointer(name);
    return pointer === null || pointer.deleted ? null : this.readVersion(name, pointer.version);
  }

  /** A version as it was committed, or null where it is not kept. @throws UnreadableEntry */
  async readVersion(name: TopologyName, version: TopologyVersion): Promise<Topology | null> {
    const entry = await this.#store.get(versionKey(name, version));
    return entry === null ? null : topologyOf(name, entry);
  }

  /**
   * The first version from one on in which no keys are on their way, and which change it is of (see `Handoff`); null: it was committed at once;
   * undefined: an earlier release has not said. Null where none is kept. @throws UnreadableEntry
   */
  async firstWhole(
    name: TopologyName,
    from: TopologyVersion,
  ): Promise<{ readonly version: TopologyVersion; readonly change: number | null | undefined } | null> {
    const { pointer } = await this.#pointer(name);
    const version = pointer === null ? undefined : wholeVersions(pointer).find((each) => each >= from);
    const entry = version === undefined ? null : await this.#store.get(versionKey(name, version));
    if (entry === null) return null;
    const { change, topology } = versionOf(name, entry);
    return { version: topology.version, change };
  }

  /** The clusters that have a topology, of one namespace or of all. */
  async list(namespace: string | null): Promise<Array<TopologyName & { readonly version: TopologyVersion }>> {
    const { entries } = await this.#store.list(namespace === null ? POINTERS : `${POINTERS}${namespace}/`);
    return liveTopologies(entries, this.#store.unreadable);
  }

  /** The versions that are kept, the newest first. */
  async history(name: TopologyName): Promise<CommittedVersion[]> {
    const { entries } = await this.#store.list(versionsOf(name));
    return this.#store.unreadable
      .readable(entries, (entry) => versionOf(name, entry))
      .map(({ at, topology }) => ({ version: topology.version, at, shards: topology.shards.length }))
      .reverse();
  }

  /**
   * Commits a topology at once: at its version, or at the next one where it has none. It waits for no router or shard;
   * where two shards must never serve a key at once, use a handoff.
   * @returns what is current now, durable
   * @throws VersionConflict where the version is no newer, or not the expected one was current; DocumentError where nobody could read it
   */
  async commit(draft: TopologyDraft, options: CommitOptions = {}): Promise<Topology> {
    const name = { namespace: draft.namespace, cluster: draft.name };
    for (let attempt = 1; ; attempt++) {
      const namespace = await this.#namespaces.condition(draft.namespace);
      const { pointer, revision } = await this.#pointer(name, options.force);
      const version = nextVersion(name, pointer, draft.version, options);
      const topology: Topology = readable({ ...draft, version });
      const handoff = await this.#handoff(name, options.force === true ? version : null);
      const conditions = [...namespace, { key: pointerKey(name), revision }, handoff.condition];
      const changes = versionChanges(name, topology, {
        at: this.#timeOfDay(),
        before: pointer,
        atOnce: pointer !== null,
        change: null,
      });
      if (await this.#commit(conditions, [...changes, ...handoff.changes])) return topology;
      if (options.expected !== undefined || attempt >= MAX_ATTEMPTS) {
        const now = await this.#pointer(name);
        throw new VersionConflict(name, 'it was changed meanwhile; read it again', now.pointer?.version ?? null);
      }
    }
  }

  /**
   * Commits the current topology once more, as a version above one that is known elsewhere: where the registry went
   * back, its versions come again, and shards and stores refuse requests of an earlier version. A handoff that is under
   * way is given up. Nothing is done where the version is above already.
   */
  async raise(name: TopologyName, above: TopologyVersion): Promise<void> {
    const { pointer, revision } = await this.#pointer(name);
    if (pointer === null || pointer.deleted || pointer.version > above) return;
    const current = await this.readVersion(name, pointer.version);
    if (current === null) return;
    const version = (above + 1) as TopologyVersion;
    const handoff = await this.#handoff(name, version, true);
    const commit = { at: this.#timeOfDay(), before: pointer, atOnce: pointer.atOnce === true, change: null };
    const changes = versionChanges(name, { ...current, version }, commit);
    // A change in between has raised it as well, or the watch reports it.
    await this.#commit([{ key: pointerKey(name), revision }, handoff.condition], [...changes, ...handoff.changes]);
  }

  /**
   * Commits, also where the store does not answer: then its contents show whether the attempt was carried out.
   * @returns false where a condition does not hold
   */
  async #commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<boolean> {
    const [, written] = changes;
    for (let attempt = 1; ; attempt++) {
      try {
        if ((await this.#store.commit(conditions, changes)) !== null) return true;
        if (attempt === 1 || written === undefined) return false;
        return (await this.#store.get(written.key))?.value === written.value;
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || attempt >= MAX_ATTEMPTS_TO_REACH) throw error;
        await this.#store.pause(RETRY_MS, this.#store.closed);
      }
    }
  }

  /**
   * No handoff may be under way, nor begin.
   * @param forced one that is under way is given up, and this is the version then; null: it is not
   * @param isSame that has the same shards: those that were declared dead are still to be taken out
   * @throws VersionConflict
   */
  async #handoff(
    name: TopologyName,
    forced: TopologyVersion | null,
    isSame = false,
  ): Promise<{ condition: Condition; changes: readonly Change[] }> {
    const key = stateKey(name);
    const entry = await this.#store.get(key);
    const condition = { key, revision: entry?.revision ?? (0 as const) };
    const givenUp = (aborted: Handoff): { condition: Condition; changes: readonly Change[] } => ({
      condition,
      changes: [
        { key, value: handoffText(aborted) },
        { key: stagedKey(name), value: null },
      ],
    });
    const reason = `version ${forced} was forced`;
    // What cannot be read is taken out of the way by force alone. Keys may be on their way: it is replaced, so that they can go on.
    if (entry !== null && forced !== null && this.#store.unreadable.try(entry, handoffOf) === undefined)
      return givenUp(inPlaceOf(entry, forced, reason, this.#timeOfDay()));
    const handoff = handoffOf(entry);
    if (handoff === null || (forced === null && !isUnderWay(handoff))) return { condition, changes: [] };
    if (forced === null) throw new VersionConflict(name, underWay(handoff), handoff.from);
    const { revision: _revision, dead, ...given } = handoff;
    return givenUp({ ...given, dead: isSame ? dead : undefined, from: forced, step: 'aborted', reason });
  }

  /**
   * Deletes a cluster's topology. Its versions are kept: creating it again continues from them.
   * @returns whether there was one
   */
  async delete(name: TopologyName): Promise<boolean> {
    for (;;) {
      const { pointer, revision } = await this.#pointer(name);
      if (pointer === null || pointer.deleted) return false;
      const value = JSON.stringify({ ...pointer, deleted: true } satisfies Pointer);
      const handoff = await this.#handoff(name, pointer.version);
      const done = await this.#store.commit(
        [{ key: pointerKey(name), revision }, handoff.condition],
        [{ key: pointerKey(name), value }, ...handoff.changes],
      );
      if (done !== null) return true;
    }
  }

  /**
   * Yields every version after one, in order, none twice, through outages of the registry; the current one alone where
   * `after` is null, or is not kept any more. Ends when `signal` is aborted.
   */
  watch(name: TopologyName, after: TopologyVersion | null, signal: AbortSignal): AsyncGenerator<TopologyEvent> {
    return new TopologyWatch(this.#store, this.#staged, name, after).events(signal);
  }

  /** Yields the current version of every cluster, and every change; null where one is deleted. */
  async *watchAll(signal: AbortSignal): AsyncGenerator<TopologyName & { readonly version: TopologyVersion | null }> {
    for await (const event of follow(this.#store, POINTERS, signal)) {
      if (event.kind === 'outage' || event.kind === 'recovered') continue;
      const entries = event.kind === 'state' ? event.entries : event.events.flatMap(({ entry }) => entry ?? []);
      for (const { version, deleted, ...name } of readPointers(entries, this.#store.unreadable))
        yield { ...name, version: deleted ? null : version };
    }
  }

  /** @param force one that cannot be read is taken for one to the last version that is kept. @throws UnreadableEntry */
  async #pointer(name: TopologyName, force = false): Promise<{ pointer: Pointer | null; revision: Revision | 0 }> {
    const entry = await this.#store.get(pointerKey(name));
    if (entry === null) return { pointer: null, revision: 0 };
    try {
      return { pointer: pointerOf(entry), revision: entry.revision };
    } catch (error) {
      if (!force || !(error instanceof UnreadableEntry)) throw error;
      return { pointer: { version: await this.#lastVersion(name), deleted: false }, revision: entry.revision };
    }
  }

  async #lastVersion(name: TopologyName): Promise<TopologyVersion> {
    const { entries } = await this.#store.list(versionsOf(name));
    const versions = entries.map(({ key }) => Number(key.slice(versionsOf(name).length)));
    return Math.max(1, ...versions.filter(Number.isSafeInteger)) as TopologyVersion;
  }
}

/** @throws VersionConflict where a commit may not be made at the version that it wants */
export function nextVersion(
  name: TopologyName,
  pointer: Pointer | null,
  wanted: TopologyVersion | null,
  { expected, force = false }: CommitOptions,
): TopologyVersion {
  const current = pointer === null || pointer.deleted ? null : pointer.version;
  if (expected !== undefined && expected !== current)
    throw new VersionConflict(name, expected === null ? null : `${expected} was expected; read it again`, current);
  const last = pointer?.version ?? 0;
  const version = wanted ?? ((last + 1) as TopologyVersion);
  if (version > last) return version;
  if (force) return (last + 1) as TopologyVersion;
  throw new VersionConflict(
    name,
    `version ${version} is not newer than ${last}; leave the version out, or force it`,
    current,
  );
}
