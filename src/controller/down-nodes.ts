import type { Node } from '../topology/index.ts';
import type { ClusterEvent } from './event.ts';
import { deathOf, type NodeHealth, type ProbeRules } from './health.ts';

/** Which of a cluster's nodes are dead, to tell when that changes. */
export class DownNodes {
  #down = new Set<string>();

  /** What has changed by the last probes. Nodes that have left are forgotten. */
  changes(
    nodes: readonly Node[],
    healthOf: (id: string) => NodeHealth | undefined,
    rules: ProbeRules,
    nowMs: number,
  ): ClusterEvent[] {
    const before = this.#down;
    this.#down = new Set();
    return nodes.flatMap(({ id, address, shard }): ClusterEvent[] => {
      const health = healthOf(id);
      const death = health === undefined ? null : deathOf(health, rules, nowMs);
      const isUp = health?.sight.kind === 'well';
      if (death !== null || (before.has(id) && !isUp)) this.#down.add(id);
      if (death !== null && !before.has(id)) return [{ event: 'node-down', shard, node: address, reason: death }];
      return before.has(id) && isUp ? [{ event: 'node-up', shard, node: address, reason: null }] : [];
    });
  }
}
