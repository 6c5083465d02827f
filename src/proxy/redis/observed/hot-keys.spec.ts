import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HotKeys, mergeHotKeys } from './hot-keys.ts';

const SMALL = { counters: 6, byteCounters: 4, told: 3 };
const THREADS = 3;

it('says of what several threads have seen no less than what came, and no more than its error', () => {
  const command = fc.tuple(
    fc.nat(THREADS - 1),
    fc.integer({ min: 0, max: 20 }).map((n) => String(Math.floor((n * n) / 20))),
    fc.integer({ min: 1, max: 9 }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const threads = Array.from({ length: THREADS }, () => new HotKeys(SMALL));
      const came = new Map<string, { commands: number; bytes: number }>();
      for (const [thread, key, bytes] of commands) {
        threads[thread]?.onCommand('cache', key, 0);
        threads[thread]?.onBytes('cache', key, bytes);
        const before = came.get(key) ?? { commands: 0, bytes: 0 };
        came.set(key, { commands: before.commands + 1, bytes: before.bytes + bytes });
      }
      const [first, ...others] = threads.map((thread) => thread.report());
      if (first === undefined) return;
      // Whether they are joined at once, or some of them before.
      for (const report of [mergeHotKeys([first, ...others]), mergeHotKeys([first, mergeHotKeys(others)])]) {
        const known = (key: string) => came.get(key) ?? { commands: 0, bytes: 0 };
        for (const { key, commands: count, commandsError } of report.hot) {
          expect(count).toBeGreaterThanOrEqual(known(key).commands);
          expect(count - commandsError).toBeLessThanOrEqual(known(key).commands);
        }
        for (const { key, bytes, bytesError } of report.heavy) {
          expect(bytes).toBeGreaterThanOrEqual(known(key).bytes);
          expect(bytes - bytesError).toBeLessThanOrEqual(known(key).bytes);
        }
        for (const [key, { commands: count, bytes }] of came) {
          if (!report.hot.some((row) => row.key === key)) expect(count).toBeLessThanOrEqual(report.unlistedCommands);
          if (!report.heavy.some((row) => row.key === key)) expect(bytes).toBeLessThanOrEqual(report.unlistedBytes);
        }
      }
    }),
  );
});
