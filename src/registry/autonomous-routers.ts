import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Topology, type TopologyName, topologyDocument } from '../topology/index.ts';
import { handoffPrefix } from './handoff-prefix.ts';
import { type InstanceId, qualified, unqualified } from './instance.ts';
import type { Entry } from './store/store.ts';
import { parsed } from './unreadable.ts';

/** The basis on which a router is autonomous in a cluster: it may serve that without its lease. */
export interface AutonomyBasis {
  readonly version: number;
  /** Of that version's topology: one that was forced may have the number of another. */
  readonly digest: string;
  /** Every shard of that version refused what it had lost; otherwise the version was of an eventual cluster. */
  readonly fenced: boolean;
}

/**
 * A router that may serve without its lease, whether or not others see it. It says so before it does, and takes it back once it
 * serves by its lease alone, or not at all.
 */
export interface AutonomousRouter extends AutonomyBasis {
  readonly name: string;
  readonly instance: InstanceId;
}

const routersOf = (name: TopologyName): string => `${handoffPrefix(name)}router/`;

/** @param router by `qualified` */
export const autonomyKey = (name: TopologyName, router: string): string => routersOf(name) + router;

export function autonomyText(topology: Topology, fenced: boolean): string {
  return JSON.stringify({
    version: topology.version,
    digest: topologyDigest(topology),
    fenced,
  } satisfies AutonomyBasis);
}

const basisSchema = z.object({ version: z.int(), digest: z.string(), fenced: z.boolean() });

/** Null where the key is another entry's. @throws UnreadableEntry */
export function autonomousRouterOf(name: TopologyName, entry: Entry): AutonomousRouter | null {
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
export function autonomousRouterName({ name, instance }: AutonomousRouter): string {
  return qualified(name, instance);
}
