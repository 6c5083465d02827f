import type { Topology, TopologyDraft, TopologyName, TopologyVersion } from '../topology/index.ts';
import { topologyText } from '../topology/index.ts';
import { follow } from './follow.ts';
import { type Handoff, handoffOf, isUnderWay, stagedKey, stateKey, underWay } from './handoff-entries.ts';
import type { Namespaces } from './namespaces.ts';
import { pause, RETRY_MS } from './pause.ts';
import { type Change, type Condition, type Revision, type Store, StoreUnavailable } from './store/store.ts';
import {
  liveTopologies,
  nameOf,
  POINTERS,
  type Pointer,
  pointerKey,
  storedOf,
  topologyOf,
  versionChanges,
  versionKey,
  versionsOf,
} from './topology-entries.ts';
import { type TopologyEvent, TopologyWatch } from './topology-watch.ts';

/** Somebody else has changed the topology meanwhile, or the version is no newer. Nothing was written. */
export class VersionConflict extends Error {
  /** Null where there is no such topology. */
  readonly current: TopologyVersion | null;

  constructor(name: TopologyName, wanted: string, current: TopologyVersion | null) {
    const is = current === null ? 'does not exist' : `is at version ${current}`;
    super(`the topology of ${topologyText(name)} ${is}, and ${wanted}`);
    this.name = 'VersionConflict';
    this.current = current;
  }
}

/** A version that was committed. */
export interface CommittedVersion {
  readonly version: TopologyVersion;
  /** The time of day, ISO 8601, by the clock of who committed it. */
  readonly at: string;
  readonly shards: number;
}

export interface CommitOptions {
  /** The version that the change was made from; null: there is none. Not looked at where it is not given. */
  readonly expected?: TopologyVersion | null;
  /** Any version, also one that is no newer: for a topology that is broken beyond repair. */
  readonly force?: boolean;
}

/** How often a commit that names no expected version is tried again because another came between. */
const MOST_ATTEMPTS = 10;

/** How often a commit is tried while the store is away: a member of etcd that is lost is made up for. */
const MOST_ATTEMPTS_TO_REACH = 5;

/** The topologies of all clusters: replaced whole, by newer versions only, and watched. */
export class Topologies {
  readonly #store: Store;
  readonly #namespaces: Namespaces;
  readonly #timeOfDay: () => string;

  constructor(store: Store, namespaces: Namespaces, timeOfDay: () => string) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#timeOfDay = timeOfDay;
  }

  /** The current topology, or null where there is none. */
  async read(name: TopologyName): Promise<Topology | null> {
    const { pointer } = await this.#pointer(name);
    return pointer === null || pointer.deleted ? null : this.readVersion(name, pointer.version);
  }

  /** A version as it was committed, or null where it is not kept. */
  async readVersion(name: TopologyName, version: TopologyVersion): Promise<Topology | null> {
    const entry = await this.#store.get(versionKey(name, version));
    return entry === null ? null : topologyOf(name, entry);
  }

  /** The clusters that have a topology, of one namespace or of all. */
  async list(namespace: string | null): Promise<Array<TopologyName & { readonly version: TopologyVersion }>> {
    const { entries } = await this.#store.list(namespace === null ? POINTERS : `${POINTERS}${namespace}/`);
    return liveTopologies(entries);
  }

  /** The versions that are kept, the newest first. */
  async history(name: TopologyName): Promise<CommittedVersion[]> {
    const { entries } = await this.#store.list(versionsOf(name));
    return entries
      .map((entry) => {
        const { at, topology } = storedOf(name, entry);
        return { version: topology.version, at, shards: topology.shards.length };
      })
      .reverse();
  }

  /**
   * Commits a topology at once: at its version, or at the next one where it has none. Nobody is waited for; where two shards
   * must never serve a key at once, that is what a handoff is for.
   * @returns what is current now, durable
   * @throws VersionConflict where the version is no newer, or not the expected one was current
   */
  async commit(draft: TopologyDraft, options: CommitOptions = {}): Promise<Topology> {
    const name = { namespace: draft.namespace, cluster: draft.name };
    for (let attempt = 1; ; attempt++) {
      const namespace = await this.#namespaces.condition(draft.namespace);
      const { pointer, revision } = await this.#pointer(name);
      const version = nextVersion(name, pointer, draft.version, options);
      const topology: Topology = { ...draft, version };
      const handoff = await this.#handoff(name, options.force === true ? version : null);
      const conditions = [...namespace, { key: pointerKey(name), revision }, handoff.condition];
      const changes = versionChanges(name, topology, this.#timeOfDay());
      if (await this.#commit(conditions, [...changes, ...handoff.changes])) return topology;
      if (options.expected !== undefined || attempt >= MOST_ATTEMPTS) {
        const now = await this.#pointer(name);
        throw new VersionConflict(name, 'it was changed meanwhile; read it again', now.pointer?.version ?? null);
      }
    }
  }

  /**
   * Commits, also where the store does not answer: then what it holds tells whether the attempt was carried out.
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
        if (!(error instanceof StoreUnavailable) || attempt >= MOST_ATTEMPTS_TO_REACH) throw error;
        await pause(RETRY_MS, this.#store.closed);
      }
    }
  }

  /**
   * No handoff may be under way, nor begin.
   * @param forced one that is under way is given up, and this is the version then; null: it is not
   * @throws VersionConflict
   */
  async #handoff(
    name: TopologyName,
    forced: TopologyVersion | null,
  ): Promise<{ condition: Condition; changes: readonly Change[] }> {
    const key = stateKey(name);
    const handoff = handoffOf(await this.#store.get(key));
    const condition = { key, revision: handoff?.revision ?? (0 as const) };
    if (handoff === null || (forced === null && !isUnderWay(handoff))) return { condition, changes: [] };
    if (forced === null) throw new VersionConflict(name, underWay(handoff), handoff.from);
    const { revision: _revision, ...given } = handoff;
    const aborted: Handoff = { ...given, from: forced, step: 'aborted', reason: `version ${forced} was forced` };
    const value = JSON.stringify(aborted);
    return {
      condition,
      changes: [
        { key, value },
        { key: stagedKey(name), value: null },
      ],
    };
  }

  /** Deletes a cluster's topology. Its versions are kept: who creates it again goes on counting. @returns whether there was one */
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
   * Tells of every version after one, in order, none twice, through outages of the registry; of the current one alone where
   * `after` is null, or is not kept any more. Ends when `signal` is aborted.
   */
  watch(name: TopologyName, after: TopologyVersion | null, signal: AbortSignal): AsyncGenerator<TopologyEvent> {
    return new TopologyWatch(this.#store, name, after).events(signal);
  }

  /** Tells of the current version of every cluster, and of every change; of null where one is deleted. */
  async *watchAll(signal: AbortSignal): AsyncGenerator<TopologyName & { readonly version: TopologyVersion | null }> {
    for await (const event of follow(this.#store, POINTERS, signal)) {
      if (event.kind === 'outage' || event.kind === 'recovered') continue;
      const entries = event.kind === 'state' ? event.entries : event.events.flatMap(({ entry }) => entry ?? []);
      for (const { key, value } of entries) {
        const { version, deleted } = JSON.parse(value) as Pointer;
        yield { ...nameOf(key), version: deleted ? null : version };
      }
    }
  }

  async #pointer(name: TopologyName): Promise<{ pointer: Pointer | null; revision: Revision | 0 }> {
    const entry = await this.#store.get(pointerKey(name));
    if (entry === null) return { pointer: null, revision: 0 };
    return { pointer: JSON.parse(entry.value) as Pointer, revision: entry.revision };
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
    throw new VersionConflict(name, `${expected ?? 'none'} was expected; read it again`, current);
  const last = pointer?.version ?? 0;
  const version = wanted ?? ((last + 1) as TopologyVersion);
  if (force || version > last) return version;
  throw new VersionConflict(
    name,
    `version ${version} is no newer than ${last}; leave the version out, or force it`,
    current,
  );
}
