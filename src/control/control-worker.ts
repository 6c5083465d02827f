import { parentPort, workerData } from 'node:worker_threads';
import { ClusterFollower, controlCluster } from '../handoff/index.ts';
import { machineClock } from '../machine-clock.ts';
import { type HeldLease, type Membership, newInstance, qualified, Registry } from '../registry/index.ts';
import { openStore } from '../registry/store/index.ts';
import type { ControlEvent } from './control-event.ts';
import type { ControlBirth, ControlRequest } from './control-thread.ts';
import { KeptTopologies } from './kept-topologies.ts';
import { ServingLease } from './serving-lease.ts';

/** The control plane's thread: speaks with the registry and builds tables, so that no request waits for either. */
const { store, keepIn, leaseMs, router, value, clusters } = workerData as ControlBirth;
const registry = new Registry(openStore(store, machineClock, Date.now), {
  clock: machineClock,
  timeOfDay: () => new Date().toISOString(),
});
const kept = new KeptTopologies(keepIn);
const stopping = new AbortController();
const tell = (event: ControlEvent): void => parentPort?.postMessage(event);

registry.unreadable.onChange = () => tell({ kind: 'unreadable', entries: registry.unreadable.all });

registry.onDenied((reason) => tell({ kind: 'denied', reason }));

const instance = newInstance();
const followers = new Map<string, ClusterFollower>();
const leases: ServingLease[] = [];
for (const { name, topology, servesUntil } of clusters) {
  const follower = new ClusterFollower(registry, kept, name, topology, tell);
  followers.set(name, follower);
  const onServes = (serves: boolean): void => tell({ kind: 'serves', cluster: name, serves });
  leases.push(new ServingLease(registry, follower, qualified(router, instance), servesUntil, machineClock, onServes));
}

function onRegistered(lease: HeldLease): void {
  lease.onExtended = () => {
    for (const serving of leases) serving.extended();
  };
  for (const serving of leases) void serving.onRegistered(lease);
}

/** Before anything is served: who hands keys over waits for those who are registered. */
const membership: Membership = registry.members.register('router', router, value, leaseMs, onRegistered, instance);

const running = clusters.map(({ name, topology }) =>
  Promise.all([
    followers.get(name)?.run(stopping.signal),
    controlCluster(
      registry,
      topology,
      router,
      machineClock,
      {
        onTerm: (leads) => tell({ kind: 'controls', cluster: name, leads }),
        onStep: (handoff) => tell({ kind: 'step', cluster: name, handoff }),
        onFailover: (shards, done) => tell({ kind: 'failover', cluster: name, shards, done }),
        onWarning: (message) => tell({ kind: 'warning', cluster: name, message }),
      },
      stopping.signal,
    ),
  ]),
);

async function carryOut(request: ControlRequest): Promise<void> {
  switch (request.ask) {
    case 'serving':
      return membership.update(request.value);
    case 'carriedOut':
      followers.get(request.cluster)?.carriedOut(request.id);
      return;
    case 'stop':
      await Promise.all(leases.map((serving) => serving.stop()));
      stopping.abort();
      await membership.leave();
      await Promise.all(running);
      await registry.close();
      parentPort?.close();
  }
}

parentPort?.on('message', (request: ControlRequest) => {
  carryOut(request).catch((error: unknown) => {
    throw error;
  });
});
