import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../../test/support/router-context.ts';
import { StubRequest } from '../../../../test/support/stub-request.ts';
import { WaitingRoom } from './waiting-room.ts';

const HOLD = { requests: 160, bytes: 16_000, waitMs: 1000 };
let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => vi.useRealTimers());

function newRoom(): WaitingRoom {
  return new WaitingRoom(
    routerContext(() => nowMs, { hold: HOLD }),
    'docs',
    () => {},
  );
}

function add(room: WaitingRoom, client: string, count: number): StubRequest[] {
  return Array.from({ length: count }, () => {
    const request = new StubRequest({ clientGroup: client });
    room.add(request, 0);
    return request;
  });
}

const waiting = (requests: readonly StubRequest[]): number => requests.filter(({ refusal }) => refusal === null).length;

it('leaves places to others however many requests one client has wait', () => {
  const room = newRoom();
  expect(waiting(add(room, 'one', 1000))).toBeLessThanOrEqual((HOLD.requests * 15) / 16);
  expect(waiting(add(room, 'another', 8))).toBe(8);
  expect(room.size).toBeLessThanOrEqual(HOLD.requests);
});

it('leaves bytes to others however much content one client has wait', () => {
  const room = newRoom();
  const greedy = add(room, 'one', 1)[0] as StubRequest;
  for (let i = 0; i < 1000 && greedy.refusal === null; i++) room.onContent(greedy, 100);
  expect(greedy.refusal).not.toBe(null);
  const some = add(room, 'one', 40);
  for (const request of some) room.onContent(request, 500);
  const other = add(room, 'another', 1)[0] as StubRequest;
  room.onContent(other, 1000);
  expect(other.refusal).toBe(null);
});

it('refuses requests that have waited for the longest time allowed', () => {
  const room = newRoom();
  const [request] = add(room, 'one', 1) as [StubRequest];
  for (let i = 0; i < 10; i++) {
    expect(request.refusal).toBe(null);
    nowMs += 100;
    vi.advanceTimersByTime(100);
  }
  expect(request.refusal?.kind).toBe('held_too_long');
});

it('first hears what was said while its thread was kept from running, and refuses then', () => {
  const room = newRoom();
  const [request] = add(room, 'one', 1) as [StubRequest];
  nowMs += 5000;
  vi.advanceTimersByTime(100);
  expect(request.refusal).toBe(null);
  nowMs += 5000;
  vi.advanceTimersByTime(100);
  expect(request.refusal?.kind).toBe('held_too_long');
});
