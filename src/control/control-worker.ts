import { openRegistry } from '../registry/store/index.ts';
import { machine } from '../runtime/machine-clock.ts';
import { answerCalls, startedBy, ThreadCaller } from '../runtime/thread-calls.ts';
import { ControlPlane } from './control-plane.ts';
import type { ControlBirth, ControlCalls, ControlNews } from './control-thread.ts';
import { KeptTopologies } from './kept-topologies.ts';

/** The control plane's thread: speaks with the registry and builds tables, so that no request waits for either. */
const { starter, birth } = startedBy<ControlBirth>();
const news = new ThreadCaller<ControlNews>(starter);
const plane = new ControlPlane(birth, {
  registry: openRegistry(birth.store, machine),
  kept: birth.keepIn === null ? null : new KeptTopologies(birth.keepIn),
  clock: machine.clock,
  onEvent: (event) => news.notify('event', event),
});

answerCalls<ControlCalls>(starter, {
  serving: (value) => plane.serving(value),
  carriedOut: (cluster, id) => plane.carriedOut(cluster, id),
  follow: (cluster, value) => plane.follow(cluster, value),
  leave: (cluster, value) => plane.leave(cluster, value),
  async stop() {
    await plane.stop();
    starter.close();
  },
});
