import { Cluster, type ClusterDescription, type Shard, type SlotRange } from '../../topology/index.ts';

/** The shards of a cluster once some slots are a shard's, and all others are where they were. */
export function withSlots(description: ClusterDescription, ranges: readonly SlotRange[], to: string): Shard[] {
  const { shards } = description;
  const owners = Int32Array.from(new Cluster(description).partition().owners);
  const target = shards.findIndex(({ id }) => id === to);
  for (const [first, last] of ranges) owners.fill(target, first, last + 1);
  const slots = shards.map((): SlotRange[] => []);
  for (let first = 0; first < owners.length; ) {
    let next = first + 1;
    while (next < owners.length && owners[next] === owners[first]) next++;
    slots[owners[first] as number]?.push([first, next - 1]);
    first = next;
  }
  return shards.map((shard, i) => ({ ...shard, slots: slots[i] as SlotRange[] }));
}
