import { type HeldLease, type Membership, newInstance, Registry, type RouterValue } from '../registry/index.ts';
import { openStore } from '../registry/store/index.ts';
import { machineClock } from '../runtime/machine-clock.ts';
import { answerCalls, startedBy, ThreadCaller } from '../runtime/thread-calls.ts';
import type { ControlEvent } from './control-event.ts';
import type { ControlBirth, ControlCalls, ControlledCluster, ControlNews } from './control-thread.ts';
import { FollowedCluster } from './followed-cluster.ts';
import { KeptTopologies } from './kept-topologies.ts';

/** The control plane's thread: speaks with the registry and builds tables, so that no request waits for either. */
const { starter, birth } = startedBy<ControlBirth>();
const { store, keepIn, leaseMs, router, value, clusters } = birth;
const registry = new Registry(openStore(store, machineClock, Date.now), {
  clock: machineClock,
  timeOfDay: () => new Date().toISOString(),
});
const kept = new KeptTopologies(keepIn);
const news = new ThreadCaller<ControlNews>(starter);
const tell = (event: ControlEvent): void => news.tell('event', event);

registry.unreadable.onChange = () => tell({ kind: 'unreadable', entries: registry.unreadable.all });

registry.onDenied((reason) => tell({ kind: 'denied', reason }));

const instance = newInstance();
const followed = new Map<string, FollowedCluster>();
/** By which the router is registered; what is served goes by it. */
let lease: HeldLease | null = null;

function onRegistered(granted: HeldLease): void {
  lease = granted;
  granted.onExtended = () => {
    for (const { serving } of followed.values()) serving.extended();
  };
  for (const each of followed.values()) each.onRegistered(granted);
}

for (const cluster of clusters) followed.set(cluster.name, newFollowed(cluster, true));
/** Before anything is served: who hands keys over waits for those who are registered. */
const membership: Membership = registry.members.register('router', router, value, leaseMs, onRegistered, instance);
for (const each of followed.values()) each.run();

function newFollowed(cluster: ControlledCluster, isTold: boolean): FollowedCluster {
  return new FollowedCluster({ registry, kept, router, instance, tell }, cluster, isTold);
}

/** The others know that this router serves a cluster before it does. */
async function follow(cluster: ControlledCluster, changed: RouterValue): Promise<void> {
  const added = newFollowed(cluster, false);
  followed.set(cluster.name, added);
  added.run();
  await membership.update(changed);
  added.isTold = true;
  if (lease?.isHeld === true) added.onRegistered(lease);
}

/** It was drained: nothing of it is served any more, and nobody has to wait for this router. */
async function leave(cluster: string, changed: RouterValue): Promise<void> {
  const left = followed.get(cluster);
  followed.delete(cluster);
  left?.end();
  await left?.serving.stop();
  await membership.update(changed);
}

async function stop(): Promise<void> {
  const all = [...followed.values()];
  await Promise.all(all.map(({ serving }) => serving.stop()));
  for (const each of all) each.end();
  await membership.leave();
  await Promise.all(all.map((each) => each.ended));
  await registry.close();
  starter.close();
}

answerCalls<ControlCalls>(starter, {
  serving: (changed) => membership.update(changed),
  carriedOut: (cluster, id) => followed.get(cluster)?.follower.carriedOut(id),
  follow,
  leave,
  stop,
});
