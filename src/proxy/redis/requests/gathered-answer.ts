import { ByteQueue } from '../../../io/index.ts';
import { type Command, errorReply, type Protocol } from '../../../resp/index.ts';
import { TrafficCounters } from '../../core/counters.ts';
import type { OpenRequest } from '../../core/open-request.ts';
import type { KeptBytes } from '../kept-bytes.ts';
import type { RedisContext } from '../redis-context.ts';
import { ERRORS } from '../words.ts';
import { Answer } from './answer.ts';
import type { RedisRequest } from './redis-request.ts';
import type { Retries } from './retry-turn.ts';
import type { RequestClient, RoutedCommand } from './routed-command.ts';

/** What is counted for the parts of a command as if it were for the command: it is counted once, as a whole. */
export const uncounted = new TrafficCounters();

/** A list of so many is searched as fast as a map. */
const FEW_PARTS = 16;

/** What has come of a part's reply. */
interface Part {
  readonly request: RedisRequest;
  reply: Uint8Array | null;
  rest: ByteQueue | null;
}

/** An answer of which several shards have a part each: it goes out when all have come. */
export class GatheredAnswer extends Answer implements RequestClient {
  readonly context: RedisContext;
  readonly entry: RequestClient['entry'];
  readonly protocol: Protocol;
  readonly address: string;
  readonly readsFrom: RequestClient['readsFrom'];
  readonly clientGroup: string;
  readonly clientConnection: object;
  readonly command: Command;
  readonly retries: Retries;
  readonly keptBytes: KeptBytes;
  readonly #client: RequestClient;
  readonly #place: Answer;
  readonly #merge: (replies: readonly Uint8Array[]) => Uint8Array | null;
  readonly #parts: Part[] = [];
  /** The parts by their requests, where they are many. */
  #byRequest: Map<Answer, Part> | null = null;
  #missing = 0;
  /** Of the parts, as they are sent and as they are answered. */
  #ownBytes = 0;
  #isOver = false;

  /**
   * @param merge makes the whole of the replies, in the order in which the parts were added; null where it has added a part, and waits for that
   * @param place the answer in whose place among those of its client it stands; by default it has one of its own
   */
  constructor(client: RequestClient, merge: (replies: readonly Uint8Array[]) => Uint8Array | null, place?: Answer) {
    super();
    this.context = client.context;
    this.entry = client.entry;
    this.protocol = client.protocol;
    this.address = client.address;
    this.readsFrom = client.readsFrom;
    this.clientGroup = client.clientGroup;
    this.clientConnection = client.clientConnection;
    this.command = client.command;
    this.retries = client.retries;
    this.keptBytes = client.keptBytes;
    this.#client = client;
    this.#place = place ?? this;
    this.#merge = merge;
  }

  /** @param request for the part of the command that is one owner's, with this as its client */
  add(request: RedisRequest): void {
    request.owner.counters.requestBytes += request.heldBytes;
    this.#ownBytes += request.heldBytes;
    this.keptBytes.add(request.heldBytes);
    this.#parts.push({ request, reply: null, rest: null });
    this.#byRequest = null;
    this.#missing++;
  }

  get size(): number {
    return this.#parts.length;
  }

  /** Sends all parts, or has them wait: those that need not be the first answer of their client. */
  begin(): void {
    for (const { request } of this.#parts) request.begin();
  }

  /** Whether a part waits to be sent. */
  get waits(): boolean {
    for (const { request } of this.#parts) if (request.isOpen && !request.isSent) return true;
    return false;
  }

  onSent(request: RoutedCommand): void {
    this.#client.onSent(request);
  }

  onBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    const part = this.#partOf(answer);
    if (part === null) return true;
    const isWithin = this.#keep(end - start);
    if (isLast && part.rest === null) {
      const { slab } = this.context;
      const kept = slab.keep(bytes, start, end);
      this.#onReply(part, kept.subarray(slab.at, slab.at + end - start));
    } else {
      part.rest ??= new ByteQueue();
      part.rest.append(bytes, start, end);
      if (isLast) this.#onReply(part, part.rest.takeAll());
    }
    if (!isWithin && !this.#isOver) this.#giveUp();
    return true;
  }

  onWhole(answer: Answer, reply: Uint8Array): void {
    const part = this.#partOf(answer);
    if (part === null) return;
    const isWithin = this.#keep(reply.length);
    this.#onReply(part, reply);
    if (!isWithin && !this.#isOver) this.#giveUp();
  }

  onError(answer: Answer, text: string): void {
    const part = this.#partOf(answer);
    if (part !== null) this.#onReply(part, errorReply(text));
    this.#client.onUnsent();
  }

  #partOf(answer: Answer): Part | null {
    if (this.#isOver) return null;
    if (this.#parts.length > FEW_PARTS) {
      this.#byRequest ??= new Map(this.#parts.map((part) => [part.request, part]));
      return this.#byRequest.get(answer) as Part;
    }
    for (const part of this.#parts) if (part.request === answer) return part;
    return null;
  }

  #keep(bytes: number): boolean {
    this.#ownBytes += bytes;
    return this.keptBytes.add(bytes);
  }

  #onReply(part: Part, reply: Uint8Array): void {
    part.reply = reply;
    part.rest = null;
    if (--this.#missing > 0) return;
    const whole = this.#merge(this.#parts.map((each) => each.reply as Uint8Array));
    if (whole === null) return;
    this.#end();
    this.#client.onWhole(this.#place, whole);
  }

  /** The parts together are more than may be kept for a client. */
  #giveUp(): void {
    this.abandon();
    this.context.core.counters.countRefusal('too_long');
    this.#client.onError(this.#place, ERRORS.answerTooLong);
  }

  #end(): void {
    this.#isOver = true;
    this.keptBytes.remove(this.#ownBytes);
    this.#ownBytes = 0;
    for (const part of this.#parts) {
      part.reply = null;
      part.rest = null;
    }
  }

  override abandon(): void {
    if (this.#isOver) return;
    this.#end();
    for (const { request } of this.#parts) request.abandon();
  }

  onUnsent(): void {
    this.#client.onUnsent();
  }

  waitForAll(): void {
    this.#client.waitForAll();
  }

  whenWritable(callback: () => void): void {
    this.#client.whenWritable(callback);
  }

  isFirst(): boolean {
    return this.#client.isFirst(this.#place);
  }

  override onFirst(): void {
    for (const { request } of this.#parts) request.onFirst();
  }

  onGivenUp(request: RoutedCommand): void {
    this.#client.onGivenUp(request);
  }

  onSettled(request: RoutedCommand): void {
    this.#client.onSettled(request);
  }

  override cancel(): void {
    this.#isOver = true;
    for (const { request } of this.#parts) request.cancel();
  }

  override forEachRequest(visit: (request: OpenRequest) => void): void {
    for (const { request } of this.#parts) request.forEachRequest(visit);
  }
}
