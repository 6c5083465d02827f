import { parentPort, workerData } from 'node:worker_threads';
import { type Membership, openStore, Registry } from '../registry/index.ts';
import type { ControlBirth, ControlRequest } from './control-thread.ts';
import { KeptTopologies } from './kept-topologies.ts';
import { type ControlEvent, followTopology } from './topology-source.ts';

/** The control plane's thread: speaks with the registry and builds tables, so that no request waits for either. */
const { store, keepIn, leaseMs, router, clusters } = workerData as ControlBirth;
const clock = (): number => performance.now();
const registry = new Registry(openStore(store, clock, Date.now), { clock, timeOfDay: () => new Date().toISOString() });
const kept = new KeptTopologies(keepIn);
const stopping = new AbortController();
const tell = (event: ControlEvent): void => parentPort?.postMessage(event);
/** Registered once it serves something: others wait for those who are there. */
let membership: Membership | null = null;

const following = clusters.map(({ name, topology }) =>
  followTopology(registry, kept, name, topology, tell, stopping.signal),
);

async function carryOut(request: ControlRequest): Promise<void> {
  if (request.ask === 'serving') {
    if (membership === null) membership = registry.members.register('router', router, request.value, leaseMs);
    else await membership.update(request.value);
    return;
  }
  stopping.abort();
  await membership?.leave();
  await Promise.all(following);
  await registry.close();
  parentPort?.close();
}

parentPort?.on('message', (request: ControlRequest) => {
  carryOut(request).catch((error: unknown) => {
    throw error;
  });
});
