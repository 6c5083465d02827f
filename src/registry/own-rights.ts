import type { TopologyName } from '../topology/index.ts';
import {
  type KnownNode,
  knownNodeOf,
  type NodeInstance,
  type NodeRights,
  nodeKey,
  nodesOf,
  rightsText,
} from './handoff-entries.ts';
import { OwnEntry } from './own-entry.ts';
import { StoreUnavailable } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';

/**
 * What a process of a node may do, by its own word. The others rely on what stands in the registry, and so does the
 * process: a longer time counts once it is known to stand there, a shorter one from before it is written.
 */
export class OwnRights {
  readonly #store: TrackedStore;
  readonly #name: TopologyName;
  readonly #node: NodeInstance;
  readonly #entry: OwnEntry;
  #wanted: NodeRights;
  #attempted: NodeRights;
  #beyondLeaseMs = 0;
  #claimedAt = 0;

  constructor(store: TrackedStore, name: TopologyName, node: NodeInstance, rights: NodeRights) {
    this.#store = store;
    this.#name = name;
    this.#node = node;
    this.#entry = new OwnEntry(store, nodeKey(name, node));
    this.#wanted = rights;
    this.#attempted = rights;
  }

  /** For how long this process may serve beyond the end of its lease. */
  get beyondLeaseMs(): number {
    return this.#beyondLeaseMs;
  }

  /** The store's revision at which this process last claimed its rights: a later process of the shard has a later one. 0: not yet. */
  get claimedAt(): number {
    return this.#claimedAt;
  }

  /**
   * Has handoffs wait for this process from now on, also where it was given up. Call it before the process serves by a
   * lease. Earlier processes of the same node that have ended are forgotten. Outages of the store are waited out.
   * @param isOver whether a process of the same node that has not said so need not be known any more
   * @returns false where `until` was aborted first
   */
  async claim(until: AbortSignal, isOver: (node: KnownNode) => boolean): Promise<boolean> {
    if (!(await this.#write('anything', until))) return false;
    this.#claimedAt = this.#entry.revision;
    await this.#forgetPredecessors(isOver).catch((error: unknown) => {
      // They are known for longer, which does no harm.
      if (!(error instanceof StoreUnavailable)) throw error;
    });
    return true;
  }

  async #forgetPredecessors(isOver: (node: KnownNode) => boolean): Promise<void> {
    const { shard, nodeId, instance } = this.#node;
    const { entries } = await this.#store.list(`${nodesOf(this.#name)}${shard}/`);
    for (const entry of entries) {
      const node = this.#store.unreadable.try(entry, (each) => knownNodeOf(this.#name, each));
      if (node === null || node === undefined || node.nodeId !== nodeId || node.instance === instance) continue;
      if (!node.ended && !isOver(node)) continue;
      const { key, revision } = entry;
      await this.#store.commit([{ key, revision }], [{ key, value: null }]);
    }
  }

  /** Outages of the store are waited out. @returns false where `until` was aborted first, or the process was given up */
  change(news: Partial<NodeRights>, until: AbortSignal): Promise<boolean> {
    this.#wanted = { ...this.#wanted, ...news };
    return this.#write('own', until);
  }

  async #write(over: 'own' | 'anything', until: AbortSignal): Promise<boolean> {
    const isWritten = await this.#entry.write(() => this.#attempt(), { over, until });
    if (isWritten && this.#attempted === this.#wanted) this.#beyondLeaseMs = this.#wanted.beyondLeaseMs;
    return isWritten;
  }

  /** From now on what is wanted may stand there, or what stood there before. */
  #attempt(): string {
    this.#attempted = this.#wanted;
    this.#beyondLeaseMs = Math.min(this.#beyondLeaseMs, this.#wanted.beyondLeaseMs);
    return rightsText(this.#wanted);
  }
}
