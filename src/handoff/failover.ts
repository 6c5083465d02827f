import {
  isUnderWay,
  type Member,
  nodeName,
  nodeValue,
  type Registry,
  type StoredNode,
  StoreRefused,
  VersionConflict,
  Waker,
} from '../registry/index.ts';
import { type Topology, type TopologyName, topologyText } from '../topology/index.ts';

/** After an outage of the registry, or where somebody else has changed the topology at the same moment. */
const RETRY_MS = 200;

/** What is the matter with a node, and since when. */
interface Trouble {
  readonly sinceMs: number;
  /** Its lease is gone: by its own clock it has stopped, or is about to. */
  readonly isGone: boolean;
}

/**
 * Takes shards out whose nodes have been lost, or sick, for as long as their cluster allows. Time in which the registry could
 * not be reached does not count: then nobody could renew a lease.
 */
export class Failover {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #clock: () => number;
  readonly #onDone: (shards: readonly string[], done: string) => void;
  readonly #waker = new Waker();
  #known: readonly StoredNode[] = [];
  #members: readonly Member[] | null = null;
  readonly #troubles = new Map<string, Trouble>();

  constructor(
    registry: Registry,
    name: TopologyName,
    clock: () => number,
    onDone: (shards: readonly string[], done: string) => void,
  ) {
    this.#registry = registry;
    this.#name = name;
    this.#clock = clock;
    this.#onDone = onDone;
  }

  async run(signal: AbortSignal): Promise<void> {
    const watching = [this.#watchKnown(signal), this.#watchMembers(signal)];
    const isPassing = (error: unknown): boolean => error instanceof VersionConflict || error instanceof StoreRefused;
    await this.#waker.run(() => this.#lookAndAct(), RETRY_MS, signal, isPassing);
    await Promise.all(watching);
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

  /** Notes who is in trouble, and who is not any more. */
  #look(): void {
    const members = this.#members;
    if (members === null) {
      this.#troubles.clear();
      return;
    }
    const nowMs = this.#clock();
    for (const node of this.#known) {
      const name = nodeName(this.#name, node.shard, node.nodeId);
      const value = members.find((member) => member.name === name)?.value;
      if (value !== undefined && nodeValue(value).healthy) this.#troubles.delete(name);
      else
        this.#troubles.set(name, { sinceMs: this.#troubles.get(name)?.sinceMs ?? nowMs, isGone: value === undefined });
    }
  }

  async #act(): Promise<void> {
    if (this.#troubles.size === 0) return;
    const topology = await this.#registry.topologies.read(this.#name);
    const afterMs = topology?.failover?.afterMs;
    if (topology === null || afterMs === undefined) return;
    if (this.#lost(topology, afterMs).length === 0) return;
    // What the watches know may be old. Who registers after this look is found by its entry's revision.
    const { handoff, nodes } = await this.#registry.handoffs.read(this.#name);
    this.#known = nodes;
    this.#members = await this.#registry.members.list('node', `${topologyText(this.#name)}/`);
    this.#look();
    const lost = this.#lost(topology, afterMs);
    if (lost.length === 0) return;
    const gone = lost.filter(({ isGone }) => isGone).map(({ shard }) => shard);
    const silent = nodes.filter(({ shard }) => gone.includes(shard));
    if (handoff !== null && isUnderWay(handoff)) {
      const more = gone.filter((shard) => !handoff.lost.includes(shard));
      if (more.length === 0) return;
      const change = { lost: [...handoff.lost, ...more] };
      const done = await this.#registry.handoffs.advance(this.#name, handoff, change, silent);
      if (done === null) this.#waker.wake();
      else this.#onDone(more, `version ${handoff.to} waits for them no more`);
      return;
    }
    const shards = topology.shards.filter(({ id }) => !lost.some(({ shard }) => shard === id));
    const pins = topology.pins?.filter(({ shard }) => shards.some(({ id }) => id === shard));
    const out = topology.shards.filter((shard) => !shards.includes(shard)).map(({ id }) => id);
    if (out.length === 0 || shards.length === 0) return;
    const draft = { ...topology, version: null, shards, ...(pins === undefined ? {} : { pins }) };
    const reason = `${out.length === 1 ? 'shard' : 'shards'} ${out.join(', ')} lost`;
    const { to } = await this.#registry.handoffs.stage(draft, { expected: topology.version }, reason, gone, silent);
    this.#onDone(out, `version ${to} is without them`);
  }

  /** The shards of which every known node has been in trouble for long enough. Looks again when the next one may be. */
  #lost({ shards }: Topology, afterMs: number): Array<{ readonly shard: string; readonly isGone: boolean }> {
    const nowMs = this.#clock();
    let nextMs = Number.POSITIVE_INFINITY;
    const lost = shards.flatMap(({ id }) => {
      const nodes = this.#known.filter(({ shard }) => shard === id);
      const troubles = nodes.map(({ shard, nodeId }) => this.#troubles.get(nodeName(this.#name, shard, nodeId)));
      const since = troubles.map((trouble) => trouble?.sinceMs ?? Number.POSITIVE_INFINITY);
      const dueMs = nodes.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...since) + afterMs;
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        return [];
      }
      return [{ shard: id, isGone: troubles.every((trouble) => trouble?.isGone === true) }];
    });
    if (nextMs === Number.POSITIVE_INFINITY) this.#waker.cancel();
    else this.#waker.wakeIn(nextMs - nowMs);
    return lost;
  }
}
