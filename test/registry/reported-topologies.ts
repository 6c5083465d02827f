import { expect, vi } from 'vitest';
import { type ClusterEvent, ClusterFollower } from '../../src/handoff/index.ts';
import type { Registry } from '../../src/registry/index.ts';
import { ClusterTable, checkTopology, type TopologyDraft } from '../../src/topology/index.ts';
import type { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';

const NAME = { namespace: 'default', cluster: 'docs' };

/** A topology of one shard, by which it is known again. */
export function draft(shard: string): TopologyDraft {
  const shards = [{ id: shard, address: '10.0.0.1:1' }];
  return checkTopology({ ...NAME, placement: { fixedRing: {} }, shards }, 'the test');
}

/** A router's view, each as `shard@version`. */
export class Follower {
  readonly reported: string[] = [];
  readonly follower: ClusterFollower;

  constructor(scope: Scope, registry: Registry) {
    this.follower = new ClusterFollower(registry, null, 'docs', NAME, (event) => this.#on(event));
    const stopping = new AbortController();
    const running = this.follower.run(stopping.signal);
    scope.defer(async () => {
      stopping.abort();
      await running;
    });
  }

  #on(event: ClusterEvent): void {
    if (event.kind !== 'routing') return;
    const { table, id } = event;
    this.reported.push(table === null ? 'none' : `${new ClusterTable(table).shardAt(0).id}@${table.version}`);
    this.follower.carriedOut(id);
  }

  reports(last: string): Promise<void> {
    return vi.waitFor(() => expect(this.reported.at(-1)).toBe(last), PATIENCE);
  }
}
