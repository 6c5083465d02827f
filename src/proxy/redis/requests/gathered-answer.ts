import { ByteQueue } from '../../../io/index.ts';
import { type Command, errorReply, type Protocol } from '../../../resp/index.ts';
import { TrafficCounters } from '../../core/counters.ts';
import type { OpenRequest } from '../../core/open-request.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { RedisContext } from '../redis-context.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { Answer } from './answer.ts';
import { RedisRequest } from './redis-request.ts';
import type { Retries } from './retry-turn.ts';
import type { RequestClient, RequestKeys, RoutedCommand } from './routed-command.ts';

/** What is counted for the parts of a command as if it were for the command: it is counted once, as a whole. */
const uncounted = new TrafficCounters();

/** What has come of a part's reply. */
interface Part {
  readonly request: RedisRequest;
  reply: Uint8Array | null;
  rest: ByteQueue | null;
}

/** An answer of which several shards have a part each: it goes out when all have come. */
export class GatheredAnswer extends Answer implements RequestClient {
  readonly context: RedisContext;
  readonly protocol: Protocol;
  readonly address: string;
  readonly clientGroup: string;
  readonly clientConnection: object;
  readonly command: Command;
  readonly retries: Retries;
  readonly #client: RequestClient;
  readonly #merge: (replies: readonly Uint8Array[]) => Uint8Array;
  readonly #parts: Part[] = [];
  #missing = 0;

  /** @param merge makes the whole of the replies, in the order in which the parts were added */
  constructor(client: RequestClient, merge: (replies: readonly Uint8Array[]) => Uint8Array) {
    super();
    this.context = client.context;
    this.protocol = client.protocol;
    this.address = client.address;
    this.clientGroup = client.clientGroup;
    this.clientConnection = client.clientConnection;
    this.command = client.command;
    this.retries = client.retries;
    this.#client = client;
    this.#merge = merge;
  }

  /** @param raw the part of the command that is for this owner, whole */
  add(owners: RedisOwners, owner: Upstream<RedisPool>, keys: RequestKeys, raw: Uint8Array): void {
    owner.counters.requestBytes += raw.length;
    const request = new RedisRequest(this, uncounted, owners, owner, keys, raw);
    this.#parts.push({ request, reply: null, rest: null });
  }

  /** Sends all parts, or has them wait. */
  begin(): void {
    this.#missing = this.#parts.length;
    for (const { request } of this.#parts) request.begin();
  }

  /** Whether a part waits to be sent. */
  get waits(): boolean {
    return this.#parts.some(({ request }) => request.isOpen && !request.isSent);
  }

  onSent(request: RoutedCommand): void {
    this.#client.onSent(request);
  }

  onBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    const part = this.#parts.find(({ request }) => request === answer) as Part;
    if (isLast && part.rest === null) this.#onReply(part, Uint8Array.prototype.slice.call(bytes, start, end));
    else {
      part.rest ??= new ByteQueue();
      part.rest.append(bytes, start, end);
      if (isLast) this.#onReply(part, part.rest.takeAll());
    }
    return true;
  }

  onError(answer: Answer, text: string): void {
    const part = this.#parts.find(({ request }) => request === answer) as Part;
    this.#onReply(part, errorReply(text));
    this.#client.onUnsent();
  }

  #onReply(part: Part, reply: Uint8Array): void {
    part.reply = reply;
    part.rest = null;
    if (--this.#missing > 0) return;
    const whole = this.#merge(this.#parts.map((each) => each.reply as Uint8Array));
    this.#client.onBytes(this, whole, 0, whole.length, true);
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
    return this.#client.isFirst(this);
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
    for (const { request } of this.#parts) request.cancel();
  }

  override forEachRequest(visit: (request: OpenRequest) => void): void {
    for (const { request } of this.#parts) visit(request);
  }
}
