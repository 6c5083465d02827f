import { ClusterFollower, controlCluster, type TopologyKeeper } from '../handoff/index.ts';
import { type Handoff, type HeldLease, type InstanceId, qualified, type Registry } from '../registry/index.ts';
import type { ControlEvent } from './control-event.ts';
import type { ControlledCluster } from './control-thread.ts';
import { ServingLease } from './serving-lease.ts';

/** The router that follows, and how. */
export interface Following {
  readonly registry: Registry;
  readonly kept: TopologyKeeper | null;
  /** The router's name among the registry's members, and which process it is. */
  readonly router: string;
  readonly instance: InstanceId;
  readonly onEvent: (event: ControlEvent) => void;
  /** The machine's, in milliseconds. */
  readonly clock: () => number;
}

/** A cluster that a router serves by the registry: what it follows there, by what it may serve it, and its handoffs. */
export class FollowedCluster {
  readonly follower: ClusterFollower;
  readonly serving: ServingLease;
  /** Whether the others know that this router serves the cluster. Before that no lease is one to serve it by. */
  isAnnounced: boolean;
  readonly #following: Following;
  readonly #cluster: ControlledCluster;
  readonly #stopping = new AbortController();
  ended: Promise<unknown> = Promise.resolve();

  constructor(following: Following, cluster: ControlledCluster, isAnnounced: boolean) {
    const { registry, kept, router, instance, onEvent, clock } = following;
    const { name, topology, servesUntil } = cluster;
    this.#following = following;
    this.#cluster = cluster;
    this.isAnnounced = isAnnounced;
    this.follower = new ClusterFollower(registry, kept, name, topology, onEvent);
    const onServes = (serves: boolean): void => onEvent({ kind: 'serves', cluster: name, serves });
    const self = qualified(router, instance);
    this.serving = new ServingLease(registry, this.follower, self, servesUntil, clock, onServes);
  }

  onRegistered(lease: HeldLease): void {
    if (this.isAnnounced) void this.serving.onRegistered(lease);
  }

  run(): void {
    const { registry, router, onEvent, clock } = this.#following;
    const { name, topology } = this.#cluster;
    const { signal } = this.#stopping;
    const listener = {
      onTerm: (leads: boolean) => onEvent({ kind: 'controls', cluster: name, leads }),
      onStep: (handoff: Handoff) => onEvent({ kind: 'step', cluster: name, handoff }),
      onFailover: (shards: readonly string[], done: string) =>
        onEvent({ kind: 'failover', cluster: name, shards, done }),
      onWarning: (message: string) => onEvent({ kind: 'warning', cluster: name, message }),
    };
    this.ended = Promise.all([
      this.follower.run(signal),
      controlCluster(registry, topology, router, clock, listener, signal),
    ]);
  }

  end(): void {
    this.#stopping.abort();
  }
}
