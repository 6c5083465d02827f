import { afterEach, expect, it } from 'vitest';
import { ClusterTable, fingerprint, type Shard, shareCluster, type TopologyDraft } from '../../src/topology/index.ts';
import { fetchText, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';
import { registryOn, remote } from '../support/registries.ts';
import { docsOf as draft, serves } from './docs-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('agrees with every other router on every key at every version', async () => {
  const seed = runSeed();
  const random = seeded(seed);
  const store = await remote(scope);
  const { topologies } = registryOn(store.open(), scope);
  const start = (workers: number): Promise<RouterUnderTest> =>
    startRouter(scope, { shards: [], workers, registry: store.config });
  const routers = await Promise.all([start(1), start(2)]);
  const placements: ReadonlyArray<TopologyDraft['placement']> = [
    { name: 'ringHash', options: { minimumRingSize: 1024 } },
    { name: 'maglev', options: { tableSize: 65537 } },
    { name: 'fixedRing', options: { entriesPerWeight: 64 } },
    { name: 'ketama', options: {} },
    { name: 'slots', options: {} },
  ];
  const keys = 100_000;
  for (let version = 1; version <= 100; version++) {
    const shards: Shard[] = Array.from({ length: 1 + Math.floor(random() * 40) }, (_, i) => ({
      id: `s${i}-${Math.floor(random() * 3)}`,
      address: `10.0.0.${i}:${1 + Math.floor(random() * 65535)}`,
      weight: 1 + Math.floor(random() * 4),
    }));
    const placement = placements[version % placements.length] as TopologyDraft['placement'];
    const topology = await topologies.commit({ ...draft(), placement, shards });
    const expected = { version, hash: await fingerprint(new ClusterTable(shareCluster(topology, null)), keys) };
    await Promise.all(routers.map((router) => serves(router, version)));
    for (const [i, router] of routers.entries()) {
      const { text } = await fetchText(`${router.admin}/fingerprint?cluster=docs&keys=${keys}`);
      expect(JSON.parse(text), `seed ${seed}`).toEqual(Array(i + 1).fill(expected));
    }
  }
}, 300_000);
