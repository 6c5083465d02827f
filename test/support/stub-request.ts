import {
  HeaderBlock,
  type RequestConnection,
  type Stream,
  type StreamHandler,
  transientField,
} from '../../src/http/index.ts';
import type { GatedRequest } from '../../src/proxy/core/gate/gated-request.ts';
import type { Owners } from '../../src/proxy/core/gate/owners.ts';
import type { OutgoingRequest } from '../../src/proxy/core/owner/outgoing-request.ts';
import type { Refusal } from '../../src/proxy/core/refusal.ts';
import type { WaitingPlace } from '../../src/proxy/core/waiting-place.ts';
import type { ClearedRequest, HttpRequest } from '../../src/proxy/http/pools/http-pool.ts';

/** A request as gate and pools see it, with a spec in place of its client and its answer. Its key moves unless it says otherwise. */
export class StubRequest implements GatedRequest, HttpRequest, StreamHandler {
  /** Its header section, which is all of it. */
  readonly block = new HeaderBlock();
  isWebSocket = false;
  stream: Stream | null = null;
  keyText = 'k';
  owner = { shard: 's0' };
  clientGroup = 'client';
  readonly clientConnection = {};
  heldBytes = 0;
  askedBy = 0;
  isOpen = true;
  isSent = false;
  isWatch = false;
  isBeingAnswered = false;
  isLeaving = false;
  moves = true;
  startedAtMs = 0;
  readonly wayToLeave = 'end';
  refusal: Refusal | null = null;
  /** The owners among which its owner was last looked for. */
  owners: Owners | null = null;
  keepsContent = false;
  /** How often its wait was over. */
  proceeded = 0;
  onProceed: () => void = () => {};
  #place: WaitingPlace<GatedRequest & OutgoingRequest> | null = null;

  constructor(settings: Partial<StubRequest> = {}) {
    Object.assign(this, settings);
    this.block.set([
      transientField(':method', 'GET'),
      transientField(':scheme', 'http'),
      transientField(':path', '/'),
      transientField(':authority', 'docs'),
    ]);
  }

  get isWaiting(): boolean {
    return this.#place !== null;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.startedAtMs;
  }

  forEachKey(visit: (key: string) => void): void {
    visit(this.keyText);
  }

  hasMovedIn(): boolean {
    return this.moves;
  }

  findOwnerIn(owners: Owners): boolean {
    this.owners = owners;
    return true;
  }

  keepContent(): void {
    this.keepsContent = true;
  }

  stopSending(): void {
    if (!this.isOpen) this.isSent = false;
  }

  waitIn(place: WaitingPlace<GatedRequest & OutgoingRequest>): void {
    this.#place = place;
  }

  isIn(place: WaitingPlace<GatedRequest & OutgoingRequest>): boolean {
    return this.#place === place;
  }

  #leavePlace(): void {
    const place = this.#place;
    this.#place = null;
    place?.forget(this);
  }

  proceed(): void {
    this.#leavePlace();
    this.proceeded++;
    this.onProceed();
  }

  refuse(refusal: Refusal): void {
    this.isOpen = false;
    this.refusal = refusal;
    this.#leavePlace();
  }

  /** As the request itself does once the gate has admitted it. */
  get cleared(): ClearedRequest {
    return this as HttpRequest as ClearedRequest;
  }

  send(connection: RequestConnection): void {
    this.stream = connection.request(this.block, true, this);
  }

  sendFirst(connection: RequestConnection, block: HeaderBlock): void {
    this.stream = connection.request(block, true, this);
  }

  onHeaders(): void {}
  onTrailers(): void {}
  onData(): void {}
  onReset(): void {}
  onCredit(): void {}

  shutDownConnection(): void {}

  leave(): void {
    this.isOpen = false;
    this.isSent = false;
  }

  giveUp(): void {
    this.leave();
  }
}

/** A cluster's owners at a version, for callers that ask for no more than the version. */
export function ownersAt(version: number): Owners {
  const nothing = { find: () => null, isOwner: () => false, has: () => false };
  return { name: 'docs', protocol: 'http2', build: version, version, ...nothing };
}
