import { discovered } from '../discovery/index.ts';
import { changeTopology } from '../handoff/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Topology, TopologyName } from '../topology/index.ts';
import type { FoundCluster } from './engine.ts';
import type { Leader } from './leader.ts';

/**
 * Stores a cluster that the registry does not have, as its nodes have it.
 * @returns null where the registry has it by now
 * @throws DocumentError where the shards are no whole topology; as `changeTopology` does
 */
export async function adoptCluster(
  registry: Registry,
  name: TopologyName,
  { shards, version: newest }: FoundCluster,
  consistency: 'strict' | 'eventual',
  options: { readonly reason: string; readonly signal: AbortSignal } & Leader,
): Promise<Topology | null> {
  const fresh = { placement: { slots: {} }, hashOn: 'id', consistency } as const;
  const { current, draft } = await discovered(registry, name, shards, fresh);
  if (draft === null || current !== null) return null;
  const version = newest === null ? null : ((newest + 1) as Topology['version']);
  return changeTopology(registry, { ...draft, version }, { ...options, expected: null });
}
