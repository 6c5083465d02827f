import { goesOn, type Handoff, type HandoffView, isUnderWay } from '../registry/index.ts';

/** What changes of a handoff where it goes back to draining. */
type Back = Pick<Handoff, 'step' | 'attempt' | 'retries' | 'reason' | 'wave'>;

/** Whether routers have to be heard: for a step of it, or for the next wave soon. */
export function hasMoreSteps(handoff: Handoff | null): boolean {
  if (handoff === null || isUnderWay(handoff)) return handoff !== null;
  return handoff.step === 'committed' && handoff.paused !== true && goesOn(handoff);
}

export function revisionOf({ handoff }: HandoffView): number {
  return handoff?.revision ?? 0;
}

export function fence({ attempt }: Handoff, isUp: boolean): Pick<Handoff, 'fence'> {
  return { fence: { attempt, isUp } };
}

/** What was held is released to its old owners; the steps begin again from there, behind a rest. */
export function backToDraining(handoff: Handoff, reason: string): Back {
  return { ...backAtOnce(handoff, reason), retries: handoff.retries + 1 };
}

/** The same without a rest: requests were held before anybody had waited for slow calls. */
export function backAtOnce({ attempt, retries, wave }: Handoff, reason: string): Back {
  const drained = wave && { ...wave, heldAtOnce: undefined };
  return { step: 'drain', attempt: attempt + 1, retries, reason, wave: drained };
}
