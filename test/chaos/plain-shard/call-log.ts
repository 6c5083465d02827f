import { openSync, writeSync } from 'node:fs';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import type { LoggedOperation } from '../../../src/shard/index.ts';

/** As a reference shard writes operations down, and besides which call one is for, and whether somebody still waits for it. */
export type LoggedCall =
  | (Extract<LoggedOperation, { kind: 'begin' }> & { readonly call?: string | null })
  | (Extract<LoggedOperation, { kind: 'end' }> & { readonly abandoned?: boolean })
  | Exclude<LoggedOperation, { kind: 'begin' | 'end' }>;

/** Where a plain shard writes down what it serves. At once: a process that is killed leaves all that it has answered. */
export class CallLog {
  readonly #file: number;
  #lastId = 0;

  constructor(file: string, shard: string) {
    this.#file = openSync(file, 'a');
    this.#write({ kind: 'start', at: machineClock(), shard, pid: process.pid });
  }

  begin(operation: 'get' | 'put' | 'watch', key: string, version: number, call: string | null): number {
    this.#lastId++;
    this.#write({ kind: 'begin', at: machineClock(), id: this.#lastId, operation, key, version, call });
    return this.#lastId;
  }

  end(id: number, served: boolean, revision: number, abandoned: boolean): void {
    this.#write({ kind: 'end', at: machineClock(), id, served, revision, abandoned });
  }

  #write(line: LoggedCall): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}
