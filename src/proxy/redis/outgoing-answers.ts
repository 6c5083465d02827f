import { ByteQueue, type Output } from '../../io/index.ts';
import type { RedisContext } from './redis-context.ts';
import { type Answer, OwnAnswer } from './requests/answer.ts';
import { AnswerQueue } from './requests/answer-queue.ts';

/**
 * The answers that a client waits for. What comes of the first goes out at once; what comes of the others is kept until it is their turn.
 */
export class OutgoingAnswers {
  readonly #context: RedisContext;
  readonly #output: Output;
  readonly #onAdvanced: () => void;
  readonly #queue = new AnswerQueue();
  /** Bytes of answers that wait for earlier ones. */
  #keptBytes = 0;
  /** The first answer has begun to go out, and has not ended: nothing may come in between. */
  #isInPart = false;
  #isAdvancing = false;
  /** What waits for the end of that answer, and is none itself. */
  readonly #pushes = new ByteQueue();

  /** @param onAdvanced called when an answer is complete */
  constructor(context: RedisContext, output: Output, onAdvanced: () => void) {
    this.#context = context;
    this.#output = output;
    this.#onAdvanced = onAdvanced;
  }

  get length(): number {
    return this.#queue.length;
  }

  isFirst(answer: Answer): boolean {
    return this.#queue.first === answer;
  }

  /** Adds an answer of the router's own, which is whole. */
  say(bytes: Uint8Array): void {
    if (this.#queue.first === null) this.#output.append(bytes, 0, bytes.length);
    else this.#queue.push(new OwnAnswer(bytes));
  }

  /** An answer will come in its turn. */
  expect(answer: Answer): void {
    this.#queue.push(answer);
    if (this.#queue.first === answer) answer.onFirst();
  }

  /**
   * Bytes of an answer have come.
   * @returns false where more is kept than may be. No shard can be held up for that: the answer that this client waits for first may
   * stand behind one of another client that waits in the same way.
   */
  onBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    if (isLast) answer.isDone = true;
    if (this.#queue.first !== answer) return this.#keep(answer, bytes, start, end, isLast);
    if (!answer.isSilent) this.#output.append(bytes, start, end);
    this.#isInPart = !isLast;
    if (isLast) {
      this.#queue.shift();
      this.#advance();
    }
    return true;
  }

  #keep(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    if (answer.isSilent) return true;
    const { slab, core } = this.#context;
    this.#countKept(end - start);
    if (isLast && answer.parts === null) {
      answer.kept = slab.keep(bytes, start, end);
      answer.keptFrom = slab.at;
      answer.keptTo = slab.at + end - start;
    } else {
      answer.parts ??= new ByteQueue();
      answer.parts.append(bytes, start, end);
    }
    return core.buffers.backlog.allows(this.#keptBytes);
  }

  /** Forgets what has come of an answer, so that another takes its place. @returns false where some of it has gone out already */
  takeBack(answer: Answer): boolean {
    if (this.#isInPart && this.#queue.first === answer) return answer.isSilent;
    if (answer.parts !== null) this.#countKept(-answer.parts.length);
    answer.parts = null;
    return true;
  }

  #countKept(bytes: number): void {
    this.#keptBytes += bytes;
    this.#context.core.buffers.backlog.bytes += bytes;
  }

  /**
   * Writes what has come of the answers whose turn it is. One that ends as soon as its turn has come calls this again: the loop goes
   * on then, so that many of them in a row cost no calls inside each other.
   */
  #advance(): void {
    this.#writePushes();
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    const queue = this.#queue;
    for (let answer = queue.first; answer !== null; answer = queue.first) {
      this.#writeKept(answer);
      if (!answer.isDone) {
        answer.onFirst();
        if (queue.first === answer) break;
      } else queue.shift();
    }
    this.#isAdvancing = false;
    this.#onAdvanced();
  }

  readonly #append = (bytes: Uint8Array, start: number, end: number): void => this.#output.append(bytes, start, end);

  #writeKept(answer: Answer): void {
    const { parts, kept, keptFrom, keptTo } = answer;
    if (parts !== null) {
      this.#countKept(-parts.length);
      parts.forEach(this.#append);
      answer.parts = null;
      this.#isInPart = !answer.isDone;
    } else if (kept !== null) {
      // What the router says itself was never counted.
      if (!(answer instanceof OwnAnswer)) this.#countKept(keptFrom - keptTo);
      this.#output.append(kept, keptFrom, keptTo);
      answer.kept = null;
    }
  }

  /** Writes what is no answer: between two of them. */
  push(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isInPart) this.#pushes.append(bytes, start, end);
    else this.#output.append(bytes, start, end);
  }

  #writePushes(): void {
    if (this.#pushes.length === 0) return;
    this.#pushes.forEach(this.#append);
    this.#pushes.clear();
  }

  [Symbol.iterator](): Iterator<Answer> {
    return this.#queue[Symbol.iterator]();
  }

  /** Its client has gone. */
  clear(): void {
    this.#countKept(-this.#keptBytes);
    for (const answer of this.#queue) answer.cancel();
    while (this.#queue.first !== null) this.#queue.shift();
  }
}
