import { type ClusterState, type Registry, StoreUnavailable, UnreadableEntry } from '../registry/index.ts';
import type { TopologyName } from '../topology/index.ts';

/** Until the registry can be reached, or an entry was fixed. */
const RETRY_MS = 100;

/**
 * What a registry says of a cluster at a moment from now on, once its contents are no more in doubt. Outages, and an entry that cannot
 * be read, are waited out.
 * @returns null where `signal` was aborted first
 */
export async function readState(
  registry: Registry,
  name: TopologyName,
  signal: AbortSignal,
): Promise<(ClusterState & { readonly incarnation: string }) | null> {
  while (!signal.aborted) {
    try {
      const incarnation = await registry.incarnation();
      await registry.settled(signal);
      return { ...(await registry.handoffs.read(name)), incarnation };
    } catch (error) {
      if (!(error instanceof StoreUnavailable || error instanceof UnreadableEntry)) throw error;
      await registry.pause(RETRY_MS, signal);
    }
  }
  return null;
}
