import { z } from 'zod';
import type { HostPort } from '../runtime/address.ts';
import { oncePerObject } from '../runtime/once-per-object.ts';
import type { TopologyName, TopologyVersion } from '../topology/index.ts';
import { type Handoff, type HandoffStep, handoffSteps, hasReached, type NodeInstance } from './handoff-entries.ts';
import type { Member } from './members.ts';

/** How far a router or node has come in a handoff. */
export interface Acknowledgement {
  readonly to: TopologyVersion;
  readonly attempt: number;
  readonly step: HandoffStep;
  /** How many streams were open here whose keys move. A node, or a router of an earlier release, does not say, or says it at `stage` alone. */
  readonly streams?: number | undefined;
  /**
   * Whether requests could be held at once, for no call whose key moves takes long: as found at `stage`. False at `stage` where they are held already:
   * they should not be.
   */
  readonly quiet?: boolean | undefined;
}

/** What members know beyond the first release that others have to rely on; a member's entry names all of it. */
export const KNOWS: readonly string[] = ['waves'];

/** Whether a handoff's step has been acknowledged, in the attempt that counts. */
export function hasAcknowledged(acknowledged: Acknowledgement | undefined, { to, attempt, step }: Handoff): boolean {
  return (
    acknowledged !== undefined &&
    acknowledged.to === to &&
    acknowledged.attempt === attempt &&
    hasReached(acknowledged.step, step)
  );
}

/** Where a member runs, for people to find it. */
export interface MemberProcess {
  readonly host: string;
  readonly pid: number;
}

/** What a router reports about itself; its clusters are keyed by `namespace/cluster`. */
export interface RouterValue {
  /** Of each cluster that it routes to: the version that all of its threads serve; 0: none yet. */
  readonly versions: Readonly<Record<string, number>>;
  readonly acknowledged: Readonly<Record<string, Acknowledgement>>;
  readonly admin: HostPort;
  readonly listen: readonly HostPort[];
  /** A router of an earlier release does not say. */
  readonly process?: MemberProcess;
  /** See `KNOWS`. */
  readonly knows?: readonly string[];
}

/** What a node reports about itself. */
export interface NodeValue {
  readonly address: string;
  readonly role: 'primary' | 'replica';
  readonly healthy: boolean;
  /** It leaves by its own will: there is no need to wait for its return. */
  readonly leaving?: true;
  readonly acknowledged?: Acknowledgement;
  /** A shard that takes part knows of no topology, and serves nothing. */
  readonly idle?: boolean;
  /** The one that keeps the node in the registry, or that was started for it; not every node says. */
  readonly process?: MemberProcess;
  /** See `KNOWS`. */
  readonly knows?: readonly string[];
}

const NOWHERE: HostPort = { host: '', port: 0 };
const memberProcess = z.object({ host: z.string(), pid: z.int() });
const hostPort = z.object({ host: z.string(), port: z.number() });

/** An acknowledgement of a later release's step is none of a step that is known here. */
const acknowledgement = z.object({
  to: z.number(),
  attempt: z.number(),
  step: z.enum(handoffSteps),
  streams: z.number().optional().catch(undefined),
  quiet: z.boolean().optional().catch(undefined),
});
const knows = z.array(z.string()).optional().catch(undefined);

/** Those of a mapping's values that are as they should be. */
function each<Schema extends z.ZodType>(schema: Schema) {
  return z
    .record(z.string(), z.unknown())
    .catch({})
    .transform((mapping) => {
      const found: Record<string, z.output<Schema>> = {};
      for (const [key, value] of Object.entries(mapping)) {
        const result = schema.safeParse(value);
        if (result.success) found[key] = result.data;
      }
      return found;
    });
}

const routerSchema = z.looseObject({
  // A version that cannot be read counts as served: members that serve are waited for.
  versions: each(z.number().catch(0)),
  acknowledged: each(acknowledgement),
  admin: hostPort.catch(NOWHERE),
  listen: z.array(hostPort).catch([]),
  process: memberProcess.optional().catch(undefined),
  knows,
});

const nodeSchema = z.looseObject({
  address: z.string().catch(''),
  role: z.enum(['primary', 'replica']).catch('primary'),
  healthy: z.boolean().catch(true),
  leaving: z.literal(true).optional().catch(undefined),
  acknowledged: acknowledgement.optional().catch(undefined),
  process: memberProcess.optional().catch(undefined),
  knows,
});

/**
 * What another process has written, which may be of another release: what it does not say, or says in another way, is empty.
 * Read once: each step of a handoff looks at all routers again whenever one of them has said something.
 */
export const routerValue = oncePerObject((value: object) => routerSchema.parse(value) as object as RouterValue);

/** The same for a node. */
export const nodeValue = oncePerObject((value: object) => nodeSchema.parse(value) as object as NodeValue);

/** The name of a node among its kind. */
export function nodeName({ namespace, cluster }: TopologyName, shard: string, nodeId: string): string {
  return `${namespace}/${cluster}/${shard}/${nodeId}`;
}

/** Finds the entry by which a process of a node is there. */
export function isMemberOf(name: TopologyName, { shard, nodeId, instance }: NodeInstance): (member: Member) => boolean {
  const wanted = nodeName(name, shard, nodeId);
  return (member) => member.instance === instance && member.name === wanted;
}
