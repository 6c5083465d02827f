import type { Registry } from '../registry/index.ts';
import { type TopologyName, topologyText } from '../topology/index.ts';
import { HandoffDriver, type OnStep } from './driver.ts';
import { Failover } from './failover.ts';

/** What a controller reports to people. */
export interface ControllerLog {
  readonly onTerm: (leads: boolean) => void;
  readonly onStep: OnStep;
  readonly onFailover: (shards: readonly string[], done: string) => void;
  readonly onWarning: (message: string) => void;
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

/** Drives a cluster's handoffs, and takes lost shards out, whenever this one is elected, until it is stopped. */
export async function controlCluster(
  registry: Registry,
  name: TopologyName,
  candidate: string,
  clock: () => number,
  { onTerm, onStep, onFailover, onWarning }: ControllerLog,
  signal: AbortSignal,
): Promise<void> {
  const control = (until: AbortSignal): Promise<unknown> => {
    onTerm(true);
    const failover = new Failover(registry, name, clock, { onDone: onFailover, onWarning });
    const driver = new HandoffDriver(registry, name, clock, { onStep, beforeWave: () => failover.beforeWave() });
    return Promise.all([driver.run(until), failover.run(until)]);
  };
  // On a busy machine its term may end before a change does, and there may be no other process.
  while (!signal.aborted) {
    if (await whileElected(registry, name, candidate, signal, control)) onTerm(false);
  }
}

/** A process that waits for a change, and drives it where no other process does. */
export interface Waiting {
  /** Its name, shown to people. */
  readonly candidate: string;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Called for each step of what it waits for. */
  readonly onStep?: OnStep | undefined;
  /** Once it is aborted nobody waits any more: what was begun goes on without this process, and its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Told in sentences for people what this process does besides: which lost shards it takes out, and which it cannot. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** Waits for something that a controller brings about, and is one meanwhile. @param wait until when is told by a signal that is aborted behind it */
export async function whileControlling<Result>(
  registry: Registry,
  name: TopologyName,
  { candidate, clock, signal, onNotice = () => {} }: Waiting,
  wait: (over: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const over = new AbortController();
  const until = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const log: ControllerLog = {
    onTerm: () => {},
    // Whoever waits sees them in the registry, whichever process has taken them.
    onStep: () => {},
    onFailover: (shards, done) => onNotice(`lost: ${shards.join(', ')}; ${done}`),
    onWarning: onNotice,
  };
  const controlling = controlCluster(registry, name, candidate, clock, log, until);
  try {
    return await wait(until);
  } finally {
    over.abort();
    await controlling;
  }
}
