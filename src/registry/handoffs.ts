import { randomInt } from 'node:crypto';
import {
  losingShards,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  topologyDocument,
} from '../topology/index.ts';
import { autonomyKey } from './autonomous-routers.ts';
import { followAll } from './follow.ts';
import { goneFrom } from './gone-shards.ts';
import { checkMayBegin, losingOf, wholeOf } from './handoff-beginning.ts';
import {
  type Handoff,
  type HandoffState,
  type HandoffView,
  handoffOf,
  handoffText,
  instanceText,
  isStopped,
  isUnderWay,
  type NodeInstance,
  type NodeRights,
  nodeKey,
  nodesOf,
  rightsText,
  type StoredHandoff,
  type StoredNode,
  stagedKey,
  stateKey,
  underWay,
  type Wave,
} from './handoff-entries.ts';
import { handoffPrefix } from './handoff-prefix.ts';
import { type Part, partOf, stateOf, understoodOf, viewOf } from './handoff-view.ts';
import type { Namespaces } from './namespaces.ts';
import { OwnEntry } from './own-entry.ts';
import { OwnRights } from './own-rights.ts';
import type { StagedTopologies } from './staged-topologies.ts';
import {
  type Change,
  type Condition,
  type Entry,
  type EntryCondition,
  type Revision,
  StoreUnavailable,
} from './store/store.ts';
import { type CommitOptions, nextVersion, VersionConflict } from './topologies.ts';
import {
  type Pointer,
  pointerKey,
  pointerOf,
  readable,
  stagedOf,
  topologyOf,
  versionChanges,
  versionKey,
} from './topology-entries.ts';
import type { TrackedStore } from './tracked-store.ts';

/** What is reported of a cluster's handoffs. */
export type HandoffEvent =
  | { readonly kind: 'view'; readonly view: HandoffView; readonly incarnation: string }
  | { readonly kind: 'outage'; readonly cause: Error }
  | { readonly kind: 'recovered' };

/** Two handoffs share an attempt once in a million restored backups, and there is room for as many million handoffs as a number is exact. */
const MAX_LEAP = 2 ** 20;
/** Stores take some dozens of conditions at once. */
const FEW = 40;

/** What is known of a cluster by one read. */
export interface ClusterState extends HandoffState {
  /** Null where there is no topology; undefined where its entry cannot be read. */
  readonly pointer: Pointer | null | undefined;
  /** Of which revision the rest is. The pointer may be of an earlier one, or a later one. */
  readonly asOf: Revision;
}

/**
 * Handoffs as the registry keeps them: one at a time for each cluster. Every step is a compare-and-set on the one before, so
 * that the driver may die, or be late, at any of them.
 */
export class Handoffs {
  readonly #store: TrackedStore;
  readonly #namespaces: Namespaces;
  readonly #staged: StagedTopologies;
  readonly #timeOfDay: () => string;

  constructor(store: TrackedStore, namespaces: Namespaces, staged: StagedTopologies, timeOfDay: () => string) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#staged = staged;
    this.#timeOfDay = timeOfDay;
  }

  /**
   * Writes a topology beside the current one, which it will replace.
   * @param reason for people: what it is for
   * @param lost shards that are not waited for
   * @param silent their processes, which must not have spoken since they were found to be gone; all that are known where it is not given
   * @param wave which part of a change it is, which is held at once where it says so; `new`: the whole of a change, which may be divided; `instead`: the same, also in the place of a
   *   wave that people have stopped; null: it is not to be divided
   * @throws VersionConflict as for a commit, and where a handoff is under way; DocumentError where nobody could read it
   */
  async stage(
    draft: TopologyDraft,
    options: CommitOptions,
    reason: string,
    lost: readonly string[] = [],
    silent?: readonly StoredNode[],
    wave: Wave | 'new' | 'instead' | null = null,
  ): Promise<StoredHandoff> {
    const name = { namespace: draft.namespace, cluster: draft.name };
    const namespace = await this.#namespaces.condition(draft.namespace);
    const pointerEntry = await this.#store.get(pointerKey(name));
    const { handoff: last, nodes } = await this.read(name);
    const pointer = pointerEntry === null ? null : pointerOf(pointerEntry);
    const to = nextVersion(name, pointer, draft.version, options);
    if (pointerEntry === null || pointer === null || pointer.deleted)
      throw new VersionConflict(name, 'there is nothing to change over from', null);
    const isInTheWay = last !== null && isUnderWay(last) && !(wave === 'instead' && isStopped(last));
    if (isInTheWay) throw new VersionConflict(name, underWay(last), pointer.version);
    const entry = await this.#store.get(versionKey(name, pointer.version));
    const current = entry === null ? null : topologyOf(name, entry);
    if (wave !== null) checkMayBegin(name, wave, current, last);
    const gone = goneFrom(current, last, nodes, lost, silent);
    // No other handoff has it, not even one that the registry has forgotten since: members may still say what they did for that.
    const attempt = (last?.attempt ?? 0) + randomInt(1, MAX_LEAP);
    const isWhole = wave === 'new' || wave === 'instead';
    const isHeldAtOnce = typeof wave === 'object' && wave?.heldAtOnce === true;
    const incarnation = this.#store.incarnation === '' ? await this.#store.check() : this.#store.incarnation;
    const handoff: Handoff = {
      from: pointer.version,
      to,
      step: 'stage',
      attempt,
      retries: 0,
      change: isWhole ? attempt : current?.moving === undefined ? undefined : last?.change,
      // People have paused the change that this one interrupts.
      ...(wave === null && last?.paused === true && current?.moving !== undefined ? { paused: true } : {}),
      ...(wave === null ? {} : { wave: isWhole ? wholeOf(to, gone.lost) : wave }),
      ...(isHeldAtOnce ? { step: 'hold', watchesEnd: 'hold', fence: { attempt, isUp: false } } : {}),
      dead: gone.dead,
      losing: current === null ? [] : losingOf(current, draft, pointer, nodes),
      lost: gone.lost,
      givenUp: gone.processes.map(instanceText),
      ...(incarnation === '' ? {} : { incarnation }),
      at: this.#timeOfDay(),
      reason,
    };
    const conditions: Condition[] = [
      ...namespace,
      { key: pointerKey(name), revision: pointerEntry.revision },
      { key: stateKey(name), revision: last?.revision ?? 0 },
      ...(await this.#unchanged(name, gone.silent)),
    ];
    const revision = await this.#store.commit(conditions, [
      { key: stateKey(name), value: handoffText(handoff) },
      { key: stagedKey(name), value: JSON.stringify(topologyDocument(readable({ ...draft, version: to }))) },
    ]);
    if (revision === null) throw new VersionConflict(name, 'it was changed meanwhile; read it again', pointer.version);
    return { ...handoff, revision };
  }

  /**
   * Puts another topology in the place of what is staged: fewer keys move by it. It is another version, so that a member that cannot read it does not
   * take it for the one before; what was acknowledged before is void.
   * @returns null where the stored handoff has changed meanwhile
   */
  async narrow(
    name: TopologyName,
    { revision, ...handoff }: StoredHandoff,
    current: Topology,
    staged: TopologyDraft,
    wave: Wave,
  ): Promise<StoredHandoff | null> {
    // Shards that were not heard of have to give up what they have, whatever moves.
    const losing = [...new Set([...handoff.losing, ...losingShards(current, staged)])];
    const to = (handoff.to + 1) as TopologyVersion;
    const narrowed: Handoff = { ...handoff, to, attempt: handoff.attempt + 1, wave, losing, at: this.#timeOfDay() };
    const document = topologyDocument(readable({ ...staged, version: to }));
    const change = { key: stagedKey(name), value: JSON.stringify(document) };
    return this.#write(name, revision, narrowed, [change]);
  }

  /**
   * Has the change that is under way, or the rest of it, stop between two waves, or go on.
   * @returns null where the stored handoff has changed meanwhile
   */
  async pause(
    name: TopologyName,
    { revision, ...handoff }: StoredHandoff,
    isPaused: boolean,
  ): Promise<StoredHandoff | null> {
    return this.#write(name, revision, { ...handoff, paused: isPaused || undefined });
  }

  /** What is known of a cluster now. */
  async read(name: TopologyName): Promise<ClusterState> {
    const [pointer, { entries, revision }] = await Promise.all([
      this.#store.get(pointerKey(name)),
      this.#store.list(handoffPrefix(name)),
    ]);
    const { unreadable } = this.#store;
    return {
      ...stateOf(name, entries, unreadable),
      pointer: pointer === null ? null : unreadable.try(pointer, pointerOf),
      asOf: revision,
    };
  }

  /**
   * Changes a handoff, in general one that is under way.
   * @param silent processes that are given up, and must not have spoken since they were found to be gone
   * @returns null where the stored handoff has changed meanwhile
   */
  async advance(
    name: TopologyName,
    { revision, ...handoff }: StoredHandoff,
    change: Partial<
      Pick<Handoff, 'step' | 'attempt' | 'retries' | 'fence' | 'lost' | 'dead' | 'reason' | 'wave' | 'watchesEnd'>
    >,
    silent: readonly StoredNode[] = [],
  ): Promise<StoredHandoff | null> {
    const givenUp = [...handoff.givenUp, ...silent.map(instanceText)];
    const changed: Handoff = { ...handoff, ...change, givenUp, at: this.#timeOfDay() };
    return this.#write(name, revision, changed, [], await this.#unchanged(name, silent));
  }

  /**
   * Makes the staged topology the current one.
   * @param asOf the revision at which it was read which nodes have to be waited for: one that has come since may serve what moves
   * @param gone nodes that are forgotten: to come back they have to register again
   * @param inUse versions by which routers may serve that are out of sight
   * @returns null where the stored handoff has changed meanwhile, or a node has come, or has come back
   */
  async commit(
    name: TopologyName,
    { revision, ...handoff }: StoredHandoff,
    staged: Topology,
    asOf: Revision,
    gone: readonly StoredNode[],
    inUse: ReadonlySet<number>,
  ): Promise<StoredHandoff | null> {
    const at = this.#timeOfDay();
    // Nothing but a handoff changes it as long as one is under way.
    const entry = await this.#store.get(pointerKey(name));
    const changes = [
      ...versionChanges(name, staged, {
        at,
        before: entry && pointerOf(entry),
        inUse,
        change: handoff.change,
        // Where this release has left something of it out, what is committed is not what others have seen staged.
        ...(this.#staged.has(name, staged, handoff.attempt) ? { attempt: handoff.attempt } : {}),
      }),
      { key: stagedKey(name), value: null },
      ...gone.map((node): Change => ({ key: nodeKey(name, node), value: null })),
    ];
    const noneHasCome: Condition = { prefix: nodesOf(name), unchangedSince: asOf };
    return this.#write(name, revision, { ...handoff, step: 'committed', at }, changes, [noneHasCome]);
  }

  /**
   * Gives a handoff up: the current topology stays.
   * @param paused the waves before it are not followed by others
   * @returns null where the stored handoff has changed meanwhile
   */
  abort(
    name: TopologyName,
    { revision, ...handoff }: StoredHandoff,
    reason: string,
    paused?: true,
  ): Promise<StoredHandoff | null> {
    const aborted: Handoff = { ...handoff, step: 'aborted', reason, at: this.#timeOfDay(), ...(paused && { paused }) };
    return this.#write(name, revision, aborted, [{ key: stagedKey(name), value: null }]);
  }

  async #write(
    name: TopologyName,
    expected: StoredHandoff['revision'],
    handoff: Handoff,
    changes: readonly Change[] = [],
    conditions: readonly Condition[] = [],
  ): Promise<StoredHandoff | null> {
    const key = stateKey(name);
    const value = handoffText(handoff);
    try {
      const revision = await this.#store.commit(
        [{ key, revision: expected }, ...conditions],
        [{ key, value }, ...changes],
      );
      return revision === null ? null : { ...handoff, revision };
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      // It may have been done.
      const entry = await this.#store.get(key);
      return entry?.value === value ? handoffOf(entry) : null;
    }
  }

  /** That nodes have not registered again. Where many are gone at once: that no node has, since they are seen to be as they were. */
  async #unchanged(name: TopologyName, nodes: readonly StoredNode[]): Promise<Condition[]> {
    const each = nodes.map((node): EntryCondition => ({ key: nodeKey(name, node), revision: node.revision }));
    if (each.length <= FEW) return each;
    const { entries, revision } = await this.#store.list(nodesOf(name));
    const now = new Map(entries.map((entry) => [entry.key, entry.revision]));
    const isBack = each.find((node) => now.get(node.key) !== node.revision);
    return isBack === undefined ? [{ prefix: nodesOf(name), unchangedSince: revision }] : [isBack];
  }

  /** What a process of a node says itself that it may do. */
  ownRights(name: TopologyName, node: NodeInstance, rights: NodeRights): OwnRights {
    return new OwnRights(this.#store, name, node, rights);
  }

  /** The entry in which a router says that it may go on without its lease. @param router as `qualified` names it */
  autonomyEntry(name: TopologyName, router: string): OwnEntry {
    return new OwnEntry(this.#store, autonomyKey(name, router));
  }

  /**
   * Stops the wait for a router that may serve on without its lease, because it has ended.
   * @returns whether there was one
   */
  async forgetAutonomous(name: TopologyName, router: string): Promise<boolean> {
    const entry = await this.#store.get(autonomyKey(name, router));
    if (entry === null) return false;
    const { key, revision } = entry;
    return (await this.#store.commit([{ key, revision }], [{ key, value: null }])) !== null;
  }

  /** What is staged, or null. @throws UnreadableEntry */
  async staged(name: TopologyName): Promise<Topology | null> {
    const entry = await this.#store.get(stagedKey(name));
    return entry === null ? null : stagedOf(name, entry);
  }

  /**
   * Has a process count as ended, which serves nothing any more for certain. @returns false where it has spoken meanwhile
   */
  async endNode(name: TopologyName, { revision, ...node }: StoredNode): Promise<boolean> {
    const change = { key: nodeKey(name, node), value: rightsText({ ...node, ended: true }) };
    return (await this.#store.commit([{ key: change.key, revision }], [change])) !== null;
  }

  /** Yields what is known of a cluster's handoffs, now and after every change, through outages of the registry. */
  async *watch(name: TopologyName, signal: AbortSignal): AsyncGenerator<HandoffEvent> {
    const of = (entry: Entry): Part => partOf(name, entry);
    const isStaged = (key: string): boolean => key === stagedKey(name);
    this.#staged.begin(name);
    try {
      for await (const event of followAll(this.#store, handoffPrefix(name), signal, of, isStaged)) {
        if (event.kind !== 'all') yield event;
        else {
          const { values, incarnation } = event;
          const view = viewOf(name, values);
          this.#staged.saw(name, understoodOf(name, view, values), incarnation);
          yield { kind: 'view', view, incarnation };
        }
      }
    } finally {
      this.#staged.end(name);
    }
  }
}
