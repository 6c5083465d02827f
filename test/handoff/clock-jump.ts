import { writeSync } from 'node:fs';

/** Loaded into a process, sets its clock an hour ahead, and then back, at every SIGUSR2: its main thread's and its workers'. */
const HOUR_MS = 3_600_000;
const { isMainThread } = await import('node:worker_threads');
const RealDate = Date;
let offsetMs = 0;

class JumpingDate extends RealDate {
  constructor(...args: ConstructorParameters<typeof Date> | []) {
    if (args.length === 0) super(RealDate.now() + offsetMs);
    else super(...(args as [number]));
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}
globalThis.Date = JumpingDate as DateConstructor;

function jump(): void {
  offsetMs = offsetMs === 0 ? HOUR_MS : offsetMs > 0 ? -HOUR_MS : 0;
  writeSync(2, `the clock jumps by ${offsetMs} ms\n`);
}

if (isMainThread) process.on('SIGUSR2', jump);
// A worker hears of no signals: its clock jumps by itself.
else setInterval(jump, 500).unref();
