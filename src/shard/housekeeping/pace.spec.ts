import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

/** Rests once after a step that took this long by the clock. */
async function restAfter(workedMs: number, signal = new AbortController().signal): Promise<void> {
  let nowMs = 0;
  const pace = new Pace(() => nowMs, signal);
  nowMs = workedMs;
  await pace.rest();
}

it('rests for moments only after a step in which its process was stopped, or waited for the store', async () => {
  // Four times as long would be four hours.
  await expect(restAfter(3_600_000)).resolves.toBeUndefined();
});

it('rests no more once its run is to stop', async () => {
  const over = new AbortController();
  const resting = restAfter(1, over.signal);
  over.abort();
  await expect(resting).resolves.toBeUndefined();
});
