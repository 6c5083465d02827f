import type { NodeId, Shard } from '../../../topology/index.ts';
import type { Agreed } from './agreed.ts';

/** A shard as far as it is told from others. */
type KnownShard = Pick<Shard, 'id' | 'nodeId' | 'replicas'>;

/**
 * The shards of a cluster, in the order of their ids. A primary that was one before has the id of its shard; one that was a replica takes that of
 * the shard whose primary it follows no more, so that a failover moves no key to another shard. Any other begins a shard of its own name.
 */
export function namedShards({ primaries, replicas }: Agreed, known: readonly KnownShard[]): Shard[] {
  const led = new Map(known.map((shard) => [shard.nodeId as string | undefined, shard.id]));
  const followed = new Map(known.flatMap((shard) => (shard.replicas ?? []).map(({ id }) => [id as string, shard.id])));
  const taken = new Set(primaries.flatMap(({ id }) => led.get(id) ?? []));
  const idOf = (node: string): string => {
    const before = led.get(node);
    if (before !== undefined) return before;
    const inherited = followed.get(node);
    let id = inherited === undefined || taken.has(inherited) ? node : inherited;
    // The shard that was named after it has another primary by now.
    for (let number = 2; taken.has(id); number++) id = `${node}-${number}`;
    taken.add(id);
    return id;
  };
  const following = Map.groupBy(replicas, ({ follows }) => follows);
  return primaries
    .map(({ id, address, slots }): Shard => {
      const own = (following.get(id) ?? []).map((replica) => ({ id: replica.id as NodeId, address: replica.address }));
      const replicated = own.length > 0 ? { replicas: own } : {};
      return { id: idOf(id), address, nodeId: id as NodeId, weight: 1, slots, ...replicated };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
