import type { TopologyName } from '../topology/index.ts';

/** What the keys of all entries of a cluster's handoffs begin with. */
export const handoffPrefix = ({ namespace, cluster }: TopologyName): string => `handoff/${namespace}/${cluster}/`;
