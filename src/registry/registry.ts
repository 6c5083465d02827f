import type { ClusterDescription } from '../topology/index.ts';

declare const versionBrand: unique symbol;
/** A topology's version: counts from 1, and only grows. */
export type TopologyVersion = number & { readonly [versionBrand]: true };

/** A cluster's topology as the registry has it. */
export interface StoredTopology {
  readonly namespace: string;
  readonly version: TopologyVersion;
  readonly cluster: ClusterDescription;
}

/** Somebody else has changed the topology meanwhile, or the version is no newer. Nothing was written. */
export class VersionConflict extends Error {
  /** Null where there is no such topology. */
  readonly current: TopologyVersion | null;

  constructor(name: string, expected: TopologyVersion | null, current: TopologyVersion | null) {
    const is = current === null ? 'does not exist' : `is at version ${current}`;
    super(`the topology of ${name} ${is}, and ${expected ?? 'none'} was expected; read it again`);
    this.name = 'VersionConflict';
    this.current = current;
  }
}

/** Where topologies live. Every acknowledged change is durable. */
export interface Registry {
  /** The current topology of a cluster, or null where there is none. */
  read(namespace: string, cluster: string): StoredTopology | null;
  /**
   * Replaces a cluster's topology as a whole, if `expected` is still its version (null: if there is none).
   * @returns what is stored now, at the next version
   * @throws VersionConflict
   */
  compareAndSet(namespace: string, cluster: ClusterDescription, expected: TopologyVersion | null): StoredTopology;
  close(): void;
}
