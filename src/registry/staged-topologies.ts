import { isDeepStrictEqual } from 'node:util';
import { type Topology, type TopologyName, topologyText } from '../topology/index.ts';
import type { Pointer } from './topology-entries.ts';

/** What a handoff leads to, understood in full, and which attempt of it in which incarnation of the store. */
interface Staged {
  readonly topology: Topology;
  readonly attempt: number;
  readonly incarnation: string;
}

/**
 * What this process has last seen staged of each cluster that it watches. Once that is current it need not be read: every router has it already, and of
 * ten thousand shards it is a megabyte.
 */
export class StagedTopologies {
  readonly #last = new Map<string, Staged>();
  /** How many watches of each cluster tell of it: a follower, a driver and a command may each have one. */
  readonly #watches = new Map<string, number>();

  /** A watch of a cluster's handoffs begins. */
  begin(name: TopologyName): void {
    const text = topologyText(name);
    this.#watches.set(text, (this.#watches.get(text) ?? 0) + 1);
  }

  /** @param staged null: nothing is, or not all of it is understood; what was seen before may be current any moment */
  saw(name: TopologyName, staged: Omit<Staged, 'incarnation'> | null, incarnation: string): void {
    if (staged !== null) this.#last.set(topologyText(name), { ...staged, incarnation });
  }

  /** A watch ends. Behind the last one nobody tells of the cluster's handoffs any more. */
  end(name: TopologyName): void {
    const text = topologyText(name);
    const left = (this.#watches.get(text) ?? 0) - 1;
    if (left > 0) this.#watches.set(text, left);
    else {
      this.#watches.delete(text);
      this.#last.delete(text);
    }
  }

  /** Whether a topology is what was seen as this attempt, and nothing of it was left out. */
  has(name: TopologyName, topology: Topology, attempt: number): boolean {
    const last = this.#last.get(topologyText(name));
    return last?.attempt === attempt && isDeepStrictEqual(last.topology, topology);
  }

  /** What a pointer is to; null: it is not known here. Attempts distinguish what is staged at different times under one number. */
  find(name: TopologyName, { version, attempt }: Pointer, incarnation: string): Topology | null {
    const last = this.#last.get(topologyText(name));
    if (last === undefined || attempt === undefined || incarnation === '') return null;
    const isIt = last.topology.version === version && last.attempt === attempt && last.incarnation === incarnation;
    return isIt ? last.topology : null;
  }
}
