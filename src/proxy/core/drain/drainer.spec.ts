import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../../test/support/router-context.ts';
import { type DrainDescription, defaultDrain } from './drain.ts';
import { Drainer, type Leaver } from './drainer.ts';
import type { LeavingRequest, MoveWay } from './leaving-request.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A stream that ends when it is told, or, with a message under way, when it is reset. */
class Stream implements LeavingRequest {
  isOpen = true;
  hasToLeave = true;
  readonly isWatch: boolean;
  readonly wayToLeave: MoveWay;
  readonly #startedMs = Date.now();
  readonly key: string;
  underWay = false;
  reset = false;
  pushbackMs = -1;
  shutDownBecause: string | null = null;

  constructor(isWatch = true, how: MoveWay = 'end', key = `key ${Math.random()}`) {
    this.key = key;
    this.isWatch = isWatch;
    this.wayToLeave = how;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.#startedMs;
  }

  get isLeaving(): boolean {
    return this.isOpen;
  }

  leave(_how: string, _reason: string, pushbackMs: number): void {
    this.pushbackMs = pushbackMs;
    if (!this.underWay) this.isOpen = false;
  }

  shutDownConnection(reason: string): void {
    this.shutDownBecause = reason;
  }

  giveUp(): void {
    this.reset = true;
    this.isOpen = false;
  }
}

function drainerWith(drain: Partial<DrainDescription>) {
  const context = routerContext(() => Date.now(), { drain: { ...defaultDrain, ...drain } });
  const leaver = (stream: Stream): Leaver => ({
    request: stream,
    key: stream.key,
    reason: 'it moved',
    hasToLeave: () => stream.hasToLeave,
    isWatch: stream.isWatch,
  });
  return { drainer: new Drainer(context), counters: context.counters, leaver };
}

const ended = (streams: readonly Stream[]): number => streams.filter(({ isOpen }) => !isOpen).length;

it('ends streams evenly over the window', () => {
  const { drainer, leaver, counters } = drainerWith({ windowMs: 1000, pushbackMs: 300 });
  const streams = Array.from({ length: 100 }, () => new Stream());
  drainer.add(streams.map(leaver));
  expect(drainer.waiting).toBe(100);
  const counted = [100, 400, 500].map((ms) => {
    vi.advanceTimersByTime(ms);
    return ended(streams);
  });
  expect(counted).toEqual([10, 50, 100]);
  expect(counters.drained).toEqual({ goaway: 0, end: 100, replay: 0 });
  expect(streams[0]?.pushbackMs).toBe(150);
  expect(drainer.waiting).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

it('leaves streams alone that no longer need to leave when their turn comes', () => {
  const { drainer, leaver, counters } = drainerWith({ windowMs: 100 });
  const [leaves, stays] = [new Stream(), new Stream()];
  drainer.add([leaves, stays].map(leaver));
  stays.hasToLeave = false;
  vi.advanceTimersByTime(200);
  expect([leaves.isOpen, stays.isOpen, counters.drained.end]).toEqual([false, true, 1]);
});

it('takes longer than the window where the rate would be exceeded', () => {
  const { drainer, leaver } = drainerWith({ windowMs: 1000, ratePerSecond: 10 });
  const streams = Array.from({ length: 50 }, () => new Stream());
  drainer.add(streams.map(leaver));
  vi.advanceTimersByTime(1000);
  expect(ended(streams)).toBe(10);
  vi.advanceTimersByTime(4000);
  expect(ended(streams)).toBe(50);
});

it('lets calls that are no watches finish, until they are open for as long as one', () => {
  const { drainer, leaver } = drainerWith({ windowMs: 0, longLivedAfterMs: 500 });
  const [finishes, stays] = [new Stream(false), new Stream(false)];
  drainer.add([finishes, stays].map(leaver));
  vi.advanceTimersByTime(400);
  expect(ended([finishes, stays])).toBe(0);
  finishes.isOpen = false;
  vi.advanceTimersByTime(200);
  expect(stays.isOpen).toBe(false);
  expect(finishes.pushbackMs).toBe(-1);
});

it('resets what cannot end because a message is under way, after the grace', () => {
  const { drainer, leaver } = drainerWith({ windowMs: 0, graceMs: 300 });
  const stream = new Stream();
  stream.underWay = true;
  drainer.add([leaver(stream)]);
  vi.advanceTimersByTime(200);
  expect([stream.isOpen, drainer.waiting]).toEqual([true, 1]);
  vi.advanceTimersByTime(200);
  expect([stream.isOpen, stream.reset]).toEqual([false, true]);
  vi.advanceTimersByTime(20);
  expect(vi.getTimerCount()).toBe(0);
});

it('shuts down the connection of a stream if the route wants that', () => {
  const { drainer, leaver, counters } = drainerWith({ windowMs: 0 });
  const streams = [new Stream(true, 'goaway'), new Stream(true, 'end')];
  drainer.add(streams.map(leaver));
  vi.advanceTimersByTime(20);
  expect(streams.map(({ shutDownBecause }) => shutDownBecause)).toEqual(['it moved', null]);
  expect(counters.drained).toEqual({ goaway: 1, end: 1, replay: 0 });
});

it('ends those of a key in the same turn, in a window and at once', () => {
  const { drainer, leaver } = drainerWith({ windowMs: 1000 });
  const streams = Array.from({ length: 100 }, (_, i) => new Stream(true, 'end', `key ${i % 10}`));
  const openOf = (key: number): number => streams.filter((each, i) => i % 10 === key && each.isOpen).length;
  drainer.add(streams.map(leaver));
  for (let ms = 0; ms <= 1000; ms += 5) {
    vi.advanceTimersByTime(5);
    for (let key = 0; key < 10; key++) expect([0, 10]).toContain(openOf(key));
  }
  expect(ended(streams)).toBe(100);
});

it('ends many at once in a few turns, each key in one, and has their clients come back at once', () => {
  const { drainer, leaver } = drainerWith({ windowMs: 60_000 });
  const streams = Array.from({ length: 1000 }, (_, i) => new Stream(true, 'end', `key ${i % 3}`));
  drainer.endNow(streams.map(leaver));
  expect(ended(streams)).toBe(334);
  vi.advanceTimersByTime(1);
  expect(ended(streams)).toBe(1000);
  expect(streams.every(({ pushbackMs }) => pushbackMs === 0)).toBe(true);
  drainer.stop();
});
