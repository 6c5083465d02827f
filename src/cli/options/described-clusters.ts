import type { Config, ConfiguredCluster } from '../../config/index.ts';
import { describedByServers } from '../../discovery/index.ts';
import type { Registry } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { type ClusterDescription, topologyText } from '../../topology/index.ts';
import { checkExists, withRegistry } from './open-registry.ts';

/** A config's clusters; those that come from its registry, or from servers, as they are there now. */
export async function describedClusters({ clusters, registry }: Config): Promise<ClusterDescription[]> {
  const described = (opened: Registry | null): Promise<ClusterDescription[]> =>
    Promise.all(clusters.map((cluster) => describedCluster(cluster, opened)));
  const wantsRegistry = clusters.some(({ source }) => source.kind === 'registry');
  if (registry === null || !wantsRegistry) return described(null);
  checkExists(registry.store, 'registry');
  return withRegistry(registry.store, described);
}

/** @param registry the config has seen to it that there is one where a cluster comes from one */
async function describedCluster(
  { name, source, upstream: { tls, login } }: ConfiguredCluster,
  registry: Registry | null,
): Promise<ClusterDescription> {
  if (source.kind === 'config') return source.description;
  if (source.kind === 'servers') return describedByServers({ ...source, name, tls, login }, Math.random);
  const topology = (await registry?.topologies.read(source.topology)) ?? null;
  if (topology === null) throw new UsageError(`the registry has no topology of ${topologyText(source.topology)}`);
  return { ...topology, name };
}
