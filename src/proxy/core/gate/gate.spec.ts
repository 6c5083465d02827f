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
  let owners = ownersAt(1);
  const gate = new Gate(
    routerContext(() => nowMs),
    'docs',
    until,
    {
      owners: () => owners,
      visitOpen: () => Promise.resolve(),
      drain: () => {},
      cut: () => {
        cuts++;
      },
    },
  );
  const serve = (version: number): void => {
    owners = ownersAt(version);
    gate.changed(null, null);
  };
  return { gate, until, serve, cuts: () => cuts };
}

function staged(step: StagedCluster['step']): StagedCluster {
  return {
    to: 2 as TopologyVersion,
    attempt: 1,
    step,
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
