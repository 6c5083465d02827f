import { checkTopology, type TopologyDraft } from '../../src/topology/index.ts';

/** A cluster of so many shards, spread over the ports of a few backends. */
export function benchTopology(
  shards: number,
  ports: readonly number[],
  pin: number,
  placement = 'maglev',
): TopologyDraft {
  return checkTopology(
    {
      cluster: 'docs',
      placement: { [placement]: {} },
      shards: Array.from({ length: shards }, (_, i) => ({
        id: `shard-${i}`,
        address: `127.0.0.1:${ports[i % ports.length]}`,
      })),
      pins: [{ key: `pin/${pin}`, shard: 'shard-0' }],
    },
    'the benchmark',
  );
}
