import { processName } from '../app/process-name.ts';
import { changeTopology, type OnStep } from '../handoff/index.ts';
import type { CommitOptions, Handoff, Registry } from '../registry/index.ts';
import { machineClock } from '../runtime/machine-clock.ts';
import { printableLine } from '../runtime/printable.ts';
import { type Topology, type TopologyDraft, topologyText } from '../topology/index.ts';
import { writeErr } from './output/terminal.ts';
import { withInterruptNote } from './signals.ts';

/** What a command may say of how a topology changes. */
export interface ChangeFlags extends CommitOptions {
  /** Shards that are known to be dead, with commas between. */
  readonly lost?: string | undefined;
  /** See `ChangeOptions`. */
  readonly replacesStopped?: boolean;
}

/** Changes a cluster's topology for a command, and shows each step on the terminal. */
export function changed(
  registry: Registry,
  draft: TopologyDraft,
  flags: ChangeFlags,
  reason: string,
): Promise<Topology> {
  const lost = flags.lost?.split(',');
  const show: OnStep = process.stderr.isTTY ? showSteps() : () => {};
  const name = topologyText({ namespace: draft.namespace, cluster: draft.name });
  let isUnderWay = false;
  // Where there is no router, this command drives the change.
  let isDriven = true;
  return withInterruptNote(
    () => (isUnderWay ? unfinished(name, isDriven) : null),
    () =>
      changeTopology(registry, draft, {
        ...flags,
        lost,
        reason,
        candidate: processName(),
        clock: machineClock,
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

/** What becomes of a change without the command that has begun it. */
function unfinished(name: string, isDriven: boolean): string {
  const becomes = isDriven
    ? `the change of ${name} continues without this command, driven by a router`
    : `the change of ${name} waits for a router to continue it, because none is running`;
  return `${becomes}: keyway status shows it, and keyway topology apply --abort gives it up`;
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
