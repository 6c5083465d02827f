import { type NodeId, type Shard, successorIds } from '../../../topology/index.ts';
import type { Agreed } from './agreed.ts';

/** A shard as far as it is told from others. */
type KnownShard = Pick<Shard, 'id' | 'nodeId' | 'replicas'>;

/** The shards of a cluster, in the order of their ids, which are those of known shards also after a failover. */
export function namedShards({ primaries, replicas }: Agreed, known: readonly KnownShard[]): Shard[] {
  const following = Map.groupBy(replicas, ({ follows }) => follows);
  const leading = primaries.map(({ id }) => ({ id, followers: (following.get(id) ?? []).map((each) => each.id) }));
  const before = known.map(({ id, nodeId, replicas: own = [] }) => ({
    id,
    primary: nodeId ?? '',
    replicas: own.map((each) => each.id),
  }));
  const ids = successorIds(leading, before);
  return primaries
    .map(({ id, address, slots }, i): Shard => {
      const own = (following.get(id) ?? []).map((replica) => ({ id: replica.id as NodeId, address: replica.address }));
      const replicated = own.length > 0 ? { replicas: own } : {};
      return { id: ids[i] as string, address, nodeId: id as NodeId, weight: 1, slots, ...replicated };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
