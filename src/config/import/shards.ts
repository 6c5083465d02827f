/** The shards of a host or cluster, which the foreign configuration does not list: `host:port` each, by its name. */
export type ShardsByHost = Readonly<Record<string, readonly string[]>>;

/** Shards of a cluster, in their order. */
export function shardsAt(cluster: string, addresses: readonly string[]): Array<{ id: string; address: string }> {
  return addresses.map((address, i) => ({ id: `${cluster}-${i}`, address }));
}
