import { closeSync, openSync, writeSync } from 'node:fs';
import { makePrivateFile } from '../runtime/private-file.ts';

/** A line of the log. Times are the machine's, so that those of several shards can be compared. */
export type LoggedOperation =
  /** A shard has come up. */
  | { readonly kind: 'start'; readonly at: number; readonly shard: string; readonly pid: number }
  | {
      readonly kind: 'begin';
      readonly at: number;
      readonly id: number;
      readonly operation: 'get' | 'put' | 'delete' | 'watch';
      readonly key: string;
      /** The version that the shard serves by. */
      readonly version: number;
    }
  | {
      readonly kind: 'end';
      readonly at: number;
      readonly id: number;
      /** Served, or refused: then it is as if it had not been. */
      readonly served: boolean;
      /** Of what was read or written; 0: nothing was. */
      readonly revision: number;
    }
  /** A run of housekeeping begins; a write of it, while no other process could write. */
  | (LoggedRun & { readonly kind: 'run' | 'write'; readonly at: number })
  /** The run is over, and whether all was looked at. */
  | (LoggedRun & { readonly kind: 'over'; readonly at: number; readonly done: boolean });

/** Which run of housekeeping. */
export interface LoggedRun {
  readonly task: string;
  readonly unit: string;
  readonly token: number;
}

/** Where a shard writes down what it serves, each operation with its beginning and its end: for audits and checkers. */
export class OperationLog {
  readonly #file: number;
  readonly #clock: () => number;
  #lastId = 0;

  /** @param clock the machine's, in milliseconds. @param pid of this process: ids are its own */
  constructor(file: string, shard: string, clock: () => number, pid: number) {
    makePrivateFile(file);
    this.#file = openSync(file, 'a');
    this.#clock = clock;
    this.#write({ kind: 'start', at: clock(), shard, pid });
  }

  /** Call it before an operation has any effect. @returns its id */
  begin(operation: Extract<LoggedOperation, { kind: 'begin' }>['operation'], key: string, version: number): number {
    this.#lastId++;
    this.#write({ kind: 'begin', at: this.#clock(), id: this.#lastId, operation, key, version });
    return this.#lastId;
  }

  /** Call it before the operation's answer goes out. */
  end(id: number, served: boolean, revision: number): void {
    this.#write({ kind: 'end', at: this.#clock(), id, served, revision });
  }

  housekeeping(kind: 'run' | 'write', run: LoggedRun): void {
    this.#write({ kind, at: this.#clock(), ...run });
  }

  housekeepingOver(run: LoggedRun, done: boolean): void {
    this.#write({ kind: 'over', at: this.#clock(), ...run, done });
  }

  /** At once: a process that is killed leaves all that it has answered. */
  #write(line: LoggedOperation): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
