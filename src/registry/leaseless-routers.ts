import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Topology, type TopologyName, topologyDocument } from '../topology/index.ts';
import { handoffPrefix } from './handoff-prefix.ts';
import { type InstanceId, qualified, unqualified } from './instance.ts';
import type { Entry } from './store/store.ts';
import { parsed } from './unreadable.ts';

/** The basis on which a router serves a cluster without a lease. */
export interface LeaselessBasis {
  readonly version: number;
  /** Of that version's topology: one that was forced may have the number of another. */
  readonly digest: string;
  /** Every shard of that version refused what it had lost; otherwise the version was of an eventual cluster. */
  readonly fenced: boolean;
}

/**
 * A router that may continue without its lease, whether or not others see it. It says so before it does, and takes it back once it
 * serves by its lease alone, or not at all.
 */
export interface LeaselessRouter extends LeaselessBasis {
  readonly name: string;
  readonly instance: InstanceId;
}

const routersOf = (name: TopologyName): string => `${handoffPrefix(name)}router/`;

/** @param router by `qualified` */
export const leaselessKey = (name: TopologyName, router: string): string => routersOf(name) + router;

export function leaselessText(topology: Topology, fenced: boolean): string {
  return JSON.stringify({
    version: topology.version,
    digest: topologyDigest(topology),
    fenced,
  } satisfies LeaselessBasis);
}

const basisSchema = z.object({ version: z.int(), digest: z.string(), fenced: z.boolean() });

/** Null where the key is another entry's. @throws UnreadableEntry */
export function leaselessOf(name: TopologyName, entry: Entry): LeaselessRouter | null {
  const { key } = entry;
  if (!key.startsWith(routersOf(name))) return null;
  return { ...unqualified(key.slice(routersOf(name).length)), ...parsed(entry, basisSchema) };
}

/** Distinguishes a version from another with the same number. */
export function topologyDigest(topology: Topology): string {
  return createHash('sha256')
    .update(JSON.stringify(topologyDocument(topology)))
    .digest('hex');
}

/** For people, and for commands that mean one. */
export function leaselessName({ name, instance }: LeaselessRouter): string {
  return qualified(name, instance);
}
