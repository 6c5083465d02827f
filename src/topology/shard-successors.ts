/** A primary, and the nodes that follow it, by their ids. */
export interface LeadingNode {
  readonly id: string;
  readonly followers: readonly string[];
}

/** A shard as it was known, by the ids of its nodes. */
export interface KnownShard {
  readonly id: string;
  readonly primary: string;
  readonly replicas: readonly string[];
}

/**
 * The ids of the shards that some primaries lead, in their order, so that a failover moves no key to another shard. A primary that was one before has
 * the id of its shard. One that was a replica, or that the primary of a shard follows by now, takes that shard's id where no other primary has it. Any
 * other begins a shard that is named after it.
 */
export function successorIds(primaries: readonly LeadingNode[], known: readonly KnownShard[]): string[] {
  const led = new Map(known.map(({ id, primary }) => [primary, id]));
  const followed = new Map(known.flatMap(({ id, replicas }) => replicas.map((replica) => [replica, id] as const)));
  const taken = new Set(primaries.flatMap(({ id }) => led.get(id) ?? []));
  return primaries.map(({ id: node, followers }) => {
    const before = led.get(node);
    if (before !== undefined) return before;
    const inherited = [followed.get(node), ...followers.map((follower) => led.get(follower))];
    let id = inherited.find((each) => each !== undefined && !taken.has(each)) ?? node;
    // The shard that was named after it has another primary by now.
    for (let number = 2; taken.has(id); number++) id = `${node}-${number}`;
    taken.add(id);
    return id;
  });
}
