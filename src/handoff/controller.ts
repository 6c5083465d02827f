import type { Registry } from '../registry/index.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';
import { HandoffDriver, type OnStep } from './driver.ts';
import { Failover } from './failover.ts';

/** Who drives, and what it tells. */
export interface DriverIdentity {
  readonly candidate: string;
  readonly clock: () => number;
  readonly onStep: OnStep;
}

/** What a controller tells people. */
export interface ControllerLog {
  onTerm(leads: boolean): void;
  onStep: OnStep;
  onFailover(shards: readonly string[], done: string): void;
}

/** A driver that has died is taken over after so long: the requests that it had held wait until then. */
const LEASE_MS = 3000;

/** Of all who would drive a cluster's handoffs one does. */
function election(name: TopologyName): string {
  return `handoff/${topologyText(name)}`;
}

/** Drives a cluster's handoffs whenever, and for as long as, nobody else does. */
export async function driveWhileElected(
  registry: Registry,
  name: TopologyName,
  { candidate, clock, onStep }: DriverIdentity,
  signal: AbortSignal,
): Promise<void> {
  const term = await registry.elections.campaign(election(name), candidate, LEASE_MS, signal);
  if (term === null) return;
  await new HandoffDriver(registry, name, clock, onStep).run(AbortSignal.any([signal, term.ended]));
  await term.resign();
}

/** Drives a cluster's handoffs, and takes lost shards out, whenever this one is elected; until it is told to stop. */
export async function controlCluster(
  registry: Registry,
  name: TopologyName,
  candidate: string,
  clock: () => number,
  log: ControllerLog,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const term = await registry.elections.campaign(election(name), candidate, LEASE_MS, signal);
    if (term === null) return;
    log.onTerm(true);
    const until = AbortSignal.any([signal, term.ended]);
    const driver = new HandoffDriver(registry, name, clock, log.onStep);
    const failover = new Failover(registry, name, clock, (shards, done) => log.onFailover(shards, done));
    await Promise.all([driver.run(until), failover.run(until)]);
    await term.resign();
    log.onTerm(false);
  }
}
