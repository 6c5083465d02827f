/**
 * Loaded into a router before it starts (`--import`): the most CPU time that the routing thread spends between two ticks of a
 * timer, which is what a request can have to wait for. Time in which the thread is not on a CPU, because the machine is busy,
 * does not count. Written to the file that KEYWAY_LONGEST_TURN names, at every signal SIGUSR2, which begins anew.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const TICK_MS = 1;
const file = process.env.KEYWAY_LONGEST_TURN;

if (isMainThread && file !== undefined) {
  let longestUs = 0;
  let { user, system } = process.threadCpuUsage();
  setInterval(() => {
    const now = process.threadCpuUsage();
    longestUs = Math.max(longestUs, now.user + now.system - user - system);
    ({ user, system } = now);
  }, TICK_MS).unref();
  process.on('SIGUSR2', () => {
    writeFileSync(file, String(longestUs / 1000));
    longestUs = 0;
  });
}
