import { ErrorCode, type Field, type HeaderBlock } from '../../../http/index.ts';
import type { MoveWay } from '../../core/drain/leaving-request.ts';
import type { Owners } from '../../core/gate/owners.ts';
import type { OpenRequest } from '../../core/open-request.ts';
import type { Key } from '../../core/owner/key.ts';
import type { Refusal } from '../../core/refusal.ts';
import { RetryWait, retryWaitMs } from '../../core/retries.ts';
import type { WaitingPlace } from '../../core/waiting-place.ts';
import type { HttpRequest } from '../pools/http-pool.ts';
import { speakHttp } from '../pools/protocols.ts';
import { localReply } from '../replies/local-reply.ts';
import { versionFieldOf } from '../routes/version-field.ts';
import { staleVersion } from './answer-meaning.ts';
import { ForwardedRequest } from './forwarded-request.ts';
import { Phase } from './phase.ts';

/** A request is sent again so often because its router was behind: for ten seconds, as often as the gate tries. */
const MAX_STALE_RETRIES = 20;

/**
 * A request on its way to its owner: it waits until it may be sent, is sent, and is sent again if its owner has not processed
 * it. What comes back is for `Exchange`, which extends this, so that a request is one object.
 */
export abstract class RoutedRequest extends ForwardedRequest implements HttpRequest, OpenRequest {
  /** Where the request waits to be sent; null where it does not. */
  protected declare waitsIn: WaitingPlace<RoutedRequest> | null;

  abstract refuse(refusal: Refusal): void;
  abstract get isLeaving(): boolean;
  abstract get wayToLeave(): MoveWay;
  abstract shutDownConnection(reason: string): void;
  abstract leave(how: MoveWay, reason: string, retryAfterMs: number, lostBy?: number): void;
  abstract giveUp(): void;

  // ---- waiting, and going out ------------------------------------------------------------------------------------------

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

  protected override onWaitingContent(bytes: number): void {
    this.route.owners.gate?.onContent(this, bytes);
  }

  // ---- going out again -------------------------------------------------------------------------------------------------

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
    if (gate?.heedsShards !== true || version === 0 || this.phase === Phase.Answering) return false;
    if (!this.takeBack()) {
      // Too long to be kept. Nothing of it was carried out: its client sends it again.
      const { random, drain } = this.context;
      this.answer(localReply.moved('the key has moved', 'unavailable', random() * drain.pushbackMs));
      return true;
    }
    if (this.repeated >= MAX_STALE_RETRIES) {
      this.refuse({ kind: 'held_too_long', cluster: this.owner.cluster, retryAfterMs: 0 });
      return true;
    }
    this.context.counters.stale++;
    this.countRepetition();
    gate.onStale(this, version);
    return true;
  }

  /** Makes the call again with this header section and content: at once, or once a version is known. @param version 0: at once */
  protected resend(fields: Field[], content: Uint8Array, version: number): void {
    this.replaceBy(fields, content);
    const { gate } = this.route.owners;
    if (gate !== null && version > 0) gate.onStale(this, version);
    else this.proceed();
  }

  // ---- its key is handed over, or its owner is not waited for any more -------------------------------------------------

  findOwnerIn(owners: Owners): boolean {
    const owner = speakHttp(owners) ? owners.find(this.key) : null;
    if (owner === null) {
      this.refuse({ kind: 'no_owner', cluster: owners.name });
      return false;
    }
    this.owner = owner;
    this.setField(versionFieldOf(owners));
    this.setField(this.route.tokenField?.() ?? null);
    return true;
  }

  private setField(field: Field | null): void {
    if (field === null) return;
    const at = this.request.findIndex(({ name }) => name === field.name);
    this.request[at < 0 ? this.request.length : at] = field;
  }

  forEachKey(visit: (key: Key) => void): void {
    visit(this.key);
  }

  hasMovedIn(owners: Pick<Owners, 'isOwner'>): boolean {
    return !owners.isOwner(this.owner, this.key);
  }

  stopSending(): void {
    if (!this.isOpen) this.abandonUpstream(ErrorCode.Cancel);
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
