import type { ClusterDescription, Shard } from './cluster-description.ts';
import { derivedNodeId, type NodeId } from './node-id.ts';

declare const versionBrand: unique symbol;
/** A topology's version: counts from 1, and only grows. */
export type TopologyVersion = number & { readonly [versionBrand]: true };

/** Which topology is meant. */
export interface TopologyName {
  readonly namespace: string;
  readonly cluster: string;
}

/** How a cluster changes over from one version to the next. */
export interface ChangeRules {
  /** `eventual`: each router changes over when it hears of it. Where it is not given keys are handed over: docs/handoff.md. */
  readonly consistency?: 'strict' | 'eventual' | undefined;
  /** A shard whose node has been lost or unhealthy for this long is taken out; never where it is not given. */
  readonly failover?: { readonly afterMs: number } | undefined;
  /** In how large waves keys move; `defaultWaves` where it is not given. */
  readonly waves?: WaveRules | undefined;
}

/** How keys move in waves. */
export interface WaveRules {
  /** About so many streams move in a wave, of all routers together. */
  readonly streams: number;
  /** Between the end of a wave and the beginning of the next one. */
  readonly pauseMs: number;
}

/** A thousand streams end in some tens of milliseconds, and come back in as many; ten thousand move in some seconds. */
export const defaultWaves: WaveRules = { streams: 1000, pauseMs: 100 };

/** The full, immutable description of a cluster at one version: which shard owns which keys. It is replaced whole, never edited. */
export interface Topology extends ClusterDescription, ChangeRules {
  readonly namespace: string;
  readonly version: TopologyVersion;
}

/** A topology that has not been committed: without a version it becomes the next one. */
export interface TopologyDraft extends ClusterDescription, ChangeRules {
  readonly namespace: string;
  readonly version: TopologyVersion | null;
}

export function isStrict({ consistency }: ChangeRules): boolean {
  return consistency !== 'eventual';
}

/** One backend process. */
export interface Node {
  readonly id: NodeId;
  readonly shard: string;
  readonly address: string;
  /** Of a primary null, else the primary that it follows. */
  readonly follows: NodeId | null;
}

/** The id of a shard's primary. */
export function primaryId(cluster: string, { id, nodeId }: Shard): NodeId {
  return nodeId ?? derivedNodeId(cluster, id);
}

/** All nodes of a cluster, each primary before its replicas. */
export function nodesOf({ name, shards }: ClusterDescription): Node[] {
  return shards.flatMap((shard): Node[] => {
    const primary = primaryId(name, shard);
    const replicas = shard.replicas ?? [];
    return [
      { id: primary, shard: shard.id, address: shard.address, follows: null },
      ...replicas.map(({ id, address }): Node => ({ id, shard: shard.id, address, follows: primary })),
    ];
  });
}

/** For messages: `namespace/cluster`. */
export function topologyText({ namespace, cluster }: TopologyName): string {
  return `${namespace}/${cluster}`;
}
