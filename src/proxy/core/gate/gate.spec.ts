import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../../test/support/router-context.ts';
import { ownersAt, StubRequest } from '../../../../test/support/stub-request.ts';
import type { StagedCluster, TopologyVersion } from '../../../topology/index.ts';
import { Gate } from './gate.ts';
import type { ServesUntil } from './lease-watch.ts';

let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => vi.useRealTimers());

function advance(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}

/** A gate with a lease until a time, before a cluster at version 1. */
function newGate(leaseMs: number) {
  const until: ServesUntil = new Float64Array(new SharedArrayBuffer(16));
  until.fill(leaseMs);
  let cuts = 0;
  const ended: unknown[] = [];
  let owners = ownersAt(1);
  const gate = new Gate(
    routerContext(() => nowMs),
    'docs',
    until,
    {
      owners: () => owners,
      visitOpen: () => Promise.resolve(),
      drain: () => {},
      end: (leavers) => {
        for (const { request } of leavers) {
          ended.push(request);
          (request as StubRequest).isSent = false;
        }
      },
      cut: () => {
        cuts++;
      },
    },
  );
  const serve = (version: number): void => {
    owners = ownersAt(version);
    gate.changed(null, null);
  };
  return { gate, until, serve, ended, cuts: () => cuts };
}

function staged(step: StagedCluster['step'], watchesEnd: StagedCluster['watchesEnd'] = 'drain'): StagedCluster {
  return {
    to: 2 as TopologyVersion,
    attempt: 1,
    step,
    watchesEnd,
    shardsGiveUp: false,
    losing: [],
    table: {} as StagedCluster['table'],
  };
}

it('lets a request through at once while the router has its lease', () => {
  const { gate } = newGate(1000);
  expect(gate.admits(new StubRequest())).toBe(true);
  gate.stop();
});

it('has requests wait without a lease, cuts what is in flight, and lets them go once there is one again', () => {
  const { gate, until, cuts } = newGate(1000);
  expect(gate.admits(new StubRequest())).toBe(true);
  advance(1000);
  expect(cuts()).toBe(1);
  const request = new StubRequest();
  expect(gate.admits(request)).toBe(false);
  expect([gate.holds(request), gate.waiting]).toEqual([true, 1]);
  until.fill(10_000);
  advance(200);
  expect([request.proceeded, gate.waiting]).toEqual([1, 0]);
  gate.stop();
});

it('holds what moves, and nothing else, until the change is through', () => {
  const { gate, serve } = newGate(100_000);
  gate.changed(staged('hold'), ownersAt(2));
  const [moves, stays] = [new StubRequest(), new StubRequest({ moves: false })];
  expect([gate.admits(moves), gate.admits(stays)]).toEqual([false, true]);
  serve(2);
  expect([moves.proceeded, moves.owners?.version]).toEqual([1, 2]);
  gate.stop();
});

it('keeps the content of a request whose key is about to move, which its old owner may still refuse', () => {
  const { gate } = newGate(100_000);
  gate.changed(staged('drain'), ownersAt(2));
  const request = new StubRequest();
  expect([gate.admits(request), request.keepsContent]).toEqual([true, true]);
  gate.stop();
});

it('has a request that a shard was ahead of wait until that version is served here', () => {
  const { gate, serve } = newGate(100_000);
  const request = new StubRequest();
  gate.onStale(request, 2);
  expect([request.proceeded, gate.holds(request)]).toEqual([0, true]);
  serve(2);
  expect([request.proceeded, gate.waiting]).toEqual([1, 0]);
  gate.onStale(request, 2);
  expect(request.proceeded).toBe(2);
  gate.stop();
});

it('ends watches next to the commit: until requests are held they go on, and new ones go to the old owner', async () => {
  const { gate, ended, serve } = newGate(100_000);
  const [watch, other] = [new StubRequest({ isWatch: true }), new StubRequest({ isWatch: true, moves: false })];
  gate.changed(staged('drain', 'hold'), ownersAt(2));
  await Promise.resolve();
  for (const each of [watch, other]) {
    expect(gate.admits(each)).toBe(true);
    each.isSent = true;
  }
  expect(await gate.settled(1, 'drain')).toBe(true);
  advance(100);
  expect([ended, gate.movingWatches]).toEqual([[], 1]);
  gate.changed(staged('hold', 'hold'), ownersAt(2));
  expect(ended).toEqual([watch]);
  expect(await gate.settled(1, 'hold')).toBe(true);
  const late = new StubRequest({ isWatch: true });
  expect(gate.admits(late)).toBe(false);
  serve(2);
  expect(late.proceeded).toBe(1);
  gate.stop();
});

it('waits for slow calls before it holds requests, and for no call that has been open for as long as a watch', async () => {
  const { gate, ended } = newGate(100_000);
  gate.changed(staged('drain', 'hold'), ownersAt(2));
  await Promise.resolve();
  const [slow, old] = [new StubRequest(), new StubRequest({ isBeingAnswered: true })];
  for (const each of [slow, old]) {
    gate.admits(each);
    each.isSent = true;
  }
  slow.startedAtMs = 10_000;
  advance(10_200);
  let isDone = false;
  void gate.settled(1, 'drain').then((done) => {
    isDone = done;
  });
  await Promise.resolve();
  expect(isDone).toBe(false);
  slow.isSent = false;
  advance(20);
  await Promise.resolve();
  expect(isDone).toBe(true);
  gate.changed(staged('hold', 'hold'), ownersAt(2));
  expect(ended).toEqual([old]);
  gate.stop();
});
