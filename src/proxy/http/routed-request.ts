import {
  ErrorCode,
  type Field,
  HeaderBlock,
  type MessageHead,
  type RequestConnection,
  type ResetCause,
  type Stream,
  type StreamHandler,
} from '../../http/index.ts';
import type { MoveWay } from '../core/drain/leaving-request.ts';
import type { Owners } from '../core/gate/owners.ts';
import type { OpenRequest } from '../core/open-request.ts';
import type { Refusal } from '../core/refusal.ts';
import { RetryWait, retryWaitMs } from '../core/retries.ts';
import type { WaitingPlace } from '../core/waiting-place.ts';
import type { Admission } from './admission.ts';
import { staleVersion } from './answer-meaning.ts';
import { type LocalReply, localReply } from './local-reply.ts';
import { RequestRecord } from './observe/request-record.ts';
import type { HttpRequest } from './pools/http-pool.ts';
import { speakHttp } from './pools/protocols.ts';
import type { Departure } from './replay/departure.ts';
import { RequestContent } from './replay/request-content.ts';
import type { RouterContext } from './router-context.ts';
import type { TimeLimit } from './time-limit.ts';
import { versionFieldOf } from './version-field.ts';

/** How far a request has come, in this order. */
export const Phase = {
  /** Its answer has not begun. */
  Asking: 0,
  /** Its call was made again, and that answer has not begun: the client already has its headers. */
  Replaying: 1,
  Answering: 2,
  /** Its answer is complete, or was given up: nothing more goes to the client. */
  Over: 3,
  /** The same, and the client's stream will be reset once its queued output has gone. */
  ResetsOnceSent: 4,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** A request is sent again so often because its router was behind: for ten seconds, as often as the gate tries. */
const MOST_STALE = 20;

/** In place of where the arena has a request's content. */
const NOT_KEPT = -1;

const scratch = new HeaderBlock();

/**
 * A request on its way to its owner: it waits until it may be sent, is sent, and is sent again if its owner has not processed
 * it. What comes back is for `Exchange`, which extends this, so that a request is one object.
 *
 * Fields are only declared here, and set by the constructor: with an initialiser at each level, or the mark that a class of
 * private methods leaves on its objects, a request takes twice as long to make.
 */
export abstract class RoutedRequest extends RequestRecord implements StreamHandler, HttpRequest, OpenRequest {
  protected declare phase: Phase;
  /** The stream to the owner; null as long as the request is not sent. */
  protected declare upstream: Stream | null;
  /** The client's END_STREAM has come. */
  protected declare requestEnded: boolean;
  /** Where something limits the request's time; null for most. */
  protected declare limit: TimeLimit | null;
  /** Null for most. */
  protected declare departure: Departure | null;
  private declare trailers: readonly Field[] | null;
  /** Where the request waits to be sent; null where it does not. */
  private declare waitsIn: WaitingPlace<RoutedRequest> | null;
  /** Where the arena has the content that was sent; NOT_KEPT where it has not. */
  private declare keptAt: number;
  /** Content that waits to be sent, or is kept whole; null for most. */
  private declare content: RequestContent | null;

  constructor(
    context: RouterContext,
    downstream: Stream,
    admission: Admission,
    request: Field[],
    isWebSocket: boolean,
    endStream: boolean,
  ) {
    super(context, downstream, admission, request, isWebSocket);
    this.requestEnded = endStream;
    this.phase = Phase.Asking;
    this.upstream = null;
    this.limit = null;
    this.departure = null;
    this.trailers = null;
    this.waitsIn = null;
    this.keptAt = 0;
    this.content = null;
  }

  abstract onHeaders(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  abstract onTrailers(stream: Stream, head: MessageHead, block: HeaderBlock): void;
  abstract onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  abstract onReset(stream: Stream, code: number, cause: ResetCause): void;
  abstract onCredit(stream: Stream): void;

  abstract refuse(refusal: Refusal): void;
  /** Answers it on the router's own account. */
  abstract answer(reply: LocalReply): void;
  abstract get isLeaving(): boolean;
  abstract get wayToLeave(): MoveWay;
  abstract shutDownConnection(reason: string): void;
  abstract leave(how: MoveWay, reason: string, retryAfterMs: number): void;
  abstract giveUp(): void;

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

  /** Sends the request for the first time, or has it wait. @param block its header section, as it was received */
  begin(block: HeaderBlock): void {
    const { gate } = this.route.owners;
    if (gate === null || gate.admits(this)) this.dispatch(block);
  }

  /**
   * The request's wait is over: sends it to the shard that owns its key now, or has it wait on, or refuses it. Every
   * sending but the first begins here.
   */
  proceed(): void {
    this.stopWaiting();
    const { gate } = this.route.owners;
    if (gate === null || gate.readmits(this)) this.dispatch(null);
  }

  private dispatch(block: HeaderBlock | null): void {
    const { owner } = this;
    if (owner.clears(this)) owner.pool.dispatch(this, block);
  }

  /** Has the request wait in a place, and in no other. */
  waitIn(place: WaitingPlace<RoutedRequest>): void {
    if (this.waitsIn !== place) this.stopWaiting();
    this.waitsIn = place;
  }

  private stopWaiting(): void {
    const place = this.waitsIn;
    this.waitsIn = null;
    place?.forget(this);
  }

  isIn(place: WaitingPlace<RoutedRequest>): boolean {
    return this.waitsIn === place;
  }

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

  private hold(bytes: Uint8Array, start: number, end: number): void {
    if (this.heldContent().hold(bytes, start, end)) this.route.owners.gate?.onContent(this, end - start);
    else this.answer(localReply.overloaded(this.owner.label));
  }

  private heldContent(): RequestContent {
    this.content ??= new RequestContent(this.context.buffers.backlog);
    return this.content;
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

  // ---- keeping what was sent, and sending it again -------------------------------------------------------------------

  private get mayRepeat(): boolean {
    return this.repeated < this.route.retries.attempts;
  }

  /** Keeps content for a time, in case it has to be sent again. @param before bytes that were sent before it */
  private keep(bytes: Uint8Array, start: number, end: number, before: number): void {
    const content = this.content;
    if (content?.keepsWhole === true) {
      if (!content.keep(bytes, start, end)) this.keptAt = NOT_KEPT;
    } else if (this.keptAt !== NOT_KEPT) {
      const keeps = this.mayRepeat || this.route.owners.gate !== null || this.owner.isWaitedFor;
      this.keptAt = keeps ? this.context.arena.append(this.keptAt, before, bytes, start, end) : NOT_KEPT;
    }
  }

  /** Makes the request one that has not been sent. @returns false where its content is not at hand any more */
  private takeBack(): boolean {
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

  /** Sends the request again, to the same owner, if it may be, and is still at hand. */
  protected repeat(): boolean {
    if (!this.mayRepeat || this.isBeingAnswered) return false;
    if (!this.owner.retryBudget.take() || !this.takeBack()) return false;
    this.countRepetition();
    const waitMs = retryWaitMs(this.repeated, this.context.random);
    if (waitMs === 0) this.proceed();
    else this.waitIn(new RetryWait(this, waitMs));
    return true;
  }

  /** The request has not reached the owner: it may wait for it with the others, if it is still at hand. */
  protected waitForOwner(reason: string): boolean {
    if (this.isBeingAnswered || !this.takeBack()) return false;
    this.owner.unavailable(this, 'unreachable', reason);
    return true;
  }

  /** The shard has lost the key by a version that is not known here yet: the request waits for it. */
  protected waitForVersion(block: HeaderBlock): boolean {
    const { gate } = this.route.owners;
    const version = staleVersion(block);
    if (gate === null || version === 0) return false;
    if (this.phase === Phase.Answering || !this.takeBack()) return false;
    if (this.repeated >= MOST_STALE) {
      this.refuse({ kind: 'held_too_long', cluster: this.owner.cluster, retryAfterMs: 0 });
      return true;
    }
    this.context.counters.stale++;
    this.countRepetition();
    gate.onStale(this, version);
    return true;
  }

  /** Makes the call again with this header section and content: at once, or once a version is known. @param version 0: at once */
  protected sendAnew(fields: Field[], content: Uint8Array, version: number): void {
    this.upstream = null;
    this.phase = Phase.Replaying;
    this.request = fields;
    this.heldContent().replace(content);
    const { gate } = this.route.owners;
    if (gate !== null && version > 0) gate.onStale(this, version);
    else this.proceed();
  }

  // ---- its key is handed over, or its owner is -------------------------------------------------------------------------

  get heldBytes(): number {
    return this.content?.unsentBytes ?? 0;
  }

  keepContent(): void {
    this.heldContent().keepWhole();
  }

  findOwnerIn(owners: Owners): boolean {
    const owner = speakHttp(owners) ? owners.find(this.key) : null;
    if (owner === null) {
      this.refuse({ kind: 'no_owner', cluster: owners.name });
      return false;
    }
    this.owner = owner;
    const versionField = versionFieldOf(owners);
    const at = this.request.findIndex(({ name }) => name === versionField?.name);
    if (versionField !== null && at >= 0) this.request[at] = versionField;
    return true;
  }

  hasMovedIn(owners: Owners): boolean {
    return !owners.isOwner(this.owner, this.key);
  }

  stopSending(): void {
    if (!this.isOpen) this.abandonUpstream(ErrorCode.Cancel);
  }

  // ---- the end ---------------------------------------------------------------------------------------------------------

  /** It is over: nothing more is awaited, and nothing kept to be sent. */
  protected settle(): void {
    this.limit?.stop();
    this.content?.clear();
    this.departure?.replay?.forget();
  }

  /** The owner's answer is not waited for any more. */
  protected abandonUpstream(code: number): void {
    const { upstream } = this;
    this.upstream = null;
    if (upstream === null) this.stopWaiting();
    // Of those that leave because their keys have moved there may be thousands at once.
    else if (this.departure !== null && this.departure.leavesWith !== null) upstream.connection.letGo(upstream);
    else upstream.connection.reset(upstream, code);
  }
}
