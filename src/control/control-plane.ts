import type { TopologyKeeper } from '../handoff/index.ts';
import { type HeldLease, type Membership, newInstance, type Registry, type RouterValue } from '../registry/index.ts';
import type { ControlEvent } from './control-event.ts';
import type { ControlBirth, ControlledCluster } from './control-thread.ts';
import { FollowedCluster, type Following } from './followed-cluster.ts';

/** What a control plane works with. */
export interface ControlSurroundings {
  readonly registry: Registry;
  /** Null: nothing is kept; see `ClusterFollower.needsNoLease`. */
  readonly kept: TopologyKeeper | null;
  /** The machine's, in milliseconds. */
  readonly clock: () => number;
  readonly onEvent: (event: ControlEvent) => void;
}

/** A router's part in the registry: it is registered there, follows its clusters, and takes part in their handoffs. */
export class ControlPlane {
  readonly #following: Following;
  readonly #followed = new Map<string, FollowedCluster>();
  readonly #membership: Membership;
  /** The lease by which the router is registered, and by which it serves. */
  #lease: HeldLease | null = null;

  /** Registers the router, and begins to follow its clusters. */
  constructor(
    { router, leaseMs, value, clusters }: Pick<ControlBirth, 'router' | 'leaseMs' | 'value' | 'clusters'>,
    surroundings: ControlSurroundings,
  ) {
    const { registry, onEvent } = surroundings;
    const instance = newInstance();
    this.#following = { ...surroundings, router, instance };
    registry.unreadable.onChange = () => onEvent({ kind: 'unreadable', entries: registry.unreadable.all });
    registry.onDenied((reason) => onEvent({ kind: 'denied', reason }));
    for (const cluster of clusters) this.#add(cluster, true);
    // Before anything is served: a driver of handoffs waits for the routers that are registered.
    const onRegistered = (lease: HeldLease): void => this.#onRegistered(lease);
    this.#membership = registry.members.register('router', router, value, leaseMs, onRegistered, instance);
    for (const each of this.#followed.values()) each.run();
  }

  #add(cluster: ControlledCluster, isAnnounced: boolean): FollowedCluster {
    const added = new FollowedCluster(this.#following, cluster, isAnnounced);
    this.#followed.set(cluster.name, added);
    return added;
  }

  #onRegistered(granted: HeldLease): void {
    this.#lease = granted;
    granted.onExtended = () => {
      for (const { serving } of this.#followed.values()) serving.extended();
    };
    for (const each of this.#followed.values()) each.onRegistered(granted);
  }

  /** Publishes what the router serves. */
  serving(value: RouterValue): Promise<void> {
    return this.#membership.update(value);
  }

  /** Every thread of the router does what an event said. */
  carriedOut(cluster: string, id: number): void {
    this.#followed.get(cluster)?.follower.carriedOut(id);
  }

  /** The others know that this router serves a cluster before it does. */
  async follow(cluster: ControlledCluster, changed: RouterValue): Promise<void> {
    const added = this.#add(cluster, false);
    added.run();
    await this.#membership.update(changed);
    added.isAnnounced = true;
    if (this.#lease?.isHeld === true) added.onRegistered(this.#lease);
  }

  /** It was drained: nothing of it is served any more, and no handoff has to wait for this router. */
  async leave(cluster: string, changed: RouterValue): Promise<void> {
    const left = this.#followed.get(cluster);
    this.#followed.delete(cluster);
    left?.end();
    await left?.serving.stop();
    await this.#membership.update(changed);
  }

  /** Resolves once the registry has been left. */
  async stop(): Promise<void> {
    const all = [...this.#followed.values()];
    await Promise.all(all.map(({ serving }) => serving.stop()));
    for (const each of all) each.end();
    await this.#membership.leave();
    await Promise.all(all.map((each) => each.ended));
    await this.#following.registry.close();
  }
}
