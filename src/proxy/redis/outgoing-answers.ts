import { ByteQueue, type Output } from '../../io/index.ts';
import { errorReply } from '../../resp/index.ts';
import type { KeptBytes } from './kept-bytes.ts';
import { type Answer, OwnAnswer } from './requests/answer.ts';
import { AnswerQueue } from './requests/answer-queue.ts';
import type { ReplySlab } from './requests/reply-slab.ts';
import { ERRORS } from './words.ts';

/** What is kept goes out in pieces of this size, as long as the client takes them. */
const PIECE_BYTES = 65536;
/** In place of what the router says itself, where no room is left to keep it. */
const TOO_LONG = errorReply(ERRORS.answerTooLong);

/**
 * The answers that a client waits for. What comes of the first goes out at once; what comes of the others is kept until it is their turn,
 * and until the client takes it.
 */
export class OutgoingAnswers {
  readonly #slab: ReplySlab;
  readonly #kept: KeptBytes;
  readonly #output: Output;
  readonly #onAdvanced: () => void;
  readonly #queue = new AnswerQueue();
  /** The first answer has begun to go out, and has not ended: nothing may come in between. */
  #isInPart = false;
  #isAdvancing = false;
  /** What waits for the end of that answer, and is none itself. */
  #pushes: ByteQueue | null = null;

  /** @param onAdvanced called when an answer is complete */
  constructor(slab: ReplySlab, kept: KeptBytes, output: Output, onAdvanced: () => void) {
    this.#slab = slab;
    this.#kept = kept;
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
    else if (bytes.length <= TOO_LONG.length || this.#kept.hasRoomFor(bytes.length)) {
      this.#kept.add(bytes.length);
      this.#queue.push(new OwnAnswer(bytes));
    } else {
      this.#kept.add(TOO_LONG.length);
      this.#queue.push(new OwnAnswer(TOO_LONG));
    }
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
    if (answer.names === null) return this.#takeBytes(answer, bytes, start, end, isLast);
    const named = answer.names.take(bytes, start, end);
    return this.#takeBytes(answer, named, 0, named.length, isLast);
  }

  #takeBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    if (isLast) answer.isDone = true;
    // Behind parts that the client does not take yet more of them wait.
    if (this.#queue.first !== answer || answer.parts !== null) return this.#keep(answer, bytes, start, end, isLast);
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
    if (isLast && answer.parts === null) {
      answer.kept = this.#slab.keep(bytes, start, end);
      answer.keptFrom = this.#slab.at;
      answer.keptTo = this.#slab.at + end - start;
    } else {
      answer.parts ??= new ByteQueue();
      answer.parts.append(bytes, start, end);
    }
    return this.#kept.add(end - start);
  }

  /** The whole of an answer has come, in memory of its own. @returns as `onBytes` */
  onWhole(answer: Answer, whole: Uint8Array): boolean {
    const reply = answer.names === null ? whole : answer.names.take(whole, 0, whole.length);
    let isWithin = true;
    answer.isDone = true;
    if (!answer.isSilent) {
      answer.kept = reply;
      answer.keptFrom = 0;
      answer.keptTo = reply.length;
      isWithin = this.#kept.add(reply.length);
    }
    if (isWithin && this.#queue.first === answer) this.#advance();
    return isWithin;
  }

  /** Puts an error in place of an answer. @returns false where some of it has gone out already: it would be taken for the rest */
  replace(answer: Answer, error: Uint8Array): boolean {
    if (this.#isInPart && this.#queue.first === answer && !answer.isSilent) return false;
    this.#forget(answer);
    answer.isDone = true;
    if (!answer.isSilent) {
      answer.kept = error;
      answer.keptFrom = 0;
      answer.keptTo = error.length;
      this.#kept.add(error.length);
    }
    if (this.#queue.first === answer) this.#advance();
    return true;
  }

  #forget(answer: Answer): void {
    if (answer.parts !== null) this.#kept.remove(answer.parts.length);
    if (answer.kept !== null) this.#kept.remove(answer.keptTo - answer.keptFrom);
    answer.parts = null;
    answer.kept = null;
  }

  /** The client takes more than it did. */
  goOn(): void {
    const { first } = this.#queue;
    if (first !== null && (first.parts !== null || first.kept !== null)) this.#advance();
  }

  /**
   * Writes what has come of the answers whose turn it is, as far as the client takes it. One that ends as soon as its turn has come calls
   * this again: the loop goes on then, so that many of them in a row cost no calls inside each other.
   */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    const queue = this.#queue;
    if (!this.#isInPart) this.#writePushes();
    for (let answer = queue.first; answer !== null; answer = queue.first) {
      if (!this.#writeKept(answer)) break;
      if (!answer.isDone) {
        answer.onFirst();
        // What it was answered with at once, such as an error, goes out in the next round.
        if (queue.first === answer && !answer.isDone) break;
      } else queue.shift();
    }
    this.#isAdvancing = false;
    this.#onAdvanced();
  }

  /** @returns false where the client does not take all of it now */
  #writeKept(answer: Answer): boolean {
    if (answer.parts !== null) this.#writeParts(answer, answer.parts);
    else if (answer.kept !== null) this.#writeWhole(answer, answer.kept);
    return answer.parts === null && answer.kept === null;
  }

  #writeParts(answer: Answer, parts: ByteQueue): void {
    this.#isInPart = true;
    while (parts.length > 0 && !this.#output.congested) {
      const end = Math.min(parts.end, parts.start + PIECE_BYTES);
      const bytes = end - parts.start;
      this.#output.append(parts.block, parts.start, end);
      parts.consume(bytes);
      this.#kept.remove(bytes);
    }
    if (parts.length > 0) return;
    answer.parts = null;
    if (answer.isDone) this.#onWritten();
  }

  #writeWhole(answer: Answer, bytes: Uint8Array): void {
    const { keptTo } = answer;
    while (answer.keptFrom < keptTo && !this.#output.congested) {
      const end = Math.min(keptTo, answer.keptFrom + PIECE_BYTES);
      this.#output.append(bytes, answer.keptFrom, end);
      this.#kept.remove(end - answer.keptFrom);
      answer.keptFrom = end;
    }
    this.#isInPart = answer.keptFrom < keptTo;
    if (this.#isInPart) return;
    answer.kept = null;
    this.#onWritten();
  }

  #onWritten(): void {
    this.#isInPart = false;
    this.#writePushes();
  }

  /** Writes what is no answer: between two of them. @returns false where more of it waits than may be kept */
  push(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#isInPart) {
      this.#output.append(bytes, start, end);
      return true;
    }
    this.#pushes ??= new ByteQueue();
    this.#pushes.append(bytes, start, end);
    return this.#kept.add(end - start);
  }

  #writePushes(): void {
    const pushes = this.#pushes;
    if (pushes === null) return;
    this.#pushes = null;
    this.#kept.remove(pushes.length);
    pushes.forEach((bytes, start, end) => {
      this.#output.append(bytes, start, end);
    });
  }

  [Symbol.iterator](): Iterator<Answer> {
    return this.#queue[Symbol.iterator]();
  }

  /** Its client has gone. */
  clear(): void {
    for (const answer of this.#queue) answer.cancel();
    while (this.#queue.first !== null) this.#queue.shift();
  }
}
