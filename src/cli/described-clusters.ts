import type { Config } from '../config/index.ts';
import { type ClusterDescription, topologyText } from '../topology/index.ts';
import { withRegistry } from './open-registry.ts';
import { UsageError } from './usage-error.ts';

/** A config's clusters, those that come from its registry as they are there now. */
export async function describedClusters({ clusters, registry }: Config): Promise<ClusterDescription[]> {
  const described: ClusterDescription[] = [];
  for (const { name, source } of clusters) {
    if (source.kind === 'config') described.push(source.description);
    else if (registry !== null) {
      const topology = await withRegistry(registry.store, (opened) => opened.topologies.read(source.topology));
      if (topology === null) throw new UsageError(`the registry has no topology of ${topologyText(source.topology)}`);
      described.push({ ...topology, name });
    }
  }
  return described;
}
