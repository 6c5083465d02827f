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
