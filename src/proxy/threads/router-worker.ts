import { machine } from '../../runtime/machine-clock.ts';
import { answerCalls, startedBy } from '../../runtime/thread-calls.ts';
import { VitalsMonitor } from '../../runtime/thread-vitals.ts';
import type { RouterBirth, RouterCalls } from './router-calls.ts';
import type { PreparedSettings } from './settings.ts';
import { startRouter } from './start-router.ts';

/** A worker thread's side: one router, and the main thread's calls. */
const { starter, birth } = startedBy<RouterBirth>();
const monitor = new VitalsMonitor();
const router = await startRouter(birth, machine);
let prepared: PreparedSettings | null = null;

function settle(how: 'apply' | 'discard'): void {
  prepared?.[how]();
  prepared = null;
}

answerCalls<RouterCalls>(starter, {
  listen: (listen) => router.listen(listen, true),
  async prepare(settings, listen) {
    prepared = null;
    prepared = await router.prepare(settings, listen, true);
    return prepared.ports;
  },
  apply: () => settle('apply'),
  discard: () => settle('discard'),
  publish: (cluster, table, staged) => router.publish(cluster, table, staged),
  settled: (cluster, attempt, step) => router.settled(cluster, attempt, step),
  moving: (cluster) => router.moving(cluster),
  isQuiet: (cluster) => router.isQuiet(cluster),
  gone: (cluster) => router.gone(cluster),
  emptied: (cluster) => router.emptied(cluster),
  fingerprint: (cluster, keys) => router.fingerprint(cluster, keys),
  // They are copied on their way.
  counters: () => router.counters,
  vitals: () => monitor.read(),
  sockets: () => router.sockets(),
  openStreams: (limit) => router.openStreams(limit),
  inspect: (family, question, seconds) => router.inspect(family, question, seconds),
  shutdown: (graceMs) => router.shutdown(graceMs),
});
