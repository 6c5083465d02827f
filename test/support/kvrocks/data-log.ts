import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SlotRange } from '../../../src/topology/index.ts';
import { contains, slotOfKey } from './slots.ts';

/** A value, each byte of it as a character. */
export interface Value {
  readonly text: string;
  /** Since 1970; null: never. */
  readonly expiresAtMs: number | null;
}

/** One step of the data. */
export type Change =
  | { readonly kind: 'set'; readonly key: string; readonly value: Value }
  | { readonly kind: 'delete'; readonly key: string }
  /** Every key of some slots. */
  | { readonly kind: 'clear'; readonly range: SlotRange };

/** A change with its place among all, and the server that made it: two that have one number and other servers stand in other histories. */
export interface LoggedChange {
  readonly sequence: number;
  readonly origin: string;
  readonly change: Change;
}

/** All data at one place of the log. */
export interface Snapshot {
  readonly sequence: number;
  readonly origin: string;
  readonly values: ReadonlyArray<readonly [key: string, value: Value]>;
}

/** A replica that is further behind takes over all data. */
const MAX_LOGGED = 200_000;

/** The data of a server and the log of its changes, in a file that outlives its process. */
export class DataLog {
  sequence = 0;
  /** Of the last change. */
  origin = '';
  readonly #file: string;
  readonly #clock: () => number;
  /** Of its own changes, another one each time that it becomes a master. */
  #own = randomBytes(20).toString('hex');
  readonly #slots = new Map<number, Map<string, Value>>();
  #log: LoggedChange[] = [];
  #descriptor: number;
  /** Called after each change. */
  readonly listeners = new Set<() => void>();

  /** @param clock milliseconds since 1970 */
  constructor(folder: string, clock: () => number) {
    this.#file = join(folder, 'data.log');
    this.#clock = clock;
    if (existsSync(this.#file)) this.#load(readFileSync(this.#file, 'utf8'));
    this.#descriptor = openSync(this.#file, 'a');
  }

  /** A line that a killed process has not written to its end is none. */
  #load(text: string): void {
    for (const line of text.slice(0, text.lastIndexOf('\n')).split('\n')) {
      if (line === '') continue;
      const read = JSON.parse(line) as LoggedChange | Snapshot;
      if ('change' in read) this.#carryOut(read);
      else this.#begin(read);
    }
  }

  #begin({ sequence, origin, values }: Snapshot): void {
    this.#slots.clear();
    this.#log = [];
    [this.sequence, this.origin] = [sequence, origin];
    for (const [key, value] of values) this.#slot(slotOfKey(key)).set(key, value);
  }

  #slot(slot: number): Map<string, Value> {
    const known = this.#slots.get(slot) ?? new Map<string, Value>();
    this.#slots.set(slot, known);
    return known;
  }

  #carryOut(logged: LoggedChange): void {
    const { change } = logged;
    if (change.kind === 'set') this.#slot(slotOfKey(change.key)).set(change.key, change.value);
    else if (change.kind === 'delete') this.#slots.get(slotOfKey(change.key))?.delete(change.key);
    else for (const slot of this.#slots.keys()) if (contains(change.range, slot)) this.#slots.delete(slot);
    [this.sequence, this.origin] = [logged.sequence, logged.origin];
    this.#log.push(logged);
    if (this.#log.length > 2 * MAX_LOGGED) this.#log = this.#log.slice(-MAX_LOGGED);
  }

  /** A change of its own. */
  write(change: Change): void {
    this.append({ sequence: this.sequence + 1, origin: this.#own, change });
  }

  /** A change of the server that it follows. */
  append(logged: LoggedChange): void {
    writeSync(this.#descriptor, `${JSON.stringify(logged)}\n`);
    this.#carryOut(logged);
    for (const listener of this.listeners) listener();
  }

  /** Another history begins, of changes of its own. */
  becomeMaster(): void {
    this.#own = randomBytes(20).toString('hex');
  }

  /** All data of the server that it follows, in place of its own. */
  replace(snapshot: Snapshot): void {
    closeSync(this.#descriptor);
    rmSync(this.#file);
    this.#descriptor = openSync(this.#file, 'a');
    writeSync(this.#descriptor, `${JSON.stringify(snapshot)}\n`);
    this.#begin(snapshot);
  }

  snapshot(): Snapshot {
    const values = [...this.#slots.values()].flatMap((slot) => [...slot]);
    return { sequence: this.sequence, origin: this.origin, values };
  }

  /** @returns what came after a change of this history; null: it is not known */
  since(sequence: number, origin: string): readonly LoggedChange[] | null {
    if (sequence === this.sequence && origin === this.origin) return [];
    const first = this.#log[0]?.sequence ?? this.sequence + 1;
    if (sequence === 0) return first === 1 ? this.#log : null;
    const at = this.#log[sequence - first];
    return at?.origin === origin ? this.#log.slice(sequence - first + 1) : null;
  }

  /** What came after a change that it has made, or taken over, lately. */
  sinceSequence(sequence: number): readonly LoggedChange[] {
    const first = this.#log[0]?.sequence ?? this.sequence + 1;
    return this.#log.slice(Math.max(0, sequence + 1 - first));
  }

  get(key: string): Value | null {
    const value = this.#slots.get(slotOfKey(key))?.get(key) ?? null;
    return value !== null && isOver(value, this.#clock()) ? null : value;
  }

  keysOf(range: SlotRange): Array<readonly [key: string, value: Value]> {
    return [...this.#slots].flatMap(([slot, values]) => (contains(range, slot) ? [...values] : []));
  }

  /** Every key that has not expired, slot by slot. */
  keys(): string[] {
    const slots = [...this.#slots].sort(([one], [other]) => one - other);
    const all = slots.flatMap(([, values]) => [...values.keys()].sort());
    return all.filter((key) => this.get(key) !== null);
  }
}

function isOver({ expiresAtMs }: Value, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
