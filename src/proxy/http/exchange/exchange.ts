import {
  ErrorCode,
  type Field,
  type HeaderBlock,
  type MessageHead,
  NameKind,
  type ResetCause,
  type Stream,
  type StreamConnection,
} from '../../../http/index.ts';
import type { MoveWay } from '../../core/drain/leaving-request.ts';
import { FAILURES, type FailureCause } from '../../core/failure.ts';
import type { Refusal } from '../../core/refusal.ts';
import { cleanTrailers } from '../edge/own-headers.ts';
import { Departure } from '../replay/departure.ts';
import { WatchReplay } from '../replay/watch-replay.ts';
import { ENDINGS, failureCause, reasonOf } from '../replies/failure.ts';
import { endWithReply, type LocalReply, localReply, sendReply } from '../replies/local-reply.ts';
import { replyTo } from '../replies/reply-to.ts';
import type { RouterContext } from '../router-context.ts';
import type { Admission } from './admission.ts';
import { framingOf, unframed } from './answer-framing.ts';
import { isUnavailable, mayBeStale, staleVersion } from './answer-meaning.ts';
import { adaptHead, passContent, passTrailers } from './pass-answer.ts';
import { Phase } from './phase.ts';
import { RoutedRequest } from './routed-request.ts';
import { timeLimitOf } from './time-limit.ts';

/**
 * One request: a stream of the client's, and one of the owner's once there is one. What comes on the one goes out on the
 * other, with credit handed back as far as the receiver has taken it. It is one object in four layers: what is reported
 * about it (`RequestRecord`), its content (`ForwardedRequest`), its way to the owner (`RoutedRequest`), and here what
 * becomes of the answer.
 */
export class Exchange extends RoutedRequest {
  #framing = unframed;

  constructor(
    context: RouterContext,
    downstream: Stream,
    admission: Admission,
    head: MessageHead,
    block: HeaderBlock,
    endStream: boolean,
  ) {
    super(context, downstream, admission, block.copy(), head.protocol !== null);
    this.requestEnded = endStream;
    this.phase = Phase.Asking;
    this.upstream = null;
    this.departure = null;
    this.trailers = null;
    this.keptAt = 0;
    this.content = null;
    this.pace = null;
    this.waitsIn = null;
    const { onMove } = this.route;
    if (onMove.how === 'replay' && this.isWatch)
      this.departure = new Departure(new WatchReplay(onMove.resume, context.buffers.backlog));
    this.limit = timeLimitOf(this, context, this.route, head.grpcTimeout);
  }

  // ---- what comes of the client ----------------------------------------------------------------------------------------

  onTrailers(stream: Stream, head: MessageHead, block: HeaderBlock): void {
    if (stream === this.downstream) {
      const { key } = this.route;
      cleanTrailers(block, key.kind === 'header' ? key.header : null);
      this.onRequestTrailers(block);
    } else if (this.isOpen) this.#onResponseTrailers(head, block);
  }

  onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream === this.downstream) {
      const translated = this.needs?.grpcWeb?.requestContent(bytes, start, end, endStream);
      if (translated === undefined) this.onRequestContent(bytes, start, end, endStream);
      else if (translated === null) this.answer(localReply.badRequest('content that is not valid base64'));
      else this.onRequestContent(translated, 0, translated.length, endStream);
    } else if (this.isOpen) this.#onResponseData(stream, bytes, start, end, endStream);
  }

  onCredit(stream: Stream): void {
    const { upstream } = this;
    if (stream !== this.downstream) this.grantDownstream();
    else if (this.phase === Phase.ResetsOnceSent) this.#resetOnceSent();
    else if (upstream !== null) this.grantUpstream(upstream);
  }

  onReset(stream: Stream, code: number, cause: ResetCause): void {
    if (stream === this.downstream) this.#onClientGone();
    else this.#onUpstreamReset(stream.connection, code, cause);
  }

  #onClientGone(): void {
    this.settle();
    if (this.isOpen) {
      this.route.counters.cancelled++;
      this.record('');
    }
    this.phase = Phase.Over;
    this.abandonUpstream(ErrorCode.Cancel);
  }

  // ---- the owner's answer ----------------------------------------------------------------------------------------------

  onHeaders(upstream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void {
    if (!this.isOpen) return;
    const code = (head.status as Field).integer;
    const status = Math.trunc(code / 100);
    this.limit?.onMove();
    const repeats =
      (this.route.retries.idempotent && isUnavailable(code, head.grpcStatus) && this.repeat()) ||
      (mayBeStale(code, endStream, head.grpcStatus) && this.waitForVersion(block));
    if (repeats) {
      upstream.connection.reset(upstream, ErrorCode.Cancel);
      return;
    }
    if (this.isWebSocket) {
      if (status === 2 && !upstream.connection.tunnels && !this.#passAsAnswer()) return;
      // The route's time is for the handshake.
      this.limit?.liftDeadline();
    }
    if (this.phase === Phase.Replaying && this.#onReplayHeaders(upstream, head, block, status, endStream)) return;
    if (status !== 1) {
      this.departure?.replay?.onHead((name) => block.get(name));
      this.phase = Phase.Answering;
      this.#framing = framingOf(head, !endStream, this.isWebSocket && status === 2 && upstream.connection.tunnels);
      this.countAnswer(code);
    }
    if (endStream) this.#finish(head.grpcStatus);
    if (status !== 1) {
      this.route.responseHeaders?.apply(block);
      if (this.needs !== null) adaptHead(this.needs, block);
    }
    this.downstream.connection.sendHeaders(this.downstream, block, endStream);
  }

  /**
   * The shard has no WebSocket and answers the GET as it is (RFC 9110, 7.8).
   * @returns false where its client cannot receive such an answer
   */
  #passAsAnswer(): boolean {
    const { downstream, owner } = this;
    if (downstream.connection.declineTunnel(downstream)) return true;
    owner.onFailure('not_switched', '');
    this.refuse({ kind: 'failure', failure: 'not_switched', shard: owner.label, reason: '' });
    return false;
  }

  #onResponseTrailers(head: MessageHead, block: HeaderBlock): void {
    const version = this.#mayReplay ? staleVersion(block) : 0;
    if (version > 0) {
      this.#replayNow(version);
      return;
    }
    this.#finish(head.grpcStatus);
    passTrailers(this.downstream, this.needs, block);
  }

  #onResponseData(upstream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.countResponseContent(end - start);
    this.limit?.onMove();
    const { departure } = this;
    const boundary = this.#framing.envelopes === 'none' ? -1 : this.#follow(bytes, start, end);
    if (departure !== null) {
      const { leavesWith, replay } = departure;
      if (leavesWith !== null && boundary >= 0) {
        replay?.onResponse(bytes, start, boundary);
        passContent(this.downstream, this.needs, bytes, start, boundary, false);
        // What has begun behind it is not passed on.
        this.#framing = this.#framing.between;
        this.#leaveNow(leavesWith);
        return;
      }
      replay?.onResponse(bytes, start, end);
    }
    if (endStream) this.#finish(null);
    passContent(this.downstream, this.needs, bytes, start, end, endStream);
    if (!endStream) this.grantUpstream(upstream);
  }

  /** Follows the answer's messages. @returns where one of ours may stand between two of them; -1 where it may not */
  #follow(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#isAskedToLeave && this.#framing.isWhole(bytes, start, end)) return end;
    const framing = this.#framing.following();
    const boundary = framing.follow(bytes, start, end);
    this.#framing = framing.after();
    return boundary;
  }

  // ---- what goes wrong -------------------------------------------------------------------------------------------------

  #onUpstreamReset(connection: StreamConnection, code: number, cause: ResetCause): void {
    if (!this.isOpen) {
      // The answer is complete; the owner does not want the rest of the request (RFC 9113, 8.1).
      this.#resetOnceSent();
      return;
    }
    const failed = failureCause(connection, code, cause);
    const { repeats } = FAILURES[failed];
    const reason = reasonOf(connection, failed);
    if (failed === 'unreachable' && this.waitForOwner(reason)) return;
    this.owner.onFailure(failed, reason);
    const mayRepeat = repeats === 'always' || (repeats === 'idempotent' && this.route.retries.idempotent);
    if (!mayRepeat || !this.repeat()) this.#fail(failed, reason, code);
  }

  /** Ends the exchange in the way that follows from the cause. @param code of the reset that it goes back to */
  #fail(cause: FailureCause, reason: string, code: number): void {
    const { before, midway } = ENDINGS[cause];
    const hasBegun = this.isBeingAnswered;
    const canReset = hasBegun || this.downstream.connection.resetsStreams;
    if (canReset && (hasBegun ? midway : before) === 'reset')
      this.#passReset(cause === 'declined' || cause === 'gave_up' ? code : ErrorCode.InternalError);
    else this.refuse({ kind: 'failure', failure: cause, shard: this.owner.label, reason });
  }

  // ---- leaving ---------------------------------------------------------------------------------------------------------

  get wayToLeave(): MoveWay {
    const { how } = this.route.onMove;
    return how !== 'replay' || this.#mayReplay ? how : 'goaway';
  }

  /** Its one request is at hand, and its answer consists of messages, between which it can be cut. */
  get #mayReplay(): boolean {
    const isFramed = this.isBeingAnswered && this.#framing.envelopes === 'binary';
    return isFramed && this.isWholeWithoutTrailers && this.departure?.replay?.isPossible === true;
  }

  get #isAskedToLeave(): boolean {
    return this.departure !== null && this.departure.leavesWith !== null;
  }

  get isLeaving(): boolean {
    return this.isOpen && this.#isAskedToLeave;
  }

  /**
   * Has its client make another connection. Over HTTP/1.1 its connection stays: the next request there finds its own owner, and one that
   * is on its way when the connection ends would be lost.
   */
  shutDownConnection(reason: string): void {
    const { connection } = this.downstream;
    if (connection.resetsStreams) connection.shutdown(reason);
  }

  leave(how: MoveWay, reason: string, retryAfterMs: number, lostBy = 0): void {
    const { message = reason, status } = this.route.onMove;
    this.departure ??= new Departure(null);
    const leavesWith = how === 'replay' ? 'replay' : localReply.moved(message, status, retryAfterMs, lostBy);
    this.departure.leavesWith = leavesWith;
    if (this.#framing.tracker === null) this.#leaveNow(leavesWith);
  }

  #leaveNow(how: LocalReply | 'replay'): void {
    if (how !== 'replay') this.answer(how);
    else this.#replayNow(0);
  }

  /**
   * Lets go of the old owner, and asks the new one, as soon as that may serve.
   * @param version by which the old owner has ended the watch; 0: it has not
   */
  #replayNow(version: number): void {
    const { upstream, departure } = this;
    const again = departure?.replay?.request(this.request) ?? null;
    if (departure === null || again === null) {
      const { message = 'the key has moved', status } = this.route.onMove;
      this.answer(localReply.moved(message, status, 0));
      return;
    }
    if (upstream !== null) upstream.connection.letGo(upstream);
    this.context.counters.drained.replay++;
    departure.leavesWith = null;
    this.resend(again.fields, again.content, version);
  }

  /** The client has its headers already. @returns whether nothing is left to do */
  #onReplayHeaders(
    upstream: Stream,
    head: MessageHead,
    block: HeaderBlock,
    status: number,
    endStream: boolean,
  ): boolean {
    if (status === 1) return true;
    this.phase = Phase.Answering;
    this.departure?.replay?.onHead((name) => block.get(name));
    if (status === 2 && !endStream) {
      this.grantUpstream(upstream);
      return true;
    }
    if (!endStream) upstream.connection.reset(upstream, ErrorCode.Cancel);
    // A gRPC answer that is over at once has its status where others have headers.
    if (endStream && head.grpcStatus !== null) {
      block.removeWhere(({ name }) => name.kind === NameKind.Status);
      this.#onResponseTrailers(head, block);
    } else this.answer(localReply.upstreamFault(this.owner.label));
    return true;
  }

  giveUp(): void {
    if (!this.isOpen) return;
    this.abandonUpstream(ErrorCode.Cancel);
    // gRPC's clients take this code, and no other, for UNAVAILABLE; the answer has begun, so that none repeats the call.
    this.#passReset(ErrorCode.RefusedStream);
  }

  // ---- the end ---------------------------------------------------------------------------------------------------------

  #finish(grpcStatus: Field | null): void {
    this.phase = Phase.Over;
    this.settle();
    this.countEnd(grpcStatus);
    this.record('');
  }

  refuse(refusal: Refusal): void {
    this.answer(replyTo(refusal));
  }

  answer(reply: LocalReply): void {
    if (!this.isOpen) return;
    const hasBegun = this.isBeingAnswered;
    this.phase = Phase.Over;
    this.settle();
    this.context.counters.countRefusal(reply.refusal);
    this.abandonUpstream(ErrorCode.Cancel);
    this.noteReply(hasBegun ? null : reply.httpStatus, reply.grpcStatus);
    this.record(reply.refusal);
    const { downstream, protocol } = this;
    const { counters } = this.route;
    if (downstream.closed) return;
    if (!hasBegun) sendReply(counters, downstream, protocol, reply, this.needs?.cors ?? []);
    else {
      const mayEnd = reply.refusal === 'moved' && !this.#framing.lengthIsKnown && !this.isWebSocket;
      const spoken = this.#framing.envelopes === 'websocket' ? 'websocket' : protocol;
      endWithReply(counters, downstream, spoken, reply, this.#framing.isBetweenMessages, mayEnd);
    }
    this.#resetOnceSent();
  }

  #passReset(code: number): void {
    this.phase = Phase.Over;
    this.record('');
    this.settle();
    this.downstream.connection.reset(this.downstream, code);
  }

  /** Ends the client's stream where it still sends a request that is not read any more, but after our answer is out. */
  #resetOnceSent(): void {
    const { downstream } = this;
    if (downstream.closed) return;
    const isSent = downstream.queue === null;
    this.phase = isSent ? Phase.Over : Phase.ResetsOnceSent;
    if (isSent && downstream.localEnded) downstream.connection.reset(downstream, ErrorCode.NoError);
  }
}
