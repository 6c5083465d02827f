import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../../test/support/router-context.ts';
import { StubRequest } from '../../../../test/support/stub-request.ts';
import { Turn } from '../../../io/index.ts';
import { position } from '../../../topology/index.ts';
import { Fence, type FencedShard } from './fence.ts';
import type { Owners } from './owners.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const owners = { name: 'docs', version: 1 } as Owners;

/** A request for a key, which is lost where the shard has lost it. */
class KeyedRequest extends StubRequest {
  ended: { readonly how: string; readonly lostBy: number } | null = null;

  constructor(key: string, settings: Partial<StubRequest> = {}) {
    super({ keyText: key, ...settings });
  }

  asked = 0;

  override hasMovedIn(those?: Pick<Owners, 'isOwner'>): boolean {
    this.asked++;
    return those?.isOwner(null as never, this.keyText) === false;
  }

  override leave(how?: string, _reason?: string, _retryAfterMs?: number, lostBy = 0): void {
    this.ended = { how: how ?? '', lostBy };
    this.isSent = false;
    this.isOpen = false;
  }
}

function newFence() {
  let nowMs = 0;
  const lost = new Map<string, number>();
  const told = new Set<string>();
  const servesUntil = new Float64Array(new SharedArrayBuffer(16)).fill(1000);
  const shard = {
    label: 's0',
    version: 1,
    token: 7,
    servesUntil,
    onServed: null,
    isTold: (key: Uint8Array, length: number) => told.has(Buffer.from(key.subarray(0, length)).toString()),
    lostBy: (key: Uint8Array, start: number, end: number) =>
      lost.get(Buffer.from(key.subarray(start, end)).toString()) ?? 0,
  };
  const open: StubRequest[] = [];
  let cuts = 0;
  const context = routerContext(() => nowMs, { turn: new Turn(() => nowMs) });
  const fence = new Fence(context, 'docs', shard as FencedShard, {
    owners: () => owners,
    visitOpen: async (visit) => {
      for (const request of open) visit(request);
    },
    cut: () => {
      cuts++;
    },
  });
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    context.turn.begin();
    await vi.advanceTimersByTimeAsync(ms);
  };
  return { fence, shard, lost, told, open, servesUntil, cuts: () => cuts, pass };
}

it('lets through what is its own, and refuses what is not with the version by which that is so', () => {
  const { fence, lost } = newFence();
  lost.set('b', 3);
  const [own, other] = [new KeyedRequest('a'), new KeyedRequest('b')];
  expect([fence.admits(own), fence.admits(other)]).toEqual([true, false]);
  expect([own.refusal, other.refusal]).toEqual([null, { kind: 'lost_key', cluster: 'docs', version: 3 }]);
  fence.stop();
});

it('has a request of a later version wait until that is known', async () => {
  const { fence, shard, pass } = newFence();
  const request = new KeyedRequest('a', { askedBy: 2 });
  expect([fence.admits(request), fence.holds(request)]).toEqual([false, true]);
  await pass(100);
  fence.changed();
  expect(request.proceeded).toBe(0);
  shard.version = 2;
  fence.changed();
  expect([request.proceeded, fence.readmits(request), request.owners]).toEqual([1, true, owners]);
  fence.stop();
});

it('has requests wait until it serves for the first time', async () => {
  const { fence, servesUntil, pass } = newFence();
  servesUntil.fill(Number.NEGATIVE_INFINITY);
  const request = new KeyedRequest('a');
  expect([fence.admits(request), request.refusal, fence.waiting]).toEqual([false, null, 1]);
  servesUntil.fill(1000);
  await pass(100);
  expect([request.proceeded, fence.readmits(request)]).toEqual([1, true]);
  fence.stop();
});

it('refuses everything once its time is over, and cuts what is in flight at the end of it', async () => {
  const { fence, servesUntil, cuts, pass } = newFence();
  servesUntil[1] = 1200;
  expect(fence.admits(new KeyedRequest('a'))).toBe(true);
  await pass(1000);
  const late = new KeyedRequest('a');
  expect([fence.admits(late), late.refusal, cuts()]).toEqual([
    false,
    { kind: 'no_lease', cluster: 'docs', shard: 's0' },
    0,
  ]);
  await pass(200);
  expect(cuts()).toBe(1);
  fence.stop();
});

it('is rid of everything only once that is cut, where its time is over', async () => {
  const { fence, servesUntil, cuts, pass } = newFence();
  servesUntil[1] = 1200;
  expect(fence.admits(new KeyedRequest('a'))).toBe(true);
  await pass(1100);
  let isDone = false;
  const released = fence.release().then(() => {
    isDone = true;
  });
  await pass(50);
  expect([isDone, fence.isCut, cuts()]).toEqual([false, false, 0]);
  await pass(50);
  await pass(2);
  await released;
  expect([isDone, fence.isCut, cuts()]).toEqual([true, true, 1]);
  fence.stop();
});

it('cuts nothing where it may serve again before its time is over', async () => {
  const { fence, servesUntil, cuts, pass } = newFence();
  servesUntil[1] = 1200;
  expect(fence.admits(new KeyedRequest('a'))).toBe(true);
  await pass(1100);
  const released = fence.release();
  servesUntil.fill(5000);
  await pass(2);
  await released;
  expect([fence.isCut, cuts()]).toEqual([false, 0]);
  fence.stop();
});

it('has a request wait while the backend is being told that its key has left', async () => {
  const { fence, told, pass } = newFence();
  told.add('a');
  const [waits, goes] = [new KeyedRequest('a'), new KeyedRequest('b')];
  expect([fence.admits(waits), fence.admits(goes), fence.holds(waits)]).toEqual([false, true, true]);
  // It waits once, and for no longer than others, however long the backend takes.
  await pass(300);
  expect(waits.proceeded).toBe(0);
  told.clear();
  await pass(100);
  expect([waits.proceeded, fence.readmits(waits)]).toEqual([1, true]);
  fence.stop();
});

it('is rid of what it has lost once that has ended by itself', async () => {
  const { fence, lost, open, pass } = newFence();
  const [call, other] = [new KeyedRequest('a', { isSent: true }), new KeyedRequest('b', { isSent: true })];
  open.push(call, other);
  lost.set('a', 2);
  let isDone = false;
  const released = fence.release().then(() => {
    isDone = true;
  });
  await pass(50);
  expect([isDone, call.ended, call.refusal]).toEqual([false, null, null]);
  call.isSent = false;
  await pass(10);
  await released;
  expect([isDone, other.isSent, other.ended]).toEqual([true, true, null]);
  fence.stop();
});

it('ends watches of what it has lost at once, and tells the router, which may ask elsewhere', async () => {
  const { fence, lost, open, pass } = newFence();
  const watch = new KeyedRequest('a', { isSent: true, isWatch: true, isBeingAnswered: true });
  const begun = new KeyedRequest('a', { isSent: true, isWatch: true });
  open.push(watch, begun);
  lost.set('a', 2);
  const released = fence.release();
  await pass(1);
  expect(watch.ended).toEqual({ how: 'end', lostBy: 2 });
  expect(begun.refusal).toEqual({ kind: 'lost_key', cluster: 'docs', version: 2 });
  begun.isSent = false;
  await pass(10);
  await released;
  fence.stop();
});

it('gives up what does not end in time, and says nothing by which it would be carried out twice', async () => {
  const { fence, lost, open, pass } = newFence();
  const [asking, answering] = [
    new KeyedRequest('a', { isSent: true }),
    new KeyedRequest('a', { isSent: true, isBeingAnswered: true }),
  ];
  open.push(asking, answering);
  lost.set('a', 2);
  const released = fence.release();
  for (let i = 0; i < 40; i++) await pass(10);
  await released;
  expect(asking.refusal).toMatchObject({ kind: 'failure', failure: 'lost' });
  expect(answering.ended).toEqual({ how: 'end', lostBy: 0 });
  fence.stop();
});

it('says whether a call is under way for a key that would leave, watches and what waits here aside', async () => {
  const { fence, open } = newFence();
  const works = (kept: string): Promise<boolean> =>
    fence.worksOnLeaving((key, length) => Buffer.from(key.subarray(0, length)).toString() === kept);
  const waiting = new KeyedRequest('b', { askedBy: 2 });
  fence.admits(waiting);
  open.push(waiting, new KeyedRequest('b', { isSent: true, isWatch: true }), new KeyedRequest('a', { isSent: true }));
  expect([await works('a'), await works('b')]).toEqual([false, true]);
  fence.stop();
});

it('looks only at requests whose keys it may have lost, once it has been told that some will be', async () => {
  const { fence, lost, open } = newFence();
  const requests = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => new KeyedRequest(key, { isSent: true }));
  open.push(...requests.slice(0, 3));
  fence.expect(true);
  for (const request of requests.slice(3)) fence.admits(request);
  for (const request of requests) request.asked = 0;
  const at = position(Buffer.from('d'), 0, 1);
  lost.set('d', 2);
  const released = fence.release({ from: at, until: at + 2 ** -32 });
  await vi.advanceTimersByTimeAsync(0);
  expect(requests.filter(({ asked }) => asked > 0).map(({ keyText }) => keyText)).toEqual(['d']);
  (requests[3] as KeyedRequest).isSent = false;
  await vi.advanceTimersByTimeAsync(10);
  await released;
  fence.stop();
});
