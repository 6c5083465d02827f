import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Deadlined, DeadlineWheel } from './deadlines.ts';

let now = 0;
beforeEach(() => {
  now = 1000;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

function advance(ms: number): void {
  for (let i = 0; i < ms; i += 10) {
    now += 10;
    vi.advanceTimersByTime(10);
  }
}

function item(fired: string[], name: string): Deadlined {
  return {
    deadlineTick: -1,
    deadlinePrevious: null,
    deadlineNext: null,
    onDeadline: () => fired.push(`${name}@${now}`),
  };
}

it('fires each deadline once, never early, and within two ticks', () => {
  const wheel = new DeadlineWheel(() => now);
  const fired: string[] = [];
  const delays = [0, 5, 100, 101, 10_239, 10_240, 10_241, 35_000];
  for (const delay of delays) wheel.add(item(fired, String(delay)), delay);
  advance(40_000);
  expect(fired.length).toBe(delays.length);
  for (const each of fired) {
    const [delay, at] = each.split('@').map(Number) as [number, number];
    expect(at - 1000).toBeGreaterThanOrEqual(delay);
    expect(at - 1000).toBeLessThanOrEqual(delay + 20);
  }
});

it('forgets what is removed, wherever it is in its slot', () => {
  const wheel = new DeadlineWheel(() => now);
  const fired: string[] = [];
  const items = ['a', 'b', 'c', 'd'].map((name) => item(fired, name));
  for (const each of items) wheel.add(each, 50);
  for (const place of [3, 1]) wheel.remove(items[place] as Deadlined);
  wheel.remove(items[1] as Deadlined);
  advance(100);
  expect(fired.map((each) => each[0]).sort()).toEqual(['a', 'c']);
});

it('lets one deadline remove another that is due with it', () => {
  const wheel = new DeadlineWheel(() => now);
  const fired: string[] = [];
  const second = item(fired, 'second');
  const first: Deadlined = { ...item(fired, 'first'), onDeadline: () => wheel.remove(second) };
  wheel.add(second, 30);
  wheel.add(first, 30);
  advance(60);
  expect(fired).toEqual([]);
});

it('fires after a pause of any length', () => {
  const wheel = new DeadlineWheel(() => now);
  const fired: string[] = [];
  wheel.add(item(fired, 'late'), 700);
  now += 3_600_000;
  vi.advanceTimersByTime(10);
  expect(fired).toEqual([`late@${now}`]);
});
