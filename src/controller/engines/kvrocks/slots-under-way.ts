import type { RespClient } from '../../../resp/index.ts';
import { textOf } from '../../../resp/index.ts';
import { type Node, nodesOf, type Topology } from '../../../topology/index.ts';
import type { NodeState, SlotOnItsWay } from '../../engine.ts';
import { fieldsOf } from '../redis/node-report.ts';
import { covers, importIn, migrationIn } from './kvrocks-report.ts';
import { serves } from './slot-owner.ts';

/** A node as far as slots are concerned that move to it or from it. */
export interface Party {
  readonly client: RespClient | null;
  /** Null: it is not well. */
  readonly state: NodeState | null;
  /** It has not been well for so long that nobody waits for it. */
  readonly isGone: boolean;
}

/** What keeps a node from being told anything: a slot that moves, or what people may have to see to. */
export type Hindrance = 'wait' | { readonly fault: string } | null;

/**
 * What nodes have done with slots that the registry has on their way. That a slot has arrived is in the target's memory alone, and gone once it is told of
 * a topology; so nodes are asked before they are told anything.
 */
export class SlotsUnderWay {
  /** Slots that have moved, and the shards that have them, until the topology says so. */
  readonly moved = new Map<number, string>();
  /** Those that this process has a source move. The registry may not have been read since. */
  readonly #begun = new Map<number, SlotOnItsWay>();
  /** The ids of nodes that are about to be told to move a slot. */
  readonly #beginning = new Set<string>();
  #begins = 0;
  readonly #at: (node: Node) => Party;

  constructor(at: (node: Node) => Party) {
    this.#at = at;
  }

  /** @param move has the nodes move the slot */
  async begin(slot: number, from: Node, to: Node, move: () => Promise<void>): Promise<void> {
    this.#begins++;
    this.#begun.set(slot, { slot, from: from.shard, to: to.shard, isSettling: false });
    for (const { id } of [from, to]) this.#beginning.add(id);
    try {
      await move();
    } finally {
      for (const { id } of [from, to]) this.#beginning.delete(id);
    }
  }

  /** @param hasMoved whether it has, or it will be begun again */
  end(slot: number, to: Node, hasMoved: boolean): void {
    this.#begun.delete(slot);
    if (hasMoved) this.moved.set(slot, to.shard);
  }

  /**
   * Why a primary may not be told of a topology; null: no slot is on its way from it or to it by the nodes' own word, and those that have arrived are noted.
   * @param moving by the registry
   */
  async hindrance(node: Node, topology: Topology, moving: readonly SlotOnItsWay[]): Promise<Hindrance> {
    if (this.#beginning.has(node.id)) return 'wait';
    const begins = this.#begins;
    const all = new Map([...this.#begun.values(), ...moving].map((each) => [each.slot, each]));
    for (const each of all.values()) {
      if (each.isSettling || this.moved.has(each.slot)) continue;
      if (each.from !== node.shard && each.to !== node.shard) continue;
      const hindrance = await this.#hindranceOf(node, each, topology);
      if (hindrance !== null) return hindrance;
    }
    return begins === this.#begins ? null : 'wait';
  }

  /** @returns null: the slot has arrived, which is noted, or is where it was, and nobody moves it */
  async #hindranceOf(node: Node, { slot, from, to }: SlotOnItsWay, topology: Topology): Promise<Hindrance> {
    const primaries = nodesOf(topology).filter(({ follows }) => follows === null);
    const source = primaries.find(({ shard }) => shard === from);
    const target = primaries.find(({ shard }) => shard === to);
    if (source === undefined || target === undefined) return null;
    const [giving, taking] = [this.#at(source), this.#at(target)];
    // Nobody else knows whether the slot has arrived.
    if (taking.client === null || taking.state === null) return taking.isGone ? null : 'wait';
    if (giving.state === null && !giving.isGone) return 'wait';
    const owner = giving.state?.role === 'primary' ? giving.client : null;
    if (await serves(taking.client, slot)) {
      // Whoever goes on with the move knows who of them has the newer data.
      if (owner !== null && (await serves(owner, slot)))
        return {
          fault: `${source.address} and ${target.address} both answer for slot ${slot}: they are told nothing until its migration has gone on`,
        };
      this.end(slot, target, true);
      return null;
    }
    const away = owner === null ? null : migrationIn(await infoOf(owner));
    if (away?.state === 'start' && covers(away, slot)) return 'wait';
    // Its source may be one that hangs. Once another has taken over from that, what it brings is refused.
    const coming = importIn(await infoOf(taking.client));
    const isComing = coming?.state === 'start' && covers(coming, slot);
    return isComing && node.id === target.id && owner === null ? 'wait' : null;
  }
}

async function infoOf(client: RespClient): Promise<ReadonlyMap<string, string>> {
  return fieldsOf(textOf(await client.ask(['CLUSTER', 'INFO'])) ?? '');
}
