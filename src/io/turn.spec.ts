import { expect, it } from 'vitest';
import { Turn } from './turn.ts';

it('notifies a watcher once, in the first turn that begins at its time or later, and again only if it asks', () => {
  let nowMs = 0;
  const turn = new Turn(() => nowMs);
  const events: string[] = [];
  const once = { onTime: (atMs: number) => events.push(`once at ${atMs}`) };
  const always = {
    onTime: (atMs: number) => {
      events.push(`always at ${atMs}`);
      turn.remind(always, atMs + 10);
      // A turn within does not call it again.
      turn.begin();
    },
  };
  turn.remind(once, 10);
  turn.remind(always, 5);
  // Its last wish counts.
  turn.remind(always, 10);
  for (nowMs of [9, 50, 55, 60]) turn.begin();
  expect(events).toEqual(['once at 50', 'always at 50', 'always at 60']);
});

it('looks at the clock before it writes, but only where a watcher waits for a time', async () => {
  const events: string[] = [];
  let nowMs = 0;
  const turn = new Turn(() => {
    events.push('clock');
    return nowMs;
  });
  events.length = 0;
  const output = { flush: () => events.push('flush') };
  const ended = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  turn.flushAtEnd(output);
  await ended();
  expect(events).toEqual(['flush']);
  events.length = 0;
  turn.remind({ onTime: () => events.push('cut') }, 5);
  turn.flushAtEnd(output);
  nowMs = 10;
  await ended();
  expect(events).toEqual(['clock', 'cut', 'flush']);
});
