import { ClientCertificates, type ClientTlsDescription } from '../io/index.ts';
import type { RespLogin } from '../resp/index.ts';
import { type ClusterDescription, describeCluster } from '../topology/index.ts';
import type { FoundShard, ShardSource } from './found-shards.ts';
import { redisSource } from './sources/redis/redis-source.ts';

/** A cluster whose servers say themselves where its keys are. Plain data. */
export interface DiscoveredCluster {
  readonly name: string;
  readonly seeds: readonly string[];
  readonly refreshMs: number;
  readonly tls?: ClientTlsDescription | undefined;
  readonly login?: RespLogin | undefined;
}

/** The source of its shards. @param random between 0 and 1 */
export function sourceOfServers(
  { seeds, refreshMs, tls, login }: DiscoveredCluster,
  random: () => number,
): ShardSource {
  const query = {
    seeds,
    refreshMs,
    certificates: tls === undefined ? null : new ClientCertificates(tls),
    login: login ?? null,
    random,
  };
  return redisSource(query, async () => []);
}

/** What is found of it. A slot may be nobody's for a while: commands for it are refused then, as by the cluster itself. */
export function describeFound({ name }: DiscoveredCluster, found: readonly FoundShard[]): ClusterDescription {
  const shards = found.map(({ slots = '', replicas, ...shard }) => ({
    ...shard,
    weight: 1,
    slots,
    replicas: replicas === undefined ? undefined : [...replicas],
  }));
  return describeCluster(name, { placement: { slots: {} }, hashOn: 'id', shards, pins: [] }, () => {});
}

/**
 * What its servers say at the moment.
 * @throws Error where none of them answers
 */
export async function describedByServers(
  cluster: DiscoveredCluster,
  random: () => number,
): Promise<ClusterDescription> {
  const stopping = new AbortController();
  const faults: string[] = [];
  const onFault = (message: string): void => {
    faults.push(message);
    stopping.abort();
  };
  for await (const found of sourceOfServers(cluster, random)(stopping.signal, onFault))
    return describeFound(cluster, found);
  throw new Error(`${cluster.name}: ${faults.join('; ')}`);
}
