import { parentPort, workerData } from 'node:worker_threads';
import type { NamedListener } from '../../io/index.ts';
import { machineClock } from '../../runtime/machine-clock.ts';
import { VitalsMonitor } from '../../runtime/thread-vitals.ts';
import { startTracing } from '../http/observe/observe.ts';
import { Router } from './router.ts';
import type { WorkerAnswer, WorkerBirth, WorkerRequest } from './router-threads.ts';
import type { PreparedSettings, RouterSettings } from './settings.ts';

/** A worker thread's side: one router, and the main thread's requests. */
const { settings, connections } = workerData as WorkerBirth;
const monitor = new VitalsMonitor();
const tracing = await startTracing(settings.observe, Math.random);
const router = new Router({
  ...settings,
  http2Limits: settings.limits,
  clock: machineClock,
  random: Math.random,
  connections,
  tracing,
  timeOfDay: () => new Date().toISOString(),
});
let prepared: PreparedSettings | null = null;

async function prepare(next: RouterSettings, listen: readonly NamedListener[]): Promise<readonly number[]> {
  prepared = null;
  prepared = await router.prepare(next, listen, true);
  return prepared.ports;
}

function carryOut(request: WorkerRequest): Promise<unknown> {
  switch (request.ask) {
    case 'listen':
      return router.listen(request.listen, true);
    case 'prepare':
      return prepare(request.settings, request.listen);
    case 'apply':
    case 'discard':
      prepared?.[request.ask]();
      prepared = null;
      return Promise.resolve();
    case 'sockets':
      return Promise.resolve(router.sockets());
    case 'gone':
      return router.gone(request.cluster);
    case 'emptied':
      return router.emptied(request.cluster);
    case 'publish':
      return Promise.resolve(router.publish(request.cluster, request.table, request.staged));
    case 'settled':
      return router.settled(request.cluster, request.attempt, request.step);
    case 'fingerprint':
      return router.fingerprint(request.cluster, request.keys);
    case 'counters':
      return Promise.resolve(router.counters);
    case 'vitals':
      return Promise.resolve(monitor.read());
    case 'streams':
      return Promise.resolve(router.openStreams(request.limit));
    case 'shutdown':
      return router.shutdown(request.graceMs);
  }
}

const main = parentPort;
main?.on('message', (request: WorkerRequest) => {
  carryOut(request)
    .then((value): WorkerAnswer => ({ id: request.id, value }))
    .catch((error: Error): WorkerAnswer => ({ id: request.id, error: error.message }))
    .then((answer) => main.postMessage(answer));
});
