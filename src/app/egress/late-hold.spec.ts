import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  checkTopology,
  type SharedCluster,
  type StagedCluster,
  shareCluster,
  type TopologyVersion,
} from '../../topology/index.ts';
import type { RoutingThreads } from '../routed-config.ts';
import { LateHold } from './late-hold.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const V2 = 2 as TopologyVersion;

function tableOf(): SharedCluster {
  const document = { cluster: 'docs', placement: { fixedRing: {} }, shards: [{ id: 's0', address: '10.0.0.1:1' }] };
  return shareCluster(checkTopology(document, 'the test'), V2);
}

const table = tableOf();

function staged(step: StagedCluster['step']): StagedCluster {
  return { to: V2, attempt: 1, step, watchesEnd: 'hold', shardsGiveUp: false, losing: ['s0'], table: tableOf() };
}

function newLateHold() {
  const steps: Array<string | null> = [];
  const callers = { areWorking: false };
  const threads = {
    publish: async (_cluster: string, _table: unknown, next: StagedCluster | null) =>
      void steps.push(next?.step ?? null),
  } as RoutingThreads;
  const hold = new LateHold(threads, async () => callers.areWorking);
  const publish = (step: StagedCluster['step'] | null): Promise<void> =>
    hold.publish('docs', table, step === null ? null : staged(step));
  return { steps, callers, publish };
}

it('holds at once where the backend works on nothing that leaves', async () => {
  const { steps, publish } = newLateHold();
  for (const step of ['stage', 'drain', 'hold', 'hold', null] as const) await publish(step);
  expect(steps).toEqual(['stage', 'drain', 'hold', 'hold', null]);
});

it('lets calls out until the backend is done with the calls for what leaves, and holds then', async () => {
  const { steps, callers, publish } = newLateHold();
  await publish('drain');
  callers.areWorking = true;
  const holding = publish('hold');
  await vi.advanceTimersByTimeAsync(100);
  expect(steps).toEqual(['drain', 'drain']);
  callers.areWorking = false;
  await vi.advanceTimersByTimeAsync(2);
  await holding;
  expect(steps.slice(2)).toEqual(['hold']);
  // It is said once more when shards are to give up: what comes then is held already.
  callers.areWorking = true;
  await publish('hold');
  expect(steps.slice(3)).toEqual(['hold']);
});

it('holds no more where something else has come meanwhile', async () => {
  const { steps, callers, publish } = newLateHold();
  callers.areWorking = true;
  const holding = publish('hold');
  await vi.advanceTimersByTimeAsync(10);
  await publish(null);
  callers.areWorking = false;
  await vi.advanceTimersByTimeAsync(10);
  await holding;
  expect(steps).toEqual(['drain', null]);
});
