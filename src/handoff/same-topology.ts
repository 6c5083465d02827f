import type { Topology } from '../topology/index.ts';

/** Versions with the same content have the same version numbers, but for those that were staged and given up. */
export function isSame(one: Topology, other: Topology): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
