import { processName } from '../app/process-name.ts';
import { type ChangeOptions, changeTopology, type OnStep, removeDead, type Waiting } from '../handoff/index.ts';
import type { Handoff, Registry } from '../registry/index.ts';
import { machineClock } from '../runtime/machine-clock.ts';
import { printableLine } from '../runtime/printable.ts';
import {
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  topologyText,
} from '../topology/index.ts';
import { writeErr } from './output/terminal.ts';
import { withInterruptNote } from './signals.ts';

/** What a command may say of how a topology changes. */
export type ChangeFlags = Omit<ChangeOptions, 'reason' | keyof Waiting>;

/** Changes a cluster's topology for a command, and shows each step on the terminal. */
export function changed(
  registry: Registry,
  draft: TopologyDraft,
  flags: ChangeFlags,
  reason: string,
): Promise<Topology> {
  const name = topologyText({ namespace: draft.namespace, cluster: draft.name });
  return shown(registry, `the change of ${name}`, ', and keyway topology apply --abort gives it up', (waiting) =>
    changeTopology(registry, draft, { ...flags, ...waiting, reason }),
  );
}

/** Removes a shard for a command that people know to be dead: see `removeDead`. */
export function removedDead(registry: Registry, name: TopologyName, shard: string): Promise<TopologyVersion | null> {
  const what = `the removal of shard ${shard} from ${topologyText(name)}`;
  return shown(registry, what, '', (waiting) => removeDead(registry, name, shard, waiting));
}

/** As whom a command waits. Where it drives a change itself, nobody else would say what becomes of lost shards. */
export function waitingCommand(): Waiting {
  return {
    candidate: processName(),
    clock: machineClock,
    onNotice: (notice) => writeErr(`${printableLine(notice)}\n`),
  };
}

/**
 * Has a command wait: each step is shown on the terminal, and who interrupts it is told what becomes of what it waits for.
 * @param also what people can do about it then
 */
function shown<Result>(
  registry: Registry,
  what: string,
  also: string,
  wait: (waiting: Waiting) => Promise<Result>,
): Promise<Result> {
  const show: OnStep = process.stderr.isTTY ? showSteps() : () => {};
  let isUnderWay = false;
  // Where there is no router, this command drives the change.
  let isDriven = true;
  return withInterruptNote(
    () => (isUnderWay ? `${unfinished(what, isDriven)}: keyway status shows it${also}` : null),
    () =>
      wait({
        ...waitingCommand(),
        onStep: (handoff) => {
          if (!isUnderWay)
            registry.members.list('router').then(
              (routers) => {
                isDriven = routers.length > 0;
              },
              () => {
                // An outage says nothing of routers.
              },
            );
          isUnderWay = true;
          show(handoff);
        },
      }),
  );
}

/** What becomes of something without the command that has begun it. */
function unfinished(what: string, isDriven: boolean): string {
  return isDriven
    ? `${what} continues without this command, driven by a router`
    : `${what} waits for a router to continue it, because none is running`;
}

/** For people who wait; a command's answer stands alone on stdout. */
function showSteps(): OnStep {
  let shown = '';
  return ({ step, from, to, attempt, retries, reason, wave }: Handoff) => {
    const part = wave === undefined || (wave.from === 0 && wave.to === 1) ? '' : ` (wave ${wave.number})`;
    const line = `${from} -> ${to}${part}: ${step}${retries > 0 && step === 'drain' ? ` again, because ${reason}` : ''}`;
    if (`${attempt}${line}` === shown || step === 'committed') return;
    shown = `${attempt}${line}`;
    writeErr(`${printableLine(line)}\n`);
  };
}
