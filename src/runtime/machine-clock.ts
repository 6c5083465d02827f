/** Two clocks cannot be read at once: of so many pairs of readings the closest counts, for a busy machine may halt us between. */
const READINGS = 20;

/**
 * What one clock lacks of another, in their unit.
 * @param ahead read before and after `behind`, which lies between
 */
export function clockOffset(ahead: () => number, behind: () => number): number {
  let best = { gap: Number.POSITIVE_INFINITY, offset: 0 };
  for (let i = 0; i < READINGS; i++) {
    const before = ahead();
    const between = behind();
    const gap = ahead() - before;
    if (gap < best.gap) best = { gap, offset: before + gap / 2 - between };
  }
  return best.offset;
}

/** What this thread's clock lacks of the machine's: threads count from when they began. */
const OFFSET_MS = clockOffset(
  () => Number(process.hrtime.bigint()) / 1e6,
  () => performance.now(),
);

/**
 * Milliseconds of the machine's monotonic clock: the same in every thread and process, and never set. It stands
 * still while the machine sleeps.
 */
export function machineClock(): number {
  return performance.now() + OFFSET_MS;
}

/** The clocks and the randomness of this machine, for code that takes its own from outside. */
export const machine = {
  clock: machineClock,
  timeOfDayMs: () => Date.now(),
  timeOfDay: () => new Date().toISOString(),
  random: Math.random,
} as const;
