import { expect, vi } from 'vitest';
import type { TopologyDraft } from '../../src/topology/index.ts';
import { fetchText, type RouterUnderTest } from '../support/cluster.ts';
import { PATIENCE } from '../support/registries.ts';

/** A topology of the cluster `docs`, of shards on loopback. */
export function docsOf(...shards: ReadonlyArray<readonly [id: string, port: number]>): TopologyDraft {
  return {
    namespace: 'default',
    name: 'docs',
    version: null,
    placement: { name: 'fixedRing', options: { entriesPerWeight: 16 } },
    hashOn: 'id',
    shards: shards.map(([id, port]) => ({ id, address: `127.0.0.1:${port}`, weight: 1 })),
  };
}

/** Resolves once a router serves a version of its one cluster; null: none. */
export async function serves(router: RouterUnderTest, version: number | null): Promise<void> {
  await vi.waitFor(async () => {
    const [cluster] = JSON.parse((await fetchText(`${router.admin}/topology`)).text) as Array<{
      version: number | null;
    }>;
    expect(cluster?.version).toBe(version);
  }, PATIENCE);
}
