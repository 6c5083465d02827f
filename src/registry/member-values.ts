import type { HostPort, TopologyName, TopologyVersion } from '../topology/index.ts';
import { type Handoff, type HandoffStep, hasReached } from './handoff-entries.ts';

/** How far somebody has come in a handoff. */
export interface Acknowledgement {
  readonly to: TopologyVersion;
  readonly attempt: number;
  readonly step: HandoffStep;
}

/** Whether a handoff's step has been acknowledged, in the attempt that counts. */
export function hasAcknowledged(acknowledged: Acknowledgement | undefined, { to, attempt, step }: Handoff): boolean {
  return (
    acknowledged !== undefined &&
    acknowledged.to === to &&
    acknowledged.attempt === attempt &&
    hasReached(acknowledged.step, step)
  );
}

/** What a router tells of itself, its clusters by `namespace/cluster`. */
export interface RouterValue {
  /** Of each cluster that it routes to: the version that all of its threads serve; 0: none yet. */
  readonly versions: Readonly<Record<string, number>>;
  readonly acknowledged: Readonly<Record<string, Acknowledgement>>;
  readonly admin: HostPort;
  readonly listen: readonly HostPort[];
}

/** What a node tells of itself. */
export interface NodeValue {
  readonly address: string;
  readonly role: 'primary' | 'replica';
  readonly healthy: boolean;
  /** It goes by its own will: nobody has to wait whether it comes back. */
  readonly leaving?: true;
  readonly acknowledged?: Acknowledgement;
}

/** What another process has written, which may be of another release: what it does not say is empty. */
export function routerValue(value: object): RouterValue {
  return { versions: {}, acknowledged: {}, admin: { host: '', port: 0 }, listen: [], ...value };
}

/** The same for a node. */
export function nodeValue(value: object): NodeValue {
  return { address: '', role: 'primary', healthy: true, ...value };
}

/** The name of a node among its kind. */
export function nodeName({ namespace, cluster }: TopologyName, shard: string, nodeId: string): string {
  return `${namespace}/${cluster}/${shard}/${nodeId}`;
}
