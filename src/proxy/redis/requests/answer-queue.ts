import type { Answer } from './answer.ts';

/** The answers that a client waits for, in the order of its commands: a list that is linked through them, so that none is made for it. */
export class AnswerQueue {
  first: Answer | null = null;
  #last: Answer | null = null;
  length = 0;

  push(answer: Answer): void {
    if (this.#last === null) this.first = answer;
    else this.#last.next = answer;
    this.#last = answer;
    this.length++;
  }

  /** Takes the first. The queue must not be empty. */
  shift(): void {
    const { next } = this.first as Answer;
    this.first = next;
    if (next === null) this.#last = null;
    this.length--;
  }

  *[Symbol.iterator](): Generator<Answer> {
    for (let answer = this.first; answer !== null; answer = answer.next) yield answer;
  }
}
