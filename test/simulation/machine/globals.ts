import crypto from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { procFile } from './proc.ts';
import { runningProcess, SimulatedTimer } from './process.ts';

/**
 * Runs something with a world's processes in place of the machine: timers, clocks, chance and `/proc` are those of the process whose
 * code asks for them. What is no process' goes to the machine, as ever.
 */
export function onSimulatedMachines(run: () => void): void {
  const undo = replace();
  try {
    run();
  } finally {
    undo();
  }
}

type Callback = (...args: unknown[]) => void;

function bound(callback: Callback, args: readonly unknown[]): () => void {
  return args.length === 0 ? callback : () => callback(...args);
}

function replace(): () => void {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globalThis;
  const { random } = Math;
  const dateNow = Date.now;
  const performanceNow = performance.now.bind(performance);
  const { timeout } = AbortSignal;
  const { randomBytes, randomInt, randomUUID } = crypto;
  const { readFileSync, readlinkSync } = fs;
  const cleared = (real: (timer: never) => void) => (timer: unknown) => {
    if (timer instanceof SimulatedTimer) timer.cancel();
    else real(timer as never);
  };
  const bytes = (size: number): Buffer => runningProcess()?.bytes(size) ?? randomBytes(size);
  Object.assign(globalThis, {
    setTimeout: (run: Callback, ms = 1, ...args: unknown[]) =>
      runningProcess()?.setTimeout(bound(run, args), ms) ?? setTimeout(run, ms, ...args),
    setInterval: (run: Callback, ms = 1, ...args: unknown[]) =>
      runningProcess()?.setInterval(bound(run, args), ms) ?? setInterval(run, ms, ...args),
    setImmediate: (run: Callback, ...args: unknown[]) =>
      runningProcess()?.setImmediate(bound(run, args)) ?? setImmediate(run, ...args),
    clearTimeout: cleared(clearTimeout),
    clearInterval: cleared(clearInterval),
    clearImmediate: cleared(clearImmediate),
  });
  Math.random = () => runningProcess()?.random() ?? random();
  Date.now = () => runningProcess()?.clock() ?? dateNow();
  performance.now = () => runningProcess()?.clock() ?? performanceNow();
  AbortSignal.timeout = (ms: number) => {
    const process = runningProcess();
    if (process === null) return timeout(ms);
    const ended = new AbortController();
    process.setTimeout(() => ended.abort(new DOMException('the time is over', 'TimeoutError')), ms);
    return ended.signal;
  };
  Object.assign(crypto, {
    randomBytes: bytes,
    randomInt: (from: number, to: number) => {
      const process = runningProcess();
      return process === null ? randomInt(from, to) : from + Math.floor(process.random() * (to - from));
    },
    randomUUID: () => (runningProcess() === null ? randomUUID() : bytes(16).toString('hex')),
  });
  const simulated = (path: unknown): string | null => {
    const process = runningProcess();
    return process === null || typeof path !== 'string' ? null : procFile(process, path);
  };
  Object.assign(fs, {
    readFileSync: (...asked: Parameters<typeof readFileSync>) => simulated(asked[0]) ?? readFileSync(...asked),
    readlinkSync: (...asked: Parameters<typeof readlinkSync>) => simulated(asked[0]) ?? readlinkSync(...asked),
  });
  syncBuiltinESMExports();
  return () => {
    Object.assign(globalThis, { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate });
    Math.random = random;
    Date.now = dateNow;
    performance.now = performanceNow;
    AbortSignal.timeout = timeout;
    Object.assign(crypto, { randomBytes, randomInt, randomUUID });
    Object.assign(fs, { readFileSync, readlinkSync });
    syncBuiltinESMExports();
  };
}
