import type { OutputQueue } from '../http/index.ts';

/** Queues of output in the order of their turns. Each is added and removed in constant time, however many there are. */
export class QueueRing {
  #first: OutputQueue | null = null;

  /** Whose turn it is. */
  get first(): OutputQueue | null {
    return this.#first;
  }

  /** Gives a queue the last turn; one that is there already keeps its own. */
  add(queue: OutputQueue): void {
    if (queue.next !== null) return;
    const first = this.#first;
    if (first === null) {
      queue.next = queue;
      queue.previous = queue;
      this.#first = queue;
      return;
    }
    const last = first.previous as OutputQueue;
    queue.next = first;
    queue.previous = last;
    last.next = queue;
    first.previous = queue;
  }

  remove(queue: OutputQueue): void {
    const { next, previous } = queue;
    if (next === null || previous === null) return;
    if (next === queue) this.#first = null;
    else {
      previous.next = next;
      next.previous = previous;
      if (this.#first === queue) this.#first = next;
    }
    queue.next = null;
    queue.previous = null;
  }

  /** Moves the turn on, from the first to the one behind it. */
  rotate(): void {
    this.#first = this.#first?.next ?? null;
  }
}
