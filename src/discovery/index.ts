/** Discovery: keeps a topology as files, the DNS, registered nodes or a Redis cluster have it. To add a source, write a file and list it here. */

export { ClusterX, type ClusterXWriter } from './clusterx/clusterx.ts';
export { ClusterXServer } from './clusterx/clusterx-server.ts';
export { withSlots } from './clusterx/with-slots.ts';
export { type DiscoveredCluster, describedByServers } from './discovered-cluster.ts';
export { DiscoveryThread } from './discovery-thread.ts';
export type { FoundShard, ShardSource } from './found-shards.ts';
export { type Discovered, type DiscoveryLog, discovered, keepTopology, type NewCluster } from './keep-topology.ts';
export { type DnsQuery, dnsSource } from './sources/dns-source.ts';
export { fileSource } from './sources/file-source.ts';
export { nodeSource } from './sources/node-source.ts';
export { readClusterNodes } from './sources/redis/cluster-nodes.ts';
export { type RedisQuery, redisSource } from './sources/redis/redis-source.ts';
