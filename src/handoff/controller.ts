import type { Registry } from '../registry/index.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';
import { HandoffDriver, type OnStep } from './driver.ts';
import { Failover } from './failover.ts';

/** What a controller reports to people. */
export interface ControllerLog {
  onTerm(leads: boolean): void;
  onStep: OnStep;
  onFailover(shards: readonly string[], done: string): void;
  onWarning(message: string): void;
}

/** How long until a driver that has died is replaced: the requests that it had held wait until then. */
const LEASE_MS = 3000;

/** Of all candidates to drive a cluster's handoffs, one does. */
function election(name: TopologyName): string {
  return `handoff/${topologyText(name)}`;
}

/** Works while this one is elected. @returns false where it never was before `signal` was aborted */
async function whileElected(
  registry: Registry,
  name: TopologyName,
  candidate: string,
  signal: AbortSignal,
  work: (until: AbortSignal) => Promise<unknown>,
): Promise<boolean> {
  const term = await registry.elections.campaign(election(name), candidate, LEASE_MS, signal);
  if (term === null) return false;
  await work(AbortSignal.any([signal, term.ended]));
  await term.resign();
  return true;
}

/** Drives a cluster's handoffs whenever no other process does, until `signal` is aborted. */
export async function driveWhileElected(
  registry: Registry,
  name: TopologyName,
  candidate: string,
  clock: () => number,
  signal: AbortSignal,
): Promise<void> {
  const drive = (until: AbortSignal): Promise<void> => new HandoffDriver(registry, name, clock).run(until);
  // On a busy machine its term may end before the change does, and there may be no other process.
  while (!signal.aborted) await whileElected(registry, name, candidate, signal, drive);
}

/** Drives a cluster's handoffs, and takes lost shards out, whenever this one is elected, until it is stopped. */
export async function controlCluster(
  registry: Registry,
  name: TopologyName,
  candidate: string,
  clock: () => number,
  log: ControllerLog,
  signal: AbortSignal,
): Promise<void> {
  const control = (until: AbortSignal): Promise<unknown> => {
    log.onTerm(true);
    const driver = new HandoffDriver(registry, name, clock, log.onStep);
    const failover = new Failover(registry, name, clock, {
      onDone: (shards, done) => log.onFailover(shards, done),
      onWarning: (message) => log.onWarning(message),
    });
    return Promise.all([driver.run(until), failover.run(until)]);
  };
  while (!signal.aborted) {
    if (await whileElected(registry, name, candidate, signal, control)) log.onTerm(false);
  }
}
