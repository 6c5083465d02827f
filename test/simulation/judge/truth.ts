import { handoffOf, isUnderWay, stagedKey, stateKey } from '../../../src/registry/handoff-entries.ts';
import type { Entry } from '../../../src/registry/store/store.ts';
import { pointerKey, pointerOf, topologyOf, versionKey, versionsOf } from '../../../src/registry/topology-entries.ts';
import { Cluster, type ShardPlace, type Topology, type TopologyVersion } from '../../../src/topology/index.ts';
import { KEYS, NAME } from '../keyway/setting.ts';

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
  current: TrueVersion | null = null;
  /** Of the handoff that is under way, for people. */
  step = '';
  isUnderWay = false;
  staged: Topology | null = null;
  /** How many versions became current. */
  commits = 0;
  /** The store went back: what was current before says nothing any more. */
  wentBack = false;
  onNews: (what: string) => void = () => {};

  onChange(key: string, entry: Entry | null): void {
    if (key === POINTER && entry !== null) this.#onPointer(entry);
    else if (key === STATE) this.#onHandoff(entry);
    else if (key === STAGED) this.staged = entry === null ? null : (JSON.parse(entry.value) as Topology);
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

  /** The changes of one commit are told of one by one, the pointer maybe before its version. */
  #onPointer(entry: Entry): void {
    const { version } = pointerOf(entry);
    this.#pending = version;
    this.commits++;
  }

  #pending: TopologyVersion | null = null;

  /** To be called once all changes of a commit were told of. */
  settle(): void {
    if (this.#pending === null) return;
    const known = this.#versions.get(this.#pending);
    this.#pending = null;
    if (known === undefined) return;
    this.current = known;
    const shards = known.topology.shards.map(({ id, weight }) => (weight === 1 ? id : `${id}x${weight}`));
    this.onNews(`version ${known.topology.version} is current: ${shards.join(' ')}`);
  }

  #onHandoff(entry: Entry | null): void {
    const handoff = handoffOf(entry);
    this.isUnderWay = handoff !== null && isUnderWay(handoff);
    if (handoff === null) return;
    const { to, step, attempt, fence, reason } = handoff;
    const isUp = fence?.attempt === attempt && fence.isUp;
    this.step = `handoff to ${to}: ${step}${isUp && step === 'hold' ? ', shards give up' : ''}, attempt ${attempt} (${reason})`;
    this.onNews(this.step);
  }

  /** Everything is as these entries have it. */
  goBack(entries: Iterable<Entry>): void {
    this.wentBack = true;
    this.#versions.clear();
    const all = [...entries];
    for (const entry of all) if (entry.key !== POINTER) this.onChange(entry.key, entry);
    const pointer = all.find(({ key }) => key === POINTER);
    if (pointer !== undefined) this.#onPointer(pointer);
    this.commits--;
    this.settle();
  }

  keyOf(version: number): string {
    return versionKey(NAME, version);
  }
}
