/** What this thread's clock lacks of the machine's: threads count from when they began. */
const OFFSET_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/**
 * Milliseconds of the machine's monotonic clock: the same in every thread and process, and not set by anybody. It stands
 * still while the machine sleeps.
 */
export function machineClock(): number {
  return performance.now() + OFFSET_MS;
}
