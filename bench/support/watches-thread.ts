/**
 * Holds watches in a thread of its own, so that neither their memory's garbage nor their ends hold up the load beside
 * it: given a number, opens so many, and answers with what became of all of them, as it does to `null` too.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { IdleStreams } from './idle-streams.ts';

export interface WatchesState {
  readonly opened: number;
  /** Those that the other side has ended; the first and the last at these times by the machine's clock. */
  readonly ended: number;
  readonly firstEndedMs: number;
  readonly lastEndedMs: number;
  /** From the end of each to the answer of a call with its key, made at once: how long its client sees nothing of the key. In order. */
  readonly blindMs: readonly number[];
  /** When each of those answers came. In order. */
  readonly backMs: readonly number[];
}

/** What threads share, unlike `performance.now()`. */
const nowMs = (): number => performance.timeOrigin + performance.now();

let firstEndedMs = 0;
let lastEndedMs = 0;
const blindMs: number[] = [];
const backMs: number[] = [];
const streams = await IdleStreams.connect(workerData as number, (number) => {
  const endedMs = nowMs();
  lastEndedMs = endedMs;
  if (firstEndedMs === 0) firstEndedMs = endedMs;
  streams.ask(number, () => {
    backMs.push(nowMs());
    blindMs.push(nowMs() - endedMs);
  });
});
parentPort?.on('message', async (count: number | null) => {
  if (count !== null) await streams.open(count);
  const { opened, ended } = streams;
  const blind = [...blindMs].sort((a, b) => a - b);
  parentPort?.postMessage({ opened, ended, firstEndedMs, lastEndedMs, blindMs: blind, backMs } satisfies WatchesState);
});
