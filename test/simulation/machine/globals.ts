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

/**
 * `AbortSignal.any`, as Node has it: what follows a signal is aborted behind what listens to that signal. But Node keeps a signal that follows others for as
 * long as it has a listener and may be aborted, and with that whatever the listener refers to. A world's processes are killed, or end in the middle of
 * something: of each run all would stay.
 */
class FollowingSignals {
  readonly #following = new WeakMap<AbortSignal, AbortController[]>();

  any(signals: Iterable<AbortSignal>): AbortSignal {
    const controller = new AbortController();
    const all = [...signals];
    const aborted = all.find((signal) => signal.aborted);
    if (aborted !== undefined) controller.abort(aborted.reason);
    else for (const signal of all) this.#add(signal, controller);
    return controller.signal;
  }

  #add(signal: AbortSignal, controller: AbortController): void {
    const known = this.#following.get(signal);
    if (known === undefined) this.#following.set(signal, [controller]);
    else known.push(controller);
  }

  onAborted(signal: AbortSignal): void {
    const following = this.#following.get(signal);
    if (following === undefined) return;
    this.#following.delete(signal);
    for (const controller of following) controller.abort(signal.reason);
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
  const { any, timeout } = AbortSignal;
  const { abort } = AbortController.prototype;
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
  const following = new FollowingSignals();
  AbortSignal.any = (signals) => (runningProcess() === null ? any.call(AbortSignal, signals) : following.any(signals));
  AbortController.prototype.abort = function (reason?: unknown) {
    abort.call(this, reason);
    following.onAborted(this.signal);
  };
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
    AbortSignal.any = any;
    AbortController.prototype.abort = abort;
    AbortSignal.timeout = timeout;
    Object.assign(crypto, { randomBytes, randomInt, randomUUID });
    Object.assign(fs, { readFileSync, readlinkSync });
    syncBuiltinESMExports();
  };
}
