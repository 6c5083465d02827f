import type { ClusterEvent } from './event.ts';
import type { Promotion } from './failover.ts';

/** Tells of failovers. One that has to be tried again, because something came between, has begun once. */
export class ToldFailovers {
  #begun = new Set<string>();

  began(promotions: readonly Promotion[], tell: (event: ClusterEvent) => void): void {
    const before = this.#begun;
    this.#begun = new Set(promotions.map(keyOf));
    for (const each of promotions) if (!before.has(keyOf(each))) tell(eventOf('failover-began', each));
  }

  done(promotions: readonly Promotion[], tell: (event: ClusterEvent) => void): void {
    this.#begun = new Set();
    for (const each of promotions) tell(eventOf('failover-done', each));
  }
}

function keyOf({ shard, node }: Promotion): string {
  return `${shard} ${node.id}`;
}

function eventOf(event: 'failover-began' | 'failover-done', { shard, node, reason }: Promotion): ClusterEvent {
  return { event, shard, node: node.address, reason };
}
