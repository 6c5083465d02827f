import { handoffOf, isUnderWay, stagedKey, stateKey } from '../../../src/registry/handoff-entries.ts';
import { SETTLING } from '../../../src/registry/incarnation.ts';
import type { Entry } from '../../../src/registry/store/store.ts';
import {
  type Pointer,
  pointerKey,
  pointerOf,
  stagedOf,
  topologyOf,
  versionsOf,
} from '../../../src/registry/topology-entries.ts';
import { Cluster, isStrict, type ShardPlace, type Topology } from '../../../src/topology/index.ts';
import { KEYS, NAME } from '../keyway/setting.ts';

/**
 * A step of a handoff; `give up`: its shards give up what they lose; `again`: it goes back to draining. `eventual`: a version of an eventual
 * cluster has become current.
 */
export const moments = ['stage', 'drain', 'again', 'hold', 'give up', 'committed', 'aborted', 'eventual'] as const;
export type Moment = (typeof moments)[number];

/** A version as all have to go by it. */
export interface TrueVersion {
  readonly topology: Topology;
  readonly owners: ReadonlyMap<string, ShardPlace>;
}

const POINTER = pointerKey(NAME);
const VERSIONS = versionsOf(NAME);
const STATE = stateKey(NAME);
const STAGED = stagedKey(NAME);

/** What is current, as the store has it at this very moment: no process can know it. */
export class Truth {
  readonly #versions = new Map<number, TrueVersion>();
  /** Null: there is none, or it was deleted. */
  current: TrueVersion | null = null;
  /** What was current when the store went back, for as long as somebody may serve by it. */
  readonly former: TrueVersion[] = [];
  /**
   * Whether no two shards may serve a key at once now: so it is in a strict cluster, unless a version was forced since the last
   * handoff.
   */
  isStrict = false;
  /** Of the handoff that is under way, for people. */
  step = '';
  #isHandingOver = false;
  staged: Topology | null = null;
  /** How often a version has become current in place of another; the waves of one change count once. */
  changes = 0;
  onNews: (what: string) => void = () => {};
  /** Of the last handoff: the shards that lose keys by it. */
  losing: readonly string[] = [];
  /** Called at each such moment. */
  onStep: (moment: Moment) => void = () => {};
  /** Called when a version becomes current at once, whatever is served, or when there is none any more: for a while two shards may serve a key. */
  onUnguarded: (isGone: boolean) => void = () => {};
  /** Called when a version has become current in a strict cluster. */
  onStrictVersion: () => void = () => {};
  /** Called when a handoff that takes lost shards out begins or ends: it may have to wait for a router that does not come back until people say so. */
  onFailover: (isUnderWay: boolean) => void = () => {};
  /** Called when a cluster is deleted of which the store has forgotten versions: maybe no reachable process knows how far they had come. */
  onForgotten: () => void = () => {};
  /** The reasons of all changes that have begun. */
  readonly begun = new Set<string>();
  /** The version to which the last handoff has led. */
  #handedOverTo: number | null = null;
  #isSettling = false;
  #isRaised = true;

  /** A change is not through yet, or one of its waves. */
  get isUnderWay(): boolean {
    return this.#isHandingOver || this.current?.topology.moving !== undefined;
  }

  onChange(key: string, entry: Entry | null): void {
    if (key === POINTER && entry !== null) this.#onPointer(entry);
    else if (key === STATE) this.#onHandoff(entry);
    else if (key === SETTLING) this.#isSettling = entry !== null;
    else if (key === STAGED) this.staged = entry === null ? null : stagedOf(NAME, entry);
    else if (key.startsWith(VERSIONS) && entry !== null) this.#keep(entry);
  }

  #keep(entry: Entry): void {
    const topology = topologyOf(NAME, entry);
    const cluster = new Cluster(topology);
    const owners = new Map<string, ShardPlace>();
    for (const key of KEYS) {
      const bytes = Buffer.from(key);
      const shard = cluster.shards[cluster.locate(bytes, 0, bytes.length)];
      if (shard !== undefined) owners.set(key, { id: shard.id, address: shard.address });
    }
    this.#versions.set(topology.version, { topology, owners });
  }

  /** The changes of one commit come one by one, and the pointer may come before its version. */
  #onPointer(entry: Entry): void {
    this.#pending = pointerOf(entry);
  }

  #pending: Pointer | null = null;

  /** To be called after all changes of a commit. */
  settle(): void {
    const pointer = this.#pending;
    this.#pending = null;
    const before = this.current;
    if (pointer !== null) this.#settleOn(pointer);
    if (pointer !== null && before !== null && this.current !== null && this.current.topology.moving === undefined)
      this.changes++;
    // The store gives those that serve by what it has forgotten time to end, and then raises what it has.
    if (pointer !== null) this.#isRaised = true;
    if (this.isSettled) this.former.length = 0;
  }

  #settleOn({ version, deleted, atOnce = false }: Pointer): void {
    const known = this.#versions.get(version);
    if (deleted || known === undefined) {
      this.current = null;
      this.isStrict = false;
      if (!this.#isRaised) this.onForgotten();
      this.onUnguarded(true);
      this.onNews(`version ${version} is deleted`);
      return;
    }
    const isCreated = this.current === null;
    const before = this.isStrict;
    this.current = known;
    const isHandedOver = this.#handedOverTo === version;
    this.isStrict = isStrict(known.topology) && (isCreated || isHandedOver || (before && !atOnce));
    const shards = known.topology.shards.map(({ id, weight }) => (weight === 1 ? id : `${id}x${weight}`));
    const { moving } = known.topology;
    const until = moving === undefined ? '' : `, for keys before ${moving.cursor}`;
    this.onNews(`version ${version} is current: ${shards.join(' ')}${until}${this.isStrict ? '' : ', and not strict'}`);
    if (isCreated || !this.isStrict) this.onUnguarded(false);
    if (this.isStrict) this.onStrictVersion();
    if (!isStrict(known.topology)) this.onStep('eventual');
  }

  /** Whether nobody goes by what the store has forgotten. */
  get isSettled(): boolean {
    return this.#isRaised && !this.#isSettling;
  }

  /** Whether a shard may serve a key now, as far as versions say. */
  mayServe(key: string, { id, address }: ShardPlace): boolean {
    const versions = this.current === null ? this.former : [this.current, ...this.former];
    return versions.some(({ owners }) => {
      const owner = owners.get(key);
      return owner?.address === address && owner.id === id;
    });
  }

  #onHandoff(entry: Entry | null): void {
    const handoff = handoffOf(entry);
    this.#isHandingOver = handoff !== null && isUnderWay(handoff);
    this.#handedOverTo = handoff?.step === 'committed' ? handoff.to : null;
    this.onFailover(handoff !== null && this.#isHandingOver && handoff.lost.length > 0);
    if (handoff === null) return;
    const { to, step, attempt, fence, reason, wave, paused, losing, retries, change } = handoff;
    if (step === 'stage' && change === attempt) this.begun.add(reason);
    const isUp = fence?.attempt === attempt && fence.isUp;
    const part =
      wave === undefined ? '' : `, wave ${wave.number} from ${wave.from} to ${wave.to} of ${wave.streams} streams`;
    const notes = `${isUp && step === 'hold' ? ', shards give up' : ''}${part}${paused === true ? ', paused' : ''}`;
    this.step = `handoff to ${to}: ${step}${notes}, attempt ${attempt} (${reason})`;
    this.losing = losing;
    this.onNews(this.step);
    this.onStep(isUp && step === 'hold' ? 'give up' : step === 'drain' && retries > 0 ? 'again' : step);
  }

  /** The store has these entries again, and no others. */
  restoreFrom(entries: Iterable<Entry>): void {
    if (this.current !== null) this.former.push(this.current);
    this.#isRaised = false;
    this.#versions.clear();
    const all = [...entries];
    for (const entry of all) if (entry.key !== POINTER) this.onChange(entry.key, entry);
    for (const key of [STATE, STAGED, SETTLING]) if (!all.some((entry) => entry.key === key)) this.onChange(key, null);
    this.#handedOverTo = null;
    const pointer = all.find(({ key }) => key === POINTER);
    if (pointer === undefined) return;
    this.#settleOn(pointerOf(pointer));
  }
}
