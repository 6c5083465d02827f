import {
  type Field,
  HeaderBlock,
  type MessageHead,
  type RequestConnection,
  type ResetCause,
  type Stream,
  type StreamHandler,
} from '../../../http/index.ts';
import { ContentPace } from '../../core/content-pace.ts';
import { RequestRecord } from '../observe/request-record.ts';
import type { Departure } from '../replay/departure.ts';
import { RequestContent } from '../replay/request-content.ts';
import { type LocalReply, localReply } from '../replies/local-reply.ts';
import { Phase } from './phase.ts';
import type { TimeLimit } from './time-limit.ts';

/** In place of where the arena has a request's content. */
const NOT_KEPT = -1;

const scratch = new HeaderBlock();

/**
 * A request with its content and trailers: they go out to the owner as they come, wait as long as there is no stream to it, and are kept in
 * case the request has to be sent again. Which owner that is, and when, is for `RoutedRequest`, which extends this.
 *
 * Fields are only declared here, and set by the constructor of `Exchange`: a constructor at each level, an initialiser, or the
 * mark that a class of private methods leaves on its objects would each make a request a third dearer to begin.
 */
export abstract class ForwardedRequest extends RequestRecord implements StreamHandler {
  protected declare phase: Phase;
  /** The stream to the owner; null as long as the request is not sent. */
  protected declare upstream: Stream | null;
  /** The client's END_STREAM has come. */
  protected declare requestEnded: boolean;
  /** Where something limits the request's time; null for most. */
  protected declare limit: TimeLimit | null;
  /** Null for most. */
  protected declare departure: Departure | null;
  protected declare trailers: readonly Field[] | null;
  /** Where the arena has the content that was sent; NOT_KEPT where it has not. */
  protected declare keptAt: number;
  /** Content that waits to be sent, or is kept whole; null for most. */
  protected declare content: RequestContent | null;
  /** How fast its content comes, as long as it goes on; few requests live to be looked at. */
  protected declare pace: ContentPace | null;

  abstract onHeaders(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  abstract onTrailers(stream: Stream, head: MessageHead, block: HeaderBlock): void;
  abstract onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  abstract onReset(stream: Stream, code: number, cause: ResetCause): void;
  abstract onCredit(stream: Stream): void;
  /** Answers it on the router's own account. */
  abstract answer(reply: LocalReply): void;
  /** More of its content waits, because there is no stream to the owner. */
  protected abstract onWaitingContent(bytes: number): void;

  get isOpen(): boolean {
    return this.phase < Phase.Over;
  }

  /** Its answer has begun. */
  get isBeingAnswered(): boolean {
    return this.phase !== Phase.Asking;
  }

  /** Its owner has it, or gets the rest of it after having answered. */
  get isSent(): boolean {
    const { upstream } = this;
    return upstream !== null && !upstream.closed;
  }

  /** Whether its answer comes on this connection. */
  isOn(connection: object): boolean {
    return this.upstream?.connection === connection;
  }

  // ---- sending -------------------------------------------------------------------------------------------------------

  /** Opens the stream to the owner and sends what is there of the request. */
  send(connection: RequestConnection): void {
    scratch.set(this.request);
    const content = this.content;
    const trailers = this.trailers;
    const waits = content !== null && content.unsentBytes > 0;
    const ends = this.requestEnded && trailers === null;
    const upstream = connection.request(scratch, ends && !waits, this);
    this.upstream = upstream;
    let sent = 0;
    content?.send((bytes, start, end, isLast) => {
      this.keep(bytes, start, end, sent);
      sent += end - start;
      upstream.connection.sendData(upstream, bytes, start, end, ends && isLast);
    });
    if (trailers !== null) {
      scratch.set(trailers);
      upstream.connection.sendTrailers(upstream, scratch);
    }
    if (waits) this.grantDownstream();
  }

  /** The first time round the block is at hand: saves filling it again. */
  sendFirst(connection: RequestConnection, block: HeaderBlock): void {
    this.upstream = connection.request(block, this.requestEnded, this);
  }

  /** Content comes from the client. */
  protected onRequestContent(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.limit?.onMove();
    const length = end - start;
    this.countRequestContent(length);
    const { maxRequestBytes } = this.route;
    if (this.requestBytes > maxRequestBytes && !this.isWebSocket) {
      this.answer(localReply.tooLarge(maxRequestBytes));
      return;
    }
    if (endStream) this.requestEnded = true;
    this.departure?.replay?.onRequest(bytes, start, end);
    const { upstream } = this;
    if (upstream === null) {
      if (this.isOpen) this.hold(bytes, start, end);
      // Its content is not wanted any more; its client may send the rest, which is dropped.
      else if (!endStream) this.grantDownstream();
      return;
    }
    if (this.phase === Phase.Asking) this.keep(bytes, start, end, this.requestBytes - length);
    upstream.connection.sendData(upstream, bytes, start, end, endStream);
    if (!endStream) this.grantDownstream();
  }

  /** Called every second or so: ends a request whose content trickles. */
  sweep(nowMs: number): void {
    if (this.requestEnded || !this.isOpen) return;
    const { limits } = this.context;
    this.pace ??= new ContentPace(this.requestBytes, nowMs);
    const isTooSlow = this.pace.isTooSlow(this.requestBytes, nowMs, this.downstream.receiveWindow > 0, limits);
    if (isTooSlow && !this.mayBeSilent) this.answer(localReply.slowContent(limits.requestContentTimeoutMs));
  }

  /** Its content is a stream of messages, which come when there is something to say. */
  private get mayBeSilent(): boolean {
    const { protocol } = this;
    return this.isWebSocket || protocol === 'grpc' || protocol === 'connect-stream' || this.isWatch;
  }

  /** The request ends with trailers. */
  protected onRequestTrailers(block: HeaderBlock): void {
    this.requestEnded = true;
    this.trailers = block.copy();
    const { upstream } = this;
    if (upstream !== null) upstream.connection.sendTrailers(upstream, block);
  }

  /** All of it has come, and it had no trailers. */
  protected get isWholeWithoutTrailers(): boolean {
    return this.requestEnded && this.trailers === null;
  }

  /** Lets the client send as much as the owner takes. */
  protected grantDownstream(): void {
    const { upstream, downstream } = this;
    // Where the content is not wanted any more, the client may send the rest, which is dropped.
    const limit =
      upstream === null || upstream.closed ? Number.POSITIVE_INFINITY : upstream.sendWindow - upstream.queuedBytes;
    downstream.connection.grant(downstream, limit);
  }

  /** Lets the owner send as much as the client takes. */
  protected grantUpstream(upstream: Stream): void {
    const { downstream } = this;
    upstream.connection.grant(upstream, downstream.sendWindow - downstream.queuedBytes);
  }

  // ---- what waits to be sent, and what is kept to be sent again --------------------------------------------------------

  private hold(bytes: Uint8Array, start: number, end: number): void {
    if (this.heldContent().hold(bytes, start, end)) this.onWaitingContent(end - start);
    else this.answer(localReply.overloaded(this.owner.label));
  }

  private heldContent(): RequestContent {
    this.content ??= new RequestContent(this.context.buffers.backlog);
    return this.content;
  }

  get heldBytes(): number {
    return this.content?.unsentBytes ?? 0;
  }

  /** Has its content kept whole from now on, none of which has been sent yet. */
  keepContent(): void {
    this.heldContent().keepWhole();
  }

  protected get mayRepeat(): boolean {
    return this.repeated < this.route.retries.attempts;
  }

  /** Keeps content for a time, in case it has to be sent again. @param before bytes that were sent before it */
  private keep(bytes: Uint8Array, start: number, end: number, before: number): void {
    const content = this.content;
    if (content?.keepsWhole === true) {
      if (!content.keep(bytes, start, end)) this.keptAt = NOT_KEPT;
    } else if (this.keptAt !== NOT_KEPT) {
      const keeps = this.mayRepeat || this.route.owners.gate?.heedsShards === true || this.owner.isWaitedFor;
      this.keptAt = keeps ? this.context.arena.append(this.keptAt, before, bytes, start, end) : NOT_KEPT;
    }
  }

  /** Makes the request one that has not been sent. @returns false where its content is not at hand any more */
  protected takeBack(): boolean {
    if (this.phase === Phase.Replaying) {
      const again = this.departure?.replay?.request(this.request) ?? null;
      this.upstream = null;
      if (again !== null) this.heldContent().replace(again.content);
      return again !== null;
    }
    if (this.content?.keepsWhole === true) this.content.takeBack();
    else if (this.requestBytes > 0) {
      const content = this.keptAt === NOT_KEPT ? null : this.context.arena.read(this.keptAt, this.requestBytes);
      if (content === null) return false;
      this.heldContent().replace(content);
      this.keptAt = 0;
    }
    this.upstream = null;
    return true;
  }

  /** Makes it a call that has not been sent, with this header section and content; its client already has the answer's head. */
  protected replaceBy(fields: Field[], content: Uint8Array): void {
    this.upstream = null;
    this.phase = Phase.Replaying;
    this.request = fields;
    this.heldContent().replace(content);
  }

  /** It is over: nothing more is awaited, and nothing kept to be sent. */
  protected settle(): void {
    this.limit?.stop();
    this.content?.clear();
    this.departure?.replay?.forget();
  }
}
