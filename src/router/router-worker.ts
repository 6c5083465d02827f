import { parentPort, workerData } from 'node:worker_threads';
import { machineClock } from '../machine-clock.ts';
import { VitalsMonitor } from '../thread-vitals.ts';
import { startTracing } from './observe/observe.ts';
import { Router } from './router.ts';
import type { WorkerAnswer, WorkerBirth, WorkerRequest } from './router-threads.ts';

/** A worker thread's side: one router, and the main thread's requests. */
const { routing, limits, drain, hold, observe, connections } = workerData as WorkerBirth;
const monitor = new VitalsMonitor();
const tracing = await startTracing(observe, Math.random);
const router = new Router({
  routing,
  limits,
  drain,
  hold,
  http2Limits: limits,
  clock: machineClock,
  random: Math.random,
  observe,
  connections,
  tracing,
  timeOfDay: () => new Date().toISOString(),
});

function carryOut(request: WorkerRequest): Promise<unknown> {
  switch (request.ask) {
    case 'listen':
      return Promise.all(request.addresses.map((address) => router.listen(address, true)));
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
