import type { TopologyName } from '../topology/index.ts';
import type { NodeRights } from './handoff-entries.ts';
import type { HeldLease } from './held-lease.ts';
import { newInstance } from './instance.ts';
import { type NodeValue, nodeName } from './member-values.ts';
import type { Membership } from './members.ts';
import type { OwnRights } from './own-rights.ts';
import type { Registry } from './registry.ts';

/** Which node registers, and for how long it counts as there without renewing its lease. */
export interface NodeIdentity {
  readonly name: TopologyName;
  readonly shard: string;
  readonly nodeId: string;
  readonly leaseMs: number;
}

/** How long a process tries to report that it has ended; where it cannot, the others wait for it, or see its lease end. */
const FAREWELL_MS = 1000;

/** One process of a node in the registry: what it reports about itself by its lease, and what it may do, which outlives that. */
export class NodeRegistration {
  /** A process that owns nothing, such as a replica, claims none. */
  readonly rights: OwnRights;
  readonly #registry: Pick<Registry, 'members'>;
  readonly #identity: NodeIdentity;
  readonly #instance = newInstance();
  #membership: Membership | null = null;

  constructor(registry: Pick<Registry, 'members' | 'handoffs'>, identity: NodeIdentity, rights: NodeRights) {
    const { name, shard, nodeId } = identity;
    this.#registry = registry;
    this.#identity = identity;
    const node = { shard, nodeId, instance: this.#instance };
    this.rights = registry.handoffs.ownRights(name, node, rights);
  }

  /** Registers, and stays registered. @param onRegistered called each time, once the others can see it */
  begin(value: NodeValue, onRegistered: (lease: HeldLease) => void): void {
    const { name, shard, nodeId, leaseMs } = this.#identity;
    const path = nodeName(name, shard, nodeId);
    const { members } = this.#registry;
    this.#membership = members.register('node', path, value, leaseMs, onRegistered, this.#instance);
  }

  get hasBegun(): boolean {
    return this.#membership !== null;
  }

  /** Whether the others can count on its presence, by this process's clock. */
  get isHeld(): boolean {
    return this.#membership?.isHeld ?? false;
  }

  /** Changes what it reports about itself. */
  async update(value: NodeValue): Promise<void> {
    await this.#membership?.update(value);
  }

  /** The process serves nothing any more: says so, and leaves. @param farewell what it reports about itself before */
  async end(farewell?: NodeValue): Promise<void> {
    if (this.#membership === null) return;
    await this.rights.change({ ended: true }, AbortSignal.timeout(FAREWELL_MS));
    await this.#membership.leave(farewell);
  }
}
