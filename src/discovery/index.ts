/** Discovery: keeps a topology as files, the DNS or registered nodes have it. To add a source, write a file and list it here. */
export { type DnsQuery, dnsSource } from './dns-source.ts';
export { fileSource } from './file-source.ts';
export type { FoundShard, ShardSource } from './found-shards.ts';
export { type Discovered, type DiscoveryLog, discovered, keepTopology, type NewCluster } from './keep-topology.ts';
export { nodeSource } from './node-source.ts';
