import {
  instanceText,
  isMemberOf,
  isUnderWay,
  type Member,
  nodeValue,
  type Registry,
  type StoredHandoff,
  type StoredNode,
  StoreRefused,
  VersionConflict,
  Waker,
} from '../registry/index.ts';
import {
  type Shard,
  servingShards,
  type Topology,
  type TopologyName,
  topologyText,
  withoutShards,
} from '../topology/index.ts';

/** After an outage of the registry, or where the topology was changed from elsewhere at the same moment. */
const RETRY_MS = 200;

/** What is the matter with a process of a node, and since when. */
interface Trouble {
  readonly sinceMs: number;
  /** `gone`: its lease is; it may go on for as long as it has said. `ended`: it serves nothing, for certain. */
  readonly state: 'unhealthy' | 'gone' | 'ended';
}

/** Whether it may be otherwise after a while. */
function isPassing(error: unknown): boolean {
  return error instanceof VersionConflict || error instanceof StoreRefused;
}

/** What a failover reports. */
export interface FailoverListener {
  readonly onDone: (shards: readonly string[], done: string) => void;
  readonly onWarning: (message: string) => void;
}

/**
 * Takes shards out whose nodes have been lost, or unhealthy, for as long as their cluster allows. Time in which the
 * registry could not be reached does not count: then no lease could be renewed.
 *
 * What holds: a process whose lease is gone counts as over once the time has passed for which it may serve without a
 * lease, counted from when its lease was seen to be gone. That time is what the process itself has said about the last
 * version that it heard of, whatever versions there have been since then. Where it is infinite, the process is waited
 * for until people say that it has ended.
 */
export class Failover {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #clock: () => number;
  readonly #listener: FailoverListener;
  readonly #waker: Waker;
  #known: readonly StoredNode[] = [];
  #members: readonly Member[] | null = null;
  /** By `instanceText`. */
  #troubles = new Map<string, Trouble>();
  readonly #warnedOf = new Set<string>();
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(registry: Registry, name: TopologyName, clock: () => number, listener: FailoverListener) {
    this.#registry = registry;
    this.#waker = new Waker(registry.pause);
    this.#name = name;
    this.#clock = clock;
    this.#listener = listener;
  }

  async run(signal: AbortSignal): Promise<void> {
    const watching = [this.#watchKnown(signal), this.#watchMembers(signal)];
    await this.#waker.run(() => this.#lookAndAct(), RETRY_MS, signal, isPassing);
    await Promise.all(watching);
  }

  /** Takes lost shards out between two waves, when no step of the driver can come first. */
  async beforeWave(): Promise<void> {
    try {
      await this.#lookAndAct();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  async #lookAndAct(): Promise<void> {
    this.#look();
    await this.#act();
  }

  async #watchKnown(signal: AbortSignal): Promise<void> {
    for await (const event of this.#registry.handoffs.watch(this.#name, signal)) {
      if (event.kind === 'view') this.#known = event.view.nodes;
      this.#waker.wake();
    }
    this.#waker.end();
  }

  async #watchMembers(signal: AbortSignal): Promise<void> {
    for await (const members of this.#registry.members.watch('node', `${topologyText(this.#name)}/`, signal)) {
      this.#members = members;
      this.#waker.wake();
    }
  }

  /** Notes which nodes are in trouble, and which are not any more. */
  #look(): void {
    const members = this.#members;
    if (members === null) {
      this.#troubles.clear();
      return;
    }
    const nowMs = this.#clock();
    const before = this.#troubles;
    this.#troubles = new Map();
    for (const node of this.#known) {
      const value = members.find(isMemberOf(this.#name, node))?.value;
      const isWell = value !== undefined && nodeValue(value).healthy && !node.ended;
      if (isWell) continue;
      const state = node.ended ? 'ended' : value === undefined ? 'gone' : 'unhealthy';
      const last = before.get(instanceText(node));
      // An unhealthy process serves by its lease; only once that is gone does the time begin for which it may go on without.
      const goesOn = last !== undefined && (last.state === 'unhealthy') === (state === 'unhealthy');
      this.#troubles.set(instanceText(node), { sinceMs: goesOn ? last.sinceMs : nowMs, state });
    }
  }

  async #act(): Promise<void> {
    this.#waker.cancel();
    if (this.#troubles.size === 0) return;
    const topology = await this.#registry.topologies.read(this.#name);
    if (!this.#isDue(topology)) return;
    // What the watches know may be old. A node that writes after this look is found by its entry's revision.
    const { handoff, nodes } = await this.#registry.handoffs.read(this.#name);
    this.#known = nodes;
    this.#members = await this.#registry.members.list('node', `${topologyText(this.#name)}/`);
    this.#look();
    if (topology !== null) await this.#takeOut(topology, handoff);
    await this.#endThoseOver(topology);
    this.#isDue(topology);
  }

  /** Whether something can be done now. Looks again when something next may be. */
  #isDue(topology: Topology | null): boolean {
    this.#nextMs = Number.POSITIVE_INFINITY;
    // Both set the time of the next look.
    const isLost = topology !== null && this.#lost(topology).length > 0;
    const isOver = this.#over(topology).length > 0;
    if (this.#nextMs !== Number.POSITIVE_INFINITY) this.#waker.wakeIn(this.#nextMs - this.#clock());
    return isLost || isOver;
  }

  async #takeOut(topology: Topology, handoff: StoredHandoff | null): Promise<void> {
    const lost = this.#lost(topology);
    if (lost.length === 0) return;
    const gone = lost.filter(({ isGone }) => isGone).map(({ shard }) => shard);
    const silent = this.#known.filter(({ shard }) => gone.includes(shard));
    if (handoff !== null && isUnderWay(handoff)) {
      // A shard that was given up may have been started again since, and be lost again.
      const late = silent.filter((node) => !node.ended && !handoff.givenUp.includes(instanceText(node)));
      const more = gone.filter((shard) => !handoff.lost.includes(shard) || late.some((node) => node.shard === shard));
      if (more.length === 0) return;
      const change = { lost: [...new Set([...handoff.lost, ...more])] };
      const done = await this.#registry.handoffs.advance(this.#name, handoff, change, late);
      if (done === null) this.#waker.wake();
      else this.#listener.onDone(more, `version ${handoff.to} no longer waits for them`);
      return;
    }
    const isLost = ({ id }: Pick<Shard, 'id'>): boolean => lost.some(({ shard }) => shard === id);
    const left = withoutShards(topology, isLost);
    const out = shardIds(topology).filter((id) => isLost({ id }));
    if (out.length === 0 || left.shards.length === 0) return;
    const draft = { ...left, version: null };
    const reason = `${out.length === 1 ? 'shard' : 'shards'} ${out.join(', ')} lost`;
    const { to } = await this.#registry.handoffs.stage(draft, { expected: topology.version }, reason, gone, silent);
    this.#listener.onDone(out, `version ${to} leaves them out`);
  }

  /** The shards of which every known process has been in trouble for long enough. */
  #lost(topology: Topology): Array<{ readonly shard: string; readonly isGone: boolean }> {
    const { failover } = topology;
    if (failover === undefined) return [];
    return shardIds(topology).flatMap((id) => {
      const troubles = this.#troublesOf(id);
      const dueMs = troubles.map(({ node, trouble }) => {
        const beyondMs = trouble?.state === 'gone' ? node.beyondLeaseMs : 0;
        return (trouble?.sinceMs ?? Number.POSITIVE_INFINITY) + Math.max(failover.afterMs, beyondMs);
      });
      if (troubles.length > 0 && this.#hasCome(Math.max(...dueMs)))
        return [{ shard: id, isGone: troubles.every(({ trouble }) => trouble?.state !== 'unhealthy') }];
      if (troubles.every(({ trouble }) => trouble !== undefined)) this.#warnOfPatient(id, failover.afterMs);
      return [];
    });
  }

  /** Whether a time is past; otherwise it is looked again when it is. */
  #hasCome(ms: number): boolean {
    if (ms <= this.#clock()) return true;
    this.#nextMs = Math.min(this.#nextMs, ms);
    return false;
  }

  #troublesOf(shard: string): Array<{ readonly node: StoredNode; readonly trouble: Trouble | undefined }> {
    const nodes = this.#known.filter((node) => node.shard === shard);
    return nodes.map((node) => ({ node, trouble: this.#troubles.get(instanceText(node)) }));
  }

  /** Says why a lost shard stays: it may still serve, by a version that was more patient. */
  #warnOfPatient(shard: string, afterMs: number): void {
    const patient = this.#troublesOf(shard).find(
      ({ node, trouble }) => trouble?.state === 'gone' && node.beyondLeaseMs > afterMs,
    );
    if (patient === undefined || this.#warnedOf.has(instanceText(patient.node))) return;
    this.#warnedOf.add(instanceText(patient.node));
    const { beyondLeaseMs } = patient.node;
    const time = Number.isFinite(beyondLeaseMs) ? `for ${beyondLeaseMs} ms after its lease` : 'for as long as it runs';
    this.#listener.onWarning(
      `shard ${shard} is lost, and by the last version that it knows it may serve ${time}: the change waits for it. If it is known to have ended, run keyway shard remove ${shard} --dead`,
    );
  }

  /** Processes that are gone, and over by now, where their shards are not taken out for it: others of their names have come. */
  #over(topology: Topology | null): StoredNode[] {
    return this.#known.filter((node) => {
      const trouble = this.#troubles.get(instanceText(node));
      // One that cannot refuse is not waited for; and its lease does not show whether it serves.
      if (trouble?.state !== 'gone' || !node.fencing || !Number.isFinite(node.beyondLeaseMs)) return false;
      // One that is there, well or not, has its own word, and stands for no other.
      const isSomebodyThere = this.#troublesOf(node.shard).some(
        ({ trouble }) => trouble === undefined || trouble.state === 'unhealthy',
      );
      const isPlaced = topology !== null && shardIds(topology).includes(node.shard);
      if (!isSomebodyThere && isPlaced && topology?.failover !== undefined) return false;
      return this.#hasCome(trouble.sinceMs + node.beyondLeaseMs);
    });
  }

  async #endThoseOver(topology: Topology | null): Promise<void> {
    for (const node of this.#over(topology)) await this.#registry.handoffs.endNode(this.#name, node);
  }
}

/** Those that own keys, while keys move in waves the ones that they leave too. */
function shardIds(topology: Topology): string[] {
  return [...new Set(servingShards(topology).map(({ id }) => id))];
}
