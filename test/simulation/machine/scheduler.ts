import { createHash, type Hash } from 'node:crypto';

/** Something that happens at a time. */
export interface Event {
  readonly atMs: number;
  /** Of two at one time the one that was scheduled first comes first. */
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** What is noted is hashed in pieces of this many characters. */
const PIECE = 16_384;

/** The world's time, and what happens when. It goes on only from one event to the next. */
export class Scheduler {
  /** True time: no process can see it. */
  nowMs = 0;
  readonly #heap: Event[] = [];
  readonly #hash: Hash = createHash('sha256');
  #noted = '';
  #order = 0;
  #events = 0;

  /** How many things have happened. */
  get events(): number {
    return this.#events;
  }

  at(atMs: number, run: () => void): Event {
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run, isCancelled: false };
    this.#push(event);
    return event;
  }

  /** Goes on to the next event. @returns false where there is none */
  step(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      if (event.isCancelled) continue;
      this.nowMs = event.atMs;
      this.#events++;
      event.run();
      return true;
    }
  }

  /** Writes something down that has to be the same in every run of a seed. */
  note(text: string): void {
    this.#noted += `${this.nowMs} ${text}\n`;
    if (this.#noted.length > PIECE) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#noted);
    this.#noted = '';
  }

  /** Of all that was noted. */
  get trace(): string {
    this.#flush();
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
