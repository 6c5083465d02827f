import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Exchange } from '../../http/exchange.ts';
import type { LocalReply } from '../../http/local-reply.ts';
import type { RouterContext } from '../../http/router-context.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import { WaitingRoom } from './waiting-room.ts';

const HOLD = { requests: 160, bytes: 16_000, waitMs: 1000 };
let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => vi.useRealTimers());

function newRoom(): WaitingRoom {
  const turn = { begin: () => nowMs };
  const context = { hold: HOLD, counters: { held: 0 }, http2: { turn }, random: () => 0, drain: { pushbackMs: 0 } };
  return new WaitingRoom(context as unknown as RouterContext, 'docs', () => {});
}

/** A request, as far as the room looks at it. */
class Request {
  refusal: LocalReply | null = null;
  heldBytes = 0;
  readonly isWatch = false;
  readonly clientGroup: string;
  readonly clientConnection = {};
  #place: WaitingPlace | null = null;

  constructor(clientGroup: string) {
    this.clientGroup = clientGroup;
  }

  waitIn(place: WaitingPlace): void {
    this.#place = place;
  }

  refuse(reply: LocalReply): void {
    this.refusal = reply;
    this.#place?.forget(this.exchange);
  }

  get exchange(): Exchange {
    return this as unknown as Exchange;
  }
}

function add(room: WaitingRoom, client: string, count: number): Request[] {
  return Array.from({ length: count }, () => {
    const request = new Request(client);
    room.add(request.exchange, 0);
    return request;
  });
}

const waiting = (requests: readonly Request[]): number => requests.filter(({ refusal }) => refusal === null).length;

it('leaves places to others however many requests one client has wait', () => {
  const room = newRoom();
  expect(waiting(add(room, 'one', 1000))).toBeLessThanOrEqual((HOLD.requests * 15) / 16);
  expect(waiting(add(room, 'another', 8))).toBe(8);
  expect(room.size).toBeLessThanOrEqual(HOLD.requests);
});

it('leaves bytes to others however much content one client has wait', () => {
  const room = newRoom();
  const greedy = add(room, 'one', 1)[0] as Request;
  for (let i = 0; i < 1000 && greedy.refusal === null; i++) room.onContent(greedy.exchange, 100);
  expect(greedy.refusal).not.toBe(null);
  const some = add(room, 'one', 40);
  for (const request of some) room.onContent(request.exchange, 500);
  const other = add(room, 'another', 1)[0] as Request;
  room.onContent(other.exchange, 1000);
  expect(other.refusal).toBe(null);
});

it('refuses who has waited for as long as may be waited', () => {
  const room = newRoom();
  const [request] = add(room, 'one', 1) as [Request];
  for (let i = 0; i < 10; i++) {
    expect(request.refusal).toBe(null);
    nowMs += 100;
    vi.advanceTimersByTime(100);
  }
  expect(request.refusal?.refusal).toBe('held');
});

it('first hears what was said while its thread was kept from running, and refuses then', () => {
  const room = newRoom();
  const [request] = add(room, 'one', 1) as [Request];
  nowMs += 5000;
  vi.advanceTimersByTime(100);
  expect(request.refusal).toBe(null);
  nowMs += 5000;
  vi.advanceTimersByTime(100);
  expect(request.refusal?.refusal).toBe('held');
});
