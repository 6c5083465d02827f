import { expect, it } from 'vitest';
import { ownersAt, StubRequest } from '../../../../test/support/stub-request.ts';
import type { StagedCluster, TopologyVersion } from '../../../topology/index.ts';
import { defaultDrain } from '../drain/drain.ts';
import { Change } from './change.ts';

const NEXT = ownersAt(2);

function staged(step: StagedCluster['step'], attempt: number): StagedCluster {
  return {
    to: 2 as TopologyVersion,
    attempt,
    step,
    watchesEnd: 'drain',
    shardsGiveUp: false,
    losing: [],
    table: {} as StagedCluster['table'],
  };
}

/** One whose key `k` was held in vain because a call to it took long, which has ended since. */
function heldInVain(): Change {
  const change = new Change(staged('drain', 1), NEXT, defaultDrain);
  change.seenAll = true;
  const late = new StubRequest({ isSent: true });
  change.note(late);
  change.goOn(staged('hold', 1));
  change.goOn(staged('drain', 2));
  late.isSent = false;
  return change;
}

it('has nothing more sent to a shard that is dead, also while the others drain', () => {
  const change = new Change({ ...staged('stage', 1), lost: ['s1'] }, NEXT, defaultDrain);
  const [dead, alive] = [new StubRequest({ owner: { shard: 's1' } }), new StubRequest()];
  expect([change.hasToWait(dead), change.hasToWait(alive)]).toEqual([false, false]);
  change.goOn({ ...staged('drain', 1), lost: ['s1'] });
  expect([change.hasToWait(dead), change.hasToWait(alive)]).toEqual([true, false]);
});

it('makes new calls wait for a key that was held in vain, until the change has waited only for others for two seconds', () => {
  const change = heldInVain();
  const call = new StubRequest();
  expect(change.hasToWait(call)).toBe(true);
  expect(change.hasToWait(new StubRequest({ keyText: 'another' }))).toBe(false);
  expect(change.findSlow(1000)).toBe(false);
  expect(change.findSlow(2900)).toBe(false);
  expect(change.findSlow(3000)).toBe(true);
  expect(change.hasToWait(call)).toBe(false);
});

it('has them wait for twice as long as such a call took, for other routers may have one in flight', () => {
  const change = heldInVain();
  const slow = new StubRequest({ isSent: true });
  change.note(slow);
  expect(change.findSlow(3000)).toBe(false);
  slow.isSent = false;
  expect(change.findSlow(3001)).toBe(false);
  expect(change.findSlow(9000)).toBe(false);
  expect(change.findSlow(9001)).toBe(true);
});

it('counts those two seconds through the steps that are tried meanwhile', () => {
  const change = heldInVain();
  const call = new StubRequest();
  for (let attempt = 2, nowMs = 0; nowMs < 2000; attempt++, nowMs += 900) {
    expect([nowMs, change.findSlow(nowMs)]).toEqual([nowMs, false]);
    change.goOn(staged('hold', attempt));
    change.goOn(staged('drain', attempt + 1));
  }
  expect(change.findSlow(2700)).toBe(true);
  expect(change.hasToWait(call)).toBe(false);
});

it('lets calls to a held key go on for a moment where what is waited for does not end, which may have called its own key', () => {
  const change = heldInVain();
  const outer = new StubRequest({ isSent: true });
  change.note(outer);
  const inner = new StubRequest();
  // It is asked every few milliseconds.
  const findUntil = (from: number, until: number): number[] => {
    const letGoAt: number[] = [];
    for (let nowMs = from; nowMs <= until; nowMs += 20) {
      change.holdAgain(nowMs);
      if (change.findSlow(nowMs)) letGoAt.push(nowMs);
    }
    return letGoAt;
  };
  expect([findUntil(0, 1980), change.hasToWait(inner)]).toEqual([[], true]);
  expect([findUntil(2000, 2080), change.hasToWait(inner)]).toEqual([[2000], false]);
  expect([findUntil(2100, 6080), change.hasToWait(inner)]).toEqual([[], true]);
  expect([findUntil(6100, 6100), change.hasToWait(inner)]).toEqual([[6100], false]);
  // The inner one has been answered.
  outer.isSent = false;
  expect([findUntil(6120, 6300), change.isDone(6300), change.hasToWait(new StubRequest())]).toEqual([[], true, true]);
});

it('has calls to a held key wait again where all was held in vain just after they went on', () => {
  const change = heldInVain();
  const outer = new StubRequest({ isSent: true });
  change.note(outer);
  expect([change.findSlow(0), change.findSlow(2000), change.hasToWait(new StubRequest())]).toEqual([
    false,
    true,
    false,
  ]);
  outer.isSent = false;
  change.goOn(staged('hold', 2));
  change.goOn(staged('drain', 3));
  expect(change.hasToWait(new StubRequest())).toBe(true);
});

it('waits for no call before all is held where none counts as slow, and makes no new ones wait for their keys', () => {
  const change = new Change(staged('drain', 1), NEXT, { ...defaultDrain, slowAfterMs: Number.POSITIVE_INFINITY });
  change.seenAll = true;
  for (const startedAtMs of [0, 1]) change.note(new StubRequest({ isSent: true, startedAtMs }));
  change.findSlow(5000);
  expect([change.isDone(5000), change.hasToWait(new StubRequest())]).toEqual([true, false]);
  change.goOn(staged('hold', 1));
  expect(change.isDone(5000)).toBe(false);
});

it('waits for a call that was too slow to be waited for while all was held, and has new ones wait for its key, where none counts as slow', () => {
  const change = new Change(staged('drain', 1), NEXT, { ...defaultDrain, slowAfterMs: Number.POSITIVE_INFINITY });
  change.seenAll = true;
  const late = new StubRequest({ isSent: true });
  change.note(late);
  change.goOn(staged('hold', 1));
  change.goOn(staged('drain', 2));
  expect([change.findSlow(5000), change.isDone(5000), change.isQuiet(5000)]).toEqual([false, false, false]);
  late.isSent = false;
  const next = new StubRequest();
  // It took five seconds: for ten more no other one begins.
  expect([change.findSlow(5001), change.isDone(5001), change.hasToWait(next)]).toEqual([false, true, true]);
  expect([change.findSlow(15_000), change.hasToWait(next)]).toEqual([false, true]);
  expect([change.findSlow(15_001), change.hasToWait(next)]).toEqual([true, false]);
});

it('waits no longer for a replayed watch that is back at its old owner because requests were held in vain', () => {
  const drain = (attempt: number): StagedCluster => ({ ...staged('drain', attempt), watchesEnd: 'hold' });
  const hold = (attempt: number): StagedCluster => ({ ...drain(attempt), step: 'hold' });
  const change = new Change(drain(1), NEXT, defaultDrain);
  change.seenAll = true;
  // The first is slow to leave, so that the other is not forgotten before requests are released.
  const slow = new StubRequest({ isSent: true, isWatch: true });
  const watch = new StubRequest({ isSent: true, isWatch: true });
  for (const request of [slow, watch]) change.note(request);
  change.goOn(hold(1));
  expect(change.leaversNow(0, '')).toHaveLength(2);
  watch.isSent = false;
  change.forgetOver();
  change.goOn(drain(2));
  watch.isSent = true;
  change.note(watch);
  slow.isSent = false;
  change.forgetOver();
  expect(change.isDone(0)).toBe(true);
  change.goOn(hold(2));
  expect(change.leaversNow(0, '').map(({ request }) => request)).toEqual([watch]);
});

it('counts watches that have left while requests were held at once', () => {
  const change = new Change({ ...staged('hold', 1), watchesEnd: 'hold' }, NEXT, defaultDrain);
  change.seenAll = true;
  for (const isWatch of [true, true, false]) change.note(new StubRequest({ isSent: true, isWatch }));
  expect(change.leaversNow(0, '')).toHaveLength(2);
  expect(change.watches).toBe(2);
});
