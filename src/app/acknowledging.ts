import type { Acknowledgement } from '../registry/index.ts';
import type { StagedCluster } from '../topology/index.ts';
import type { RoutingThreads } from './routed-config.ts';

/** While requests are held at once: how often it is looked whether a call is slow that is waited for. Half as long as calls may take before they count as slow. */
const LOOK_MS = 50;

/** What a router has said last of the handoff that is under way, if it was about this attempt. */
function ofAttempt({ to, attempt }: StagedCluster, last: Acknowledgement | null): Acknowledgement | null {
  return last?.to === to && last.attempt === attempt ? last : null;
}

/** Whether a step was acknowledged already. */
export function isAcknowledged(staged: StagedCluster, last: Acknowledgement | null): boolean {
  return ofAttempt(staged, last)?.step === staged.step;
}

/** What a router says of a step that its threads are done with. @param last what it has said last */
export async function acknowledgementOf(
  threads: RoutingThreads,
  cluster: string,
  staged: StagedCluster,
  last: Acknowledgement | null,
): Promise<Acknowledgement> {
  const { to, attempt, step } = staged;
  const said = ofAttempt(staged, last);
  const [streams, quiet] = await Promise.all([
    said?.streams ?? threads.moving(cluster),
    step === 'stage' ? threads.isQuiet(cluster) : said?.quiet,
  ]);
  return { to, attempt, step, streams, quiet };
}

/**
 * Resolves once all threads are done with a step, or false where that has been given up. Where requests are held that no drain has gone before, and a
 * call turns out to be slow whose key moves, the driver should know before it has waited in vain.
 * @param onSlow called once, with what to say of it
 */
export async function settledOrSlow(
  threads: RoutingThreads,
  cluster: string,
  staged: StagedCluster,
  last: Acknowledgement | null,
  onSlow: (slow: Acknowledgement) => void,
): Promise<boolean> {
  const { to, attempt, step } = staged;
  const settled = threads.settled(cluster, attempt, step);
  if (step !== 'hold' || ofAttempt(staged, last)?.step === 'drain') return settled;
  for (;;) {
    const isSettled = await soonOf(settled);
    if (isSettled !== null) return isSettled;
    if (await threads.isQuiet(cluster)) continue;
    onSlow({ to, attempt, step: 'stage', streams: await threads.moving(cluster), quiet: false });
    return settled;
  }
}

/** Null where it takes longer. */
async function soonOf(settled: Promise<boolean>): Promise<boolean | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LOOK_MS);
  });
  const found = await Promise.race([settled, late]);
  clearTimeout(timer);
  return found;
}
