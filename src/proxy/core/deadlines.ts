/** What has a deadline. The links are the wheel's. */
export interface Deadlined {
  deadlineTick: number;
  deadlinePrevious: Deadlined | null;
  deadlineNext: Deadlined | null;
  onDeadline(): void;
}

/** Deadlines are met to within this time, never early. */
const TICK_MS = 10;
/** A round is 10.24 s; what is further away stays for more than one round. */
const SLOTS = 1024;

/**
 * A timing wheel: adding and removing a deadline are a few assignments, where a timer of Node's is two allocations and a
 * search. It runs only while it holds something.
 */
export class DeadlineWheel {
  readonly #slots: Array<Deadlined | null> = new Array(SLOTS).fill(null);
  readonly #clock: () => number;
  #tick: number;
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#tick = Math.floor(clock() / TICK_MS);
  }

  add(item: Deadlined, afterMs: number): void {
    if (this.#count === 0) this.#tick = Math.floor(this.#clock() / TICK_MS);
    // One tick more, because the current one has begun already.
    item.deadlineTick = Math.ceil((this.#clock() + afterMs) / TICK_MS) + 1;
    const slot = item.deadlineTick & (SLOTS - 1);
    const head = this.#slots[slot] as Deadlined | null;
    item.deadlinePrevious = null;
    item.deadlineNext = head;
    if (head !== null) head.deadlinePrevious = item;
    this.#slots[slot] = item;
    this.#count++;
    this.#timer ??= setInterval(() => this.#advance(), TICK_MS);
  }

  remove(item: Deadlined): void {
    if (item.deadlineTick < 0) return;
    if (item.deadlinePrevious !== null) item.deadlinePrevious.deadlineNext = item.deadlineNext;
    else this.#slots[item.deadlineTick & (SLOTS - 1)] = item.deadlineNext;
    if (item.deadlineNext !== null) item.deadlineNext.deadlinePrevious = item.deadlinePrevious;
    item.deadlinePrevious = null;
    item.deadlineNext = null;
    item.deadlineTick = -1;
    this.#count--;
    if (this.#count === 0) this.stop();
  }

  /** Stops the clock; what is in the wheel does not fire. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #advance(): void {
    const now = Math.floor(this.#clock() / TICK_MS);
    // After a pause of more than a round, one round visits every slot.
    let tick = Math.max(this.#tick + 1, now - SLOTS + 1);
    for (; tick <= now; tick++) this.#fire(tick & (SLOTS - 1), now);
    this.#tick = now;
  }

  #fire(slot: number, now: number): void {
    let item = this.#slots[slot] as Deadlined | null;
    const due: Deadlined[] = [];
    for (; item !== null; item = item.deadlineNext) if (item.deadlineTick <= now) due.push(item);
    for (const each of due) {
      if (each.deadlineTick < 0) continue;
      this.remove(each);
      each.onDeadline();
    }
  }
}
