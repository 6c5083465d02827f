import type { Span } from '@opentelemetry/api';
import {
  ErrorCode,
  type Field,
  HeaderBlock,
  type MessageHead,
  NameKind,
  type RequestConnection,
  type ResetCause,
  type Stream,
  type StreamConnection,
  type StreamHandler,
} from '../../http/index.ts';
import {
  areWholeMessages,
  type ClientProtocol,
  clientProtocolOf,
  type Envelopes,
  EnvelopeTracker,
  envelopesOf,
  GrpcStatus,
  type GrpcWebTranslation,
  grpcTimeoutMs,
} from '../../rpc/index.ts';
import { type FailureCause, LATENCY_UNIT_US, latencyBucket } from '../core/counters.ts';
import type { Deadlined } from '../core/deadlines.ts';
import { clientGroup, type Waiting } from '../core/owner/fair-queue.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import { RetryWait, retryWaitMs } from '../core/retries.ts';
import type { ClearedExchange, WaitingPlace } from '../core/waiting-place.ts';
import type { Admission, ClientNeeds } from './admission.ts';
import { applyCors } from './edge/cors.ts';
import { cleanTrailers } from './edge/own-headers.ts';
import { FAILURES, failureCause, reasonOf } from './failure.ts';
import { endWithReply, type LocalReply, localReply, sendReply } from './local-reply.ts';
import type { MoveWay } from './move.ts';
import { type OpenStream, requestFacts } from './observe/request-facts.ts';
import { hiddenKey } from './observe/secret-keys.ts';
import { HeldContent } from './replay/held-content.ts';
import { WatchReplay } from './replay/watch-replay.ts';
import type { RouterContext } from './router-context.ts';
import type { ClusterOwners, Route } from './routing.ts';

/** The clock's milliseconds in latency units, as a 32-bit integer: differences are right over hours, and it needs no heap number. */
function latencyUnits(nowMs: number): number {
  return ((nowMs * 1000) / LATENCY_UNIT_US) | 0;
}

const scratch = new HeaderBlock();

/**
 * One request on its way: a stream of the client's, and one of the owner's once there is one. What comes on the one goes
 * out on the other, with credit handed back as far as the receiver has taken it.
 */
export class Exchange implements StreamHandler, Deadlined, Waiting {
  readonly #context: RouterContext;
  readonly #downstream: Stream;
  /** The owner of the request's key: another one only where the key was handed over while the request waited, or its watch was open. */
  owner: Upstream;
  /** The request's header section, to send it again if the owner did not process it. */
  request: Field[];
  readonly #route: Route;
  readonly isWebSocket: boolean;
  readonly #startedUnits: number;
  /** The stream to the owner; null as long as the request is not sent. */
  #upstream: Stream | null = null;
  /** Where the request waits to be sent; null where it does not. */
  #waitsIn: WaitingPlace | null = null;
  /** How often the request has been sent again. */
  #repeated = 0;
  #responseBegun = false;
  /** The answer says that the shard could not serve. */
  #troubled = false;
  /** What the client needs besides the shard's answer; most need nothing. */
  readonly #needs: ClientNeeds | null;
  readonly #key: Field | string;
  readonly #client: string;
  readonly #span: Span | null;
  #status = 0;
  #grpcStatus: number | null = null;
  #responseBytes = 0;
  /** Where the time is limited: when it is over in any case, and when something last moved. Most streams are spared the room. */
  #timing: { deadlineAtMs: number; movedAtMs: number } | null = null;
  #requestBytes = 0;
  /** Where its content stood when it was looked at, as long as it goes on; few requests live to be. */
  #contentMark: { readonly bytes: number; readonly atMs: number } | null = null;
  #envelopes: Envelopes = 'none';
  #lengthIsKnown = false;
  /** Follows the answer's messages from where one did not come whole; most do. */
  #messages: EnvelopeTracker | null = null;
  /** What the answer has to end with, at the next boundary between two messages; or it is made anew there. */
  #leavesWith: LocalReply | 'replay' | null = null;
  /** For a watch whose client is not to notice that its key moves. */
  #replay: WatchReplay | null = null;
  /** The call was made anew, and its answer has not begun: the client has its headers. */
  #isReplaying = false;
  /** The answer is complete, or was given up: nothing more goes to the client. */
  #finished = false;
  /** The client's stream is to be reset once its queued output has gone. */
  #resetWhenSent = false;
  /** The client's END_STREAM has come. */
  #requestEnded: boolean;
  #requestTrailers: readonly Field[] | null = null;
  // The request's content so far, in the arena; -1 where it is not kept.
  #kept = 0;
  #keptBytes = 0;
  /** All of it, where the key is about to move; most requests are spared this. */
  #sent: HeldContent | null = null;
  /** Content that came before there was a stream to the owner. */
  #held: HeldContent | null = null;
  deadlineTick = -1;
  deadlinePrevious: Deadlined | null = null;
  deadlineNext: Deadlined | null = null;

  constructor(
    context: RouterContext,
    downstream: Stream,
    admission: Admission,
    head: MessageHead,
    block: HeaderBlock,
    endStream: boolean,
  ) {
    const { owner, route } = admission;
    this.#context = context;
    this.#needs = admission.needs;
    this.#key = admission.key;
    this.#client = admission.client;
    this.#span = admission.span;
    this.#downstream = downstream;
    this.owner = owner;
    this.#route = route;
    this.isWebSocket = head.protocol !== null;
    this.request = block.copy();
    this.#requestEnded = endStream;
    this.#startedUnits = latencyUnits(context.http2.turn.nowMs);
    let timeoutMs = route.timeoutMs;
    if (head.grpcTimeout !== null) {
      const asked = grpcTimeoutMs(head.grpcTimeout.text);
      if (asked >= 0 && asked < timeoutMs) timeoutMs = asked;
    }
    if (route.onMove.how === 'replay' && this.isWatch)
      this.#replay = new WatchReplay(route.onMove.resume, context.http2.buffers.backlog);
    if (timeoutMs !== Number.POSITIVE_INFINITY || route.idleStreamMs !== Number.POSITIVE_INFINITY)
      this.#watch(timeoutMs);
  }

  /** Has the exchange looked at when its time is over, or when nothing may have moved for too long. */
  #watch(timeoutMs: number): void {
    const { nowMs } = this.#context.http2.turn;
    this.#timing = { deadlineAtMs: nowMs + timeoutMs, movedAtMs: nowMs };
    this.#context.deadlines.add(this, Math.min(timeoutMs, this.#route.idleStreamMs));
  }

  // ---- sending ---------------------------------------------------------------------------------------------------

  /** Sends the request for the first time, or has it wait. @param block its header section, as it was received */
  begin(block: HeaderBlock): void {
    const { gate } = this.#route.owners;
    if (gate === null || gate.admits(this)) this.owner.dispatch(this as Exchange as ClearedExchange, block);
  }

  /**
   * The request's wait is over: sends it to who owns its key now, or has it wait on, or refuses it. Every sending but the first
   * begins here.
   */
  proceed(): void {
    this.#stopWaiting();
    const { gate } = this.#route.owners;
    if (gate === null || gate.readmits(this)) this.owner.dispatch(this as Exchange as ClearedExchange, null);
  }

  /** Has the request wait in a place, and in no other. */
  waitIn(place: WaitingPlace): void {
    if (this.#waitsIn !== place) this.#stopWaiting();
    this.#waitsIn = place;
  }

  #stopWaiting(): void {
    const place = this.#waitsIn;
    this.#waitsIn = null;
    place?.forget(this);
  }

  isIn(place: WaitingPlace): boolean {
    return this.#waitsIn === place;
  }

  /** Opens the stream to the owner and sends what is there of the request. */
  send(this: ClearedExchange, connection: RequestConnection): void {
    scratch.set(this.request);
    const held = this.#held;
    const trailers = this.#requestTrailers;
    this.#held = null;
    const ends = this.#requestEnded && trailers === null;
    this.#upstream = connection.request(scratch, ends && (held === null || held.length === 0), this);
    const upstream = this.#upstream;
    held?.drain((bytes, start, end, isLast) => {
      if (this.#keepsContent) this.#keep(bytes, start, end);
      upstream.connection.sendData(upstream, bytes, start, end, ends && isLast);
    });
    if (trailers !== null) {
      scratch.set(trailers);
      upstream.connection.sendTrailers(upstream, scratch);
    }
    if (held !== null) this.#grantDownstream();
  }

  /** The first time round the block is at hand: saves filling it again. */
  sendFirst(this: ClearedExchange, connection: RequestConnection, block: HeaderBlock): void {
    this.#upstream = connection.request(block, this.#requestEnded, this);
  }

  /** Gives the client an answer of the router's own and ends the exchange. */
  refuse(reply: LocalReply): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#settle();
    this.#context.counters.refusals[reply.refusal]++;
    const { counters } = this.#route;
    const downstream = this.#downstream;
    this.#abandonUpstream(ErrorCode.Cancel);
    if (!this.#responseBegun) this.#status = reply.httpStatus;
    this.#grpcStatus = reply.grpcStatus;
    this.#record(reply.refusal);
    if (downstream.closed) return;
    const protocol = this.#protocol;
    if (!this.#responseBegun) sendReply(counters, downstream, protocol, reply, this.#needs?.cors ?? []);
    else {
      const mayEnd = reply.refusal === 'moved' && !this.#lengthIsKnown && !this.isWebSocket;
      endWithReply(counters, downstream, protocol, reply, this.#betweenMessages, mayEnd);
    }
    this.#resetOnceSent();
  }

  onDeadline(): void {
    const timing = this.#timing;
    if (timing === null) return;
    const nowMs = this.#context.http2.turn.begin();
    const { idleStreamMs } = this.#route;
    const idleAtMs = timing.movedAtMs + idleStreamMs;
    const nextMs = Math.min(timing.deadlineAtMs, idleAtMs);
    if (nowMs >= timing.deadlineAtMs) this.refuse(localReply.deadline());
    else if (nowMs >= idleAtMs) this.refuse(localReply.idleStream(idleStreamMs));
    else if (nextMs !== Number.POSITIVE_INFINITY) this.#context.deadlines.add(this, nextMs - nowMs);
  }

  /** To be called every second or so: ends a request whose content trickles. */
  sweep(nowMs: number): void {
    if (this.#requestEnded || this.#finished) return;
    const { requestContentTimeoutMs: withinMs, leastContentBytesPerSecond } = this.#context.limits;
    const mark = this.#contentMark;
    // While the router itself holds the client back the time does not run.
    const maySend = this.#downstream.receiveWindow > 0;
    if (mark !== null && maySend && nowMs - mark.atMs < withinMs) return;
    if (mark !== null && maySend && withinMs > 0) {
      const least = (leastContentBytesPerSecond * (nowMs - mark.atMs)) / 1000;
      if (this.#requestBytes - mark.bytes < least && !this.#mayBeSilent) {
        this.refuse(localReply.slowContent(withinMs));
        return;
      }
    }
    this.#contentMark = { bytes: this.#requestBytes, atMs: nowMs };
  }

  /** Its content is a stream of messages, which come when there is something to say. */
  get #mayBeSilent(): boolean {
    const protocol = this.#protocol;
    return this.isWebSocket || protocol === 'grpc' || protocol === 'connect-stream' || this.isWatch;
  }

  // ---- a stream's events -----------------------------------------------------------------------------------------

  onHeaders(upstream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void {
    if (this.#finished) return;
    const code = (head.status as Field).integer;
    const status = Math.trunc(code / 100);
    if (this.#timing !== null) this.#timing.movedAtMs = this.#context.http2.turn.nowMs;
    const repeats =
      (this.#route.retries.idempotent && isTrouble(code, head.grpcStatus) && this.#repeat()) ||
      (mayBeStale(code, endStream, head.grpcStatus) && this.#waitForVersion(block));
    if (repeats) {
      upstream.connection.reset(upstream, ErrorCode.Cancel);
      return;
    }
    if (this.isWebSocket && status === 2 && !upstream.connection.tunnels && !this.#passAsAnswer()) return;
    // The route's time is for the handshake.
    if (this.isWebSocket && this.#timing !== null) this.#timing.deadlineAtMs = Number.POSITIVE_INFINITY;
    if (this.#isReplaying && this.#onReplayHeaders(upstream, head, block, status, endStream)) return;
    if (status !== 1) {
      this.#replay?.onHead((name) => block.get(name));
      this.#responseBegun = true;
      this.#lengthIsKnown = head.contentLength >= 0;
      if (!endStream && head.contentType !== null) this.#envelopes = envelopesOf(head.contentType);
      this.#status = code;
      this.#route.counters.countResponse(status);
      this.owner.counters.countResponse(status);
      if (this.owner.health !== null) this.#troubled = isTrouble(code, null);
    }
    if (endStream) this.#finish(head.grpcStatus);
    if (status !== 1) {
      this.#route.responseHeaders?.apply(block);
      if (this.#needs !== null) {
        this.#needs.grpcWeb?.responseHead(block);
        if (this.#needs.cors !== null) applyCors(block, this.#needs.cors);
      }
    }
    this.#downstream.connection.sendHeaders(this.#downstream, block, endStream);
  }

  /** The shard has no WebSocket and answers the GET as it is (RFC 9110, 7.8). @returns false where its client cannot be told so */
  #passAsAnswer(): boolean {
    const downstream = this.#downstream;
    if (downstream.connection.declineTunnel(downstream)) return true;
    this.owner.onFailure('not_switched', '');
    this.refuse(FAILURES.not_switched.reply(this.owner.label, ''));
    return false;
  }

  onTrailers(stream: Stream, head: MessageHead, block: HeaderBlock): void {
    if (stream === this.#downstream) {
      this.#requestEnded = true;
      cleanTrailers(block, this.#route.key.kind === 'header' ? this.#route.key.header : null);
      this.#requestTrailers = block.copy();
      const upstream = this.#upstream;
      if (upstream !== null) upstream.connection.sendTrailers(upstream, block);
    } else if (!this.#finished) {
      const version = this.#replay === null || !this.#mayReplay ? 0 : staleVersion(block);
      if (version > 0) {
        this.#replayNow(version);
        return;
      }
      this.#finish(head.grpcStatus);
      const downstream = this.#downstream;
      const translation = this.#answerTranslation;
      if (translation === null) downstream.connection.sendTrailers(downstream, block);
      else {
        const last = translation.lastMessage(block);
        downstream.connection.sendData(downstream, last, 0, last.length, true);
      }
    }
  }

  onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream === this.#downstream) {
      const translated = this.#needs?.grpcWeb?.requestContent(bytes, start, end, endStream);
      if (translated === undefined) this.#onRequestData(bytes, start, end, endStream);
      else if (translated === null) this.refuse(localReply.badRequest('content that is not the base64 it says it is'));
      else this.#onRequestData(translated, 0, translated.length, endStream);
    } else this.#onResponseData(stream, bytes, start, end, endStream);
  }

  #onResponseData(upstream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (this.#finished) return;
    const downstream = this.#downstream;
    const length = end - start;
    this.#responseBytes += length;
    this.#route.counters.responseBytes += length;
    this.owner.counters.responseBytes += length;
    if (this.#timing !== null) this.#timing.movedAtMs = this.#context.http2.turn.nowMs;
    const boundary = this.#envelopes === 'none' ? -1 : this.#follow(bytes, start, end);
    if (this.#leavesWith !== null && boundary >= 0) {
      this.#replay?.onResponse(bytes, start, boundary);
      this.#forwardResponse(bytes, start, boundary, false);
      // What has begun behind it is not passed on.
      this.#messages = null;
      this.#leaveNow(this.#leavesWith);
      return;
    }
    this.#replay?.onResponse(bytes, start, end);
    if (endStream) this.#finish(null);
    this.#forwardResponse(bytes, start, end, endStream);
    if (!endStream) upstream.connection.grant(upstream, downstream.sendWindow - downstream.queuedBytes);
  }

  /** What makes gRPC-Web of the answer; null where it is handed on as it is. */
  get #answerTranslation(): GrpcWebTranslation | null {
    const translation = this.#needs?.grpcWeb ?? null;
    return translation?.translatesAnswer === true ? translation : null;
  }

  #forwardResponse(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const downstream = this.#downstream;
    const translation = this.#answerTranslation;
    if (translation === null) downstream.connection.sendData(downstream, bytes, start, end, endStream);
    else {
      const translated = translation.responseContent(bytes, start, end);
      downstream.connection.sendData(downstream, translated, 0, translated.length, endStream);
    }
  }

  /** Follows the answer's messages. @returns where one of ours may stand between two of them; -1 where it may not */
  #follow(bytes: Uint8Array, start: number, end: number): number {
    if (this.#messages === null) {
      if (this.#envelopes === 'binary' && this.#leavesWith === null && areWholeMessages(bytes, start, end)) return end;
      this.#messages = new EnvelopeTracker(this.#envelopes === 'base64');
    }
    const boundary = this.#messages.follow(bytes, start, end);
    if (this.#messages.betweenMessages) this.#messages = null;
    return boundary;
  }

  get #betweenMessages(): boolean {
    return this.#messages === null && this.#envelopes !== 'none';
  }

  #onRequestData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (this.#timing !== null) this.#timing.movedAtMs = this.#context.http2.turn.nowMs;
    const length = end - start;
    this.#requestBytes += length;
    this.#route.counters.requestBytes += length;
    this.owner.counters.requestBytes += length;
    if (this.#requestBytes > this.#route.maxRequestBytes && !this.isWebSocket) {
      this.refuse(localReply.tooLarge(this.#route.maxRequestBytes));
      return;
    }
    if (endStream) this.#requestEnded = true;
    this.#replay?.onRequest(bytes, start, end);
    const upstream = this.#upstream;
    if (upstream === null) {
      if (this.#finished) {
        // Nobody takes it any more; its client may send the rest of it to nobody.
        if (!endStream) this.#grantDownstream();
        return;
      }
      this.#held ??= this.#newHeld();
      if (this.#held.append(bytes, start, end)) this.#route.owners.gate?.onContent(this, length);
      else this.refuse(localReply.overloaded(this.owner.label));
      return;
    }
    if (!this.#responseBegun && this.#keepsContent) this.#keep(bytes, start, end);
    upstream.connection.sendData(upstream, bytes, start, end, endStream);
    if (!endStream) this.#grantDownstream();
  }

  /** Keeps content for a time, in case the owner refuses the stream. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    if (this.#sent !== null) {
      if (this.#sent.append(bytes, start, end) && this.#requestBytes <= LONGEST_KEPT_BYTES) return;
      this.#sent.clear();
      this.#sent = null;
      this.#kept = -1;
      return;
    }
    if (this.#kept < 0) return;
    this.#kept = this.#context.arena.append(this.#kept, this.#keptBytes, bytes, start, end);
    this.#keptBytes += end - start;
  }

  onCredit(stream: Stream): void {
    const upstream = this.#upstream;
    if (stream !== this.#downstream) {
      this.#grantDownstream();
      return;
    }
    if (this.#resetWhenSent) this.#resetOnceSent();
    else if (upstream !== null) upstream.connection.grant(upstream, stream.sendWindow - stream.queuedBytes);
  }

  #grantDownstream(): void {
    const upstream = this.#upstream;
    const downstream = this.#downstream;
    // Where nobody takes the content any more, the client may send the rest of it to nobody.
    const limit =
      upstream === null || upstream.closed ? Number.POSITIVE_INFINITY : upstream.sendWindow - upstream.queuedBytes;
    downstream.connection.grant(downstream, limit);
  }

  onReset(stream: Stream, code: number, cause: ResetCause): void {
    if (stream === this.#downstream) this.#onClientGone();
    else this.#onUpstreamReset(stream.connection, code, cause);
  }

  #onClientGone(): void {
    this.#settle();
    if (!this.#finished) {
      this.#route.counters.cancelled++;
      this.#record('');
    }
    this.#finished = true;
    this.#abandonUpstream(ErrorCode.Cancel);
  }

  #onUpstreamReset(connection: StreamConnection, code: number, cause: ResetCause): void {
    if (this.#finished) {
      // The answer is complete; the owner does not want the rest of the request (RFC 9113, 8.1).
      this.#resetOnceSent();
      return;
    }
    const failed = failureCause(connection, code, cause);
    const { repeats } = FAILURES[failed];
    const reason = reasonOf(connection, failed);
    if (failed === 'unreachable' && this.#waitForOwner(reason)) return;
    this.owner.onFailure(failed, reason);
    const mayRepeat = repeats === 'always' || (repeats === 'idempotent' && this.#route.retries.idempotent);
    if (!mayRepeat || !this.#repeat()) this.#fail(failed, reason, code);
  }

  /** Ends the exchange in the way that follows from the cause. @param code of the reset that it goes back to */
  #fail(cause: FailureCause, reason: string, code: number): void {
    const { before, midway, reply } = FAILURES[cause];
    const canReset = this.#responseBegun || this.#downstream.connection.resetsStreams;
    if (canReset && (this.#responseBegun ? midway : before) === 'reset')
      this.#passReset(cause === 'declined' || cause === 'gave_up' ? code : ErrorCode.InternalError);
    else this.refuse(reply(this.owner.label, reason));
  }

  #passReset(code: number): void {
    this.#finished = true;
    this.#record('');
    this.#settle();
    this.#downstream.connection.reset(this.#downstream, code);
  }

  /** The request has not reached the owner: it may wait for it with the others, if it is still at hand. */
  #waitForOwner(reason: string): boolean {
    if (this.#responseBegun || !this.#takeBack()) return false;
    this.owner.unavailable(this, 'unreachable', reason);
    return true;
  }

  /** Makes the request one that has not been sent. @returns false where its content is not at hand any more */
  #takeBack(): boolean {
    if (this.#isReplaying) {
      const again = this.#replay?.request(this.request) ?? null;
      this.#upstream = null;
      if (again !== null) this.#hold(again.content);
      return again !== null;
    }
    if (this.#sent !== null) {
      this.#upstream = null;
      this.#held = this.#sent.length > 0 ? this.#sent : null;
      this.#sent = this.#newHeld();
      return true;
    }
    if (this.#kept < 0) return false;
    const content = this.#keptBytes > 0 ? this.#context.arena.read(this.#kept, this.#keptBytes) : null;
    if (this.#keptBytes > 0 && content === null) return false;
    this.#upstream = null;
    if (content !== null) this.#hold(content);
    this.#kept = 0;
    this.#keptBytes = 0;
    return true;
  }

  get #mayRepeat(): boolean {
    return this.#repeated < this.#route.retries.attempts;
  }

  /** Its content is kept for a time: it may have to be sent again. */
  get #keepsContent(): boolean {
    return this.#mayRepeat || this.#route.owners.gate !== null;
  }

  /** Sends the request again, to the same owner, if it may be, and is still at hand. */
  #repeat(): boolean {
    if (!this.#mayRepeat || this.#responseBegun) return false;
    if (!this.owner.retryBudget.take() || !this.#takeBack()) return false;
    this.#repeated++;
    this.#route.counters.retries++;
    this.owner.counters.retries++;
    const waitMs = retryWaitMs(this.#repeated, this.#context.random);
    if (waitMs === 0) this.proceed();
    else this.waitIn(new RetryWait(this, waitMs));
    return true;
  }

  // ---- waiting for a key to be handed over -------------------------------------------------------------------------

  get clientGroup(): string {
    return clientGroup(this.#client);
  }

  get clientConnection(): object {
    return this.#downstream.connection;
  }

  /** Bytes of its content that wait with it. */
  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** Makes it one for who owns its key among these. @returns false where nobody does: it was refused */
  findOwnerIn(owners: ClusterOwners): boolean {
    const owner = owners.find(this.#key);
    if (owner === null) {
      this.refuse(localReply.noOwner(owners.name));
      return false;
    }
    this.owner = owner;
    const { versionField } = owners;
    const at = this.request.findIndex(({ name }) => name === versionField?.name);
    if (versionField !== null && at >= 0) this.request[at] = versionField;
    return true;
  }

  /** Has its content kept whole from now on, none of which has been sent yet. */
  keepContent(): void {
    this.#sent?.clear();
    this.#sent = this.#newHeld();
  }

  #newHeld(): HeldContent {
    return new HeldContent(this.#context.http2.buffers.backlog);
  }

  /** Has content wait that was at hand elsewhere. */
  #hold(content: Uint8Array): void {
    this.#held = this.#newHeld();
    this.#held.append(content, 0, content.length);
  }

  /** The shard has lost the key by a version that is not known here yet: the request waits for it. */
  #waitForVersion(block: HeaderBlock): boolean {
    const { gate } = this.#route.owners;
    const version = staleVersion(block);
    if (gate === null || version === 0) return false;
    if ((this.#responseBegun && !this.#isReplaying) || !this.#takeBack()) return false;
    if (this.#repeated >= MOST_STALE) {
      this.refuse(localReply.heldTooLong(this.owner.cluster, 0));
      return true;
    }
    this.#repeated++;
    this.#context.counters.stale++;
    this.#route.counters.retries++;
    this.owner.counters.retries++;
    gate.onStale(this, version);
    return true;
  }

  // ---- leaving ---------------------------------------------------------------------------------------------------

  get isOpen(): boolean {
    return !this.#finished;
  }

  /** Its answer has begun. */
  get isBeingAnswered(): boolean {
    return this.#responseBegun;
  }

  /** Its owner has it, or gets the rest of it after having answered. */
  get isSent(): boolean {
    const upstream = this.#upstream;
    return upstream !== null && !upstream.closed;
  }

  /** Has its owner get no more of a request that has been answered. */
  stopSending(): void {
    if (this.#finished) this.#abandonUpstream(ErrorCode.Cancel);
  }

  get keyText(): string {
    return typeof this.#key === 'string' ? this.#key : this.#key.text;
  }

  /** Its route calls it a watch; or it is a WebSocket, which stays open by its nature. */
  get isWatch(): boolean {
    const path = this.request.find(({ name }) => name.kind === NameKind.Path);
    return this.isWebSocket || (path !== undefined && this.#route.isWatch(path.text));
  }

  /** How it leaves: as its route has it, where that can be done. */
  get wayToLeave(): MoveWay {
    const { how } = this.#route.onMove;
    return how !== 'replay' || this.#mayReplay ? how : 'goaway';
  }

  /** Its one request is at hand, and its answer consists of messages, between which it can be cut. */
  get #mayReplay(): boolean {
    const isWhole = this.#requestEnded && this.#requestTrailers === null;
    return isWhole && this.#responseBegun && this.#envelopes === 'binary' && this.#replay?.isPossible === true;
  }

  /** It was told to leave, and has a message under way. */
  get isLeaving(): boolean {
    return !this.#finished && this.#leavesWith !== null;
  }

  ageMs(nowMs: number): number {
    return (this.#unitsSince(nowMs) * LATENCY_UNIT_US) / 1000;
  }

  #unitsSince(nowMs: number): number {
    return (latencyUnits(nowMs) - this.#startedUnits) | 0;
  }

  /** Whether its owner is another one among these. */
  hasMovedIn(owners: ClusterOwners): boolean {
    return !owners.isOwner(this.owner, this.#key);
  }

  /**
   * Has its client make another connection. Over HTTP/1.1 its connection stays: the next request there finds its own owner, and one that
   * is on its way when the connection ends would be lost.
   */
  shutDownConnection(reason: string): void {
    const { connection } = this.#downstream;
    if (connection.resetsStreams) connection.shutdown(reason);
  }

  /** Whether its answer comes on this connection. */
  isOn(connection: StreamConnection): boolean {
    return this.#upstream?.connection === connection;
  }

  /** Ends in the way of its client's protocol, or is made anew at its new owner, as soon as no message is under way. */
  leave(how: MoveWay, reason: string, retryAfterMs: number): void {
    const { message = reason, status } = this.#route.onMove;
    this.#leavesWith = how === 'replay' ? 'replay' : localReply.moved(message, status, retryAfterMs);
    if (this.#messages === null) this.#leaveNow(this.#leavesWith);
  }

  #leaveNow(how: LocalReply | 'replay'): void {
    if (how !== 'replay') this.refuse(how);
    else this.#replayNow(0);
  }

  /**
   * Lets go of the old owner, and asks the new one, as soon as that may serve.
   * @param version by which the old owner has ended the watch; 0: it has not
   */
  #replayNow(version: number): void {
    const upstream = this.#upstream;
    const again = this.#replay?.request(this.request) ?? null;
    if (again === null) {
      const { message = 'the key has moved', status } = this.#route.onMove;
      this.refuse(localReply.moved(message, status, 0));
      return;
    }
    if (upstream !== null) upstream.connection.letGo(upstream);
    this.#context.counters.drained.replay++;
    this.#leavesWith = null;
    this.#upstream = null;
    this.#isReplaying = true;
    this.request = again.fields;
    this.#hold(again.content);
    const { gate } = this.#route.owners;
    if (gate !== null && version > 0) gate.onStale(this, version);
    else this.proceed();
  }

  /** The client has its headers already. @returns whether nothing is left to be done */
  #onReplayHeaders(
    upstream: Stream,
    head: MessageHead,
    block: HeaderBlock,
    status: number,
    endStream: boolean,
  ): boolean {
    if (status === 1) return true;
    this.#isReplaying = false;
    this.#replay?.onHead((name) => block.get(name));
    if (status === 2 && !endStream) {
      upstream.connection.grant(upstream, this.#downstream.sendWindow - this.#downstream.queuedBytes);
      return true;
    }
    if (!endStream) upstream.connection.reset(upstream, ErrorCode.Cancel);
    // A gRPC answer that is over at once has its status where others have headers.
    if (endStream && head.grpcStatus !== null) {
      block.removeWhere(({ name }) => name.kind === NameKind.Status);
      this.onTrailers(upstream, head, block);
    } else this.refuse(localReply.upstreamFault(this.owner.label));
    return true;
  }

  /** It was told to leave, and a message has not come to its end. */
  giveUp(): void {
    if (this.#finished) return;
    this.#abandonUpstream(ErrorCode.Cancel);
    // gRPC's clients take this code, and no other, for UNAVAILABLE; the answer has begun, so that none repeats the call.
    this.#passReset(ErrorCode.RefusedStream);
  }

  // ---- the end ---------------------------------------------------------------------------------------------------

  #finish(grpcStatus: Field | null): void {
    this.#finished = true;
    this.#settle();
    const { owner } = this;
    const { counters } = this.#route;
    if (owner.health !== null) owner.onOutcome(this.#troubled || isTrouble(200, grpcStatus));
    const units = this.#unitsSince(this.#context.http2.turn.nowMs);
    const bucket = latencyBucket(units);
    counters.observeLatency(bucket, units);
    owner.counters.observeLatency(bucket, units);
    if (grpcStatus !== null) {
      this.#grpcStatus = grpcStatus.integer;
      counters.countGrpcStatus(grpcStatus.integer);
      owner.counters.countGrpcStatus(grpcStatus.integer);
    }
    this.#record('');
  }

  /** Tells those who want to know of each request what it came to. */
  #record(refusal: string): void {
    const { accessLog, tracing } = this.#context;
    const logged = accessLog?.pick() ?? false;
    if (!logged && this.#span === null) return;
    const { ageMs, ...facts } = this.describe();
    const entry = { ...requestFacts(this.request), ...facts, refusal, durationMs: ageMs };
    if (logged) accessLog?.write(entry);
    if (this.#span !== null) tracing?.end(this.#span, entry);
  }

  /** What is to be seen of it from outside. */
  describe(): OpenStream {
    return {
      client: this.#client,
      version: this.#downstream.connection.resetsStreams ? '2' : '1.1',
      protocol: this.#protocol,
      route: this.#route.name,
      cluster: this.owner.cluster,
      shard: this.owner.id,
      key: this.#route.hidesKeys ? hiddenKey(this.keyText) : this.keyText,
      status: this.#status,
      grpcStatus: this.#grpcStatus,
      ageMs: this.ageMs(this.#context.http2.turn.nowMs),
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      retries: this.#repeated,
    };
  }

  /** It is over: nothing more is awaited, and nothing kept to be sent. */
  #settle(): void {
    if (this.deadlineTick >= 0) this.#context.deadlines.remove(this);
    this.#held?.clear();
    this.#held = null;
    this.#sent?.clear();
    this.#sent = null;
    this.#replay?.forget();
  }

  #abandonUpstream(code: number): void {
    const upstream = this.#upstream;
    this.#upstream = null;
    if (upstream === null) this.#stopWaiting();
    // Of those that leave because their keys have moved there may be thousands at once.
    else if (this.#leavesWith !== null) upstream.connection.letGo(upstream);
    else upstream.connection.reset(upstream, code);
  }

  /** Ends the client's stream where it still sends a request that nobody reads, but not before our answer is out. */
  #resetOnceSent(): void {
    const downstream = this.#downstream;
    if (downstream.closed) return;
    this.#resetWhenSent = downstream.queue !== null;
    if (!this.#resetWhenSent && downstream.localEnded) downstream.connection.reset(downstream, ErrorCode.NoError);
  }

  get #protocol(): ClientProtocol {
    return this.#needs?.grpcWeb?.protocol ?? clientProtocolOf(this.request);
  }
}

/** What a shard answers with that has lost a key: the version by which it has. */
const STALE_HEADER = 'x-keyway-stale';
/** The version by which a shard has lost a key; 0: it does not say so. */
function staleVersion(block: HeaderBlock): number {
  const version = Number(block.get(STALE_HEADER));
  return Number.isInteger(version) && version > 0 ? version : 0;
}

/** A longer request to a key that is being handed over may fail, if its shard does not hear that the change goes back. */
const LONGEST_KEPT_BYTES = 1024 * 1024;
/** So often a request is sent anew because its router was behind: for ten seconds, as often as the gate tries. */
const MOST_STALE = 20;

/** Whether a shard may be telling that the router is behind: 421 (RFC 9110, 15.5.20), or a gRPC status and nothing else. */
function mayBeStale(status: number, endStream: boolean, grpcStatus: Field | null): boolean {
  return status === 421 || (endStream && grpcStatus !== null && grpcStatus.integer !== 0);
}

/** Whether an answer says that the shard could not serve, and nothing more. */
function isTrouble(status: number, grpcStatus: Field | null): boolean {
  return status === 502 || status === 503 || status === 504 || grpcStatus?.integer === GrpcStatus.Unavailable;
}
