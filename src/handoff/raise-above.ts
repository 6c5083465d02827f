import { type Registry, StoreUnavailable, UnreadableEntry, VersionConflict } from '../registry/index.ts';
import type { TopologyName, TopologyVersion } from '../topology/index.ts';

/**
 * Has what is current in a registry committed again above a version that the registry has forgotten. It is tried until that is done, or `signal` is
 * aborted; the registry being away is waited out.
 * @param newest asked before each try: the version that is known; null once the registry's is above it
 */
export async function raiseAbove(
  newest: () => TopologyVersion | null,
  { topologies, pause }: Registry,
  name: TopologyName,
  retryMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (let known = newest(); known !== null && !signal.aborted; known = newest()) {
    try {
      await topologies.raise(name, known);
    } catch (error) {
      if (!(error instanceof StoreUnavailable || error instanceof UnreadableEntry || error instanceof VersionConflict))
        throw error;
    }
    await pause(retryMs, signal);
  }
}
