import type { CoreContext } from '../../../src/proxy/core/context.ts';
import { FAILURES } from '../../../src/proxy/core/failure.ts';
import type { Owners } from '../../../src/proxy/core/gate/owners.ts';
import type { OpenRequest, OpenStream } from '../../../src/proxy/core/open-request.ts';
import type { ClusterOwners } from '../../../src/proxy/core/owner/cluster-owners.ts';
import type { Upstream } from '../../../src/proxy/core/owner/upstream.ts';
import type { Refusal } from '../../../src/proxy/core/refusal.ts';
import type { WaitingPlace } from '../../../src/proxy/core/waiting-place.ts';
import { countAnswer } from './echo-answers.ts';
import type { EchoCall, EchoConnection, EchoPool } from './echo-pool.ts';

/** Whoever has asked. */
export interface EchoClient {
  readonly address: string;
  /** Gets a line; `isLast`: its request is over. */
  onAnswer(line: string, isLast: boolean): void;
}

/** What the core refuses, in the words of this family. */
function refusalLine(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'held_too_many':
    case 'held_too_long':
      return `BUSY ${refusal.cluster}`;
    case 'failure':
      return `DOWN ${refusal.shard}: ${refusal.reason}`;
    default:
      return `NOT HERE ${refusal.cluster}`;
  }
}

/** A line on its way to the owner of its key. One whose text is `watch` has many lines for its answer, each but the last after a `~`. */
export class EchoRequest implements OpenRequest, EchoCall {
  readonly line: string;
  readonly keyText: string;
  readonly isWatch: boolean;
  readonly clientGroup: string;
  readonly clientConnection: EchoClient;
  owner: Upstream<EchoPool>;
  isOpen = true;
  isBeingAnswered = false;
  readonly isLeaving = false;
  readonly askedBy = 0;
  readonly wayToLeave = 'end';
  readonly #context: CoreContext;
  readonly #owners: ClusterOwners<EchoPool>;
  readonly #startedMs: number;
  #connection: EchoConnection | null = null;
  #place: WaitingPlace<EchoRequest> | null = null;

  constructor(
    context: CoreContext,
    client: EchoClient,
    owners: ClusterOwners<EchoPool>,
    owner: Upstream<EchoPool>,
    line: string,
  ) {
    this.#context = context;
    this.#owners = owners;
    this.owner = owner;
    this.line = line;
    this.keyText = line.split(' ', 1)[0] ?? '';
    this.isWatch = line.endsWith(' watch');
    this.clientGroup = client.address;
    this.clientConnection = client;
    this.#startedMs = context.turn.nowMs;
  }

  // ---- its way to the owner ----------------------------------------------------------------------------------------

  begin(): void {
    const { gate } = this.#owners;
    if (gate === null || gate.admits(this)) this.#dispatch();
  }

  proceed(): void {
    this.#stopWaiting();
    const { gate } = this.#owners;
    if (gate === null || gate.readmits(this)) this.#dispatch();
  }

  #dispatch(): void {
    const { owner } = this;
    if (owner.clears(this)) owner.pool.dispatch(this);
  }

  waitIn(place: WaitingPlace<EchoRequest>): void {
    if (this.#place !== place) this.#stopWaiting();
    this.#place = place;
  }

  isIn(place: WaitingPlace<EchoRequest>): boolean {
    return this.#place === place;
  }

  #stopWaiting(): void {
    const place = this.#place;
    this.#place = null;
    place?.forget(this);
  }

  forEachKey(visit: (key: string) => void): void {
    visit(this.keyText);
  }

  hasMovedIn(owners: Owners): boolean {
    return !owners.isOwner(this.owner, this.keyText);
  }

  findOwnerIn(owners: Owners): boolean {
    const owner = owners.protocol === 'echo' ? owners.find(this.keyText) : null;
    if (owner === null) this.refuse({ kind: 'no_owner', cluster: owners.name });
    else this.owner = owner as Upstream<EchoPool>;
    return owner !== null;
  }

  get isSent(): boolean {
    return this.#connection !== null;
  }

  get heldBytes(): number {
    return this.isSent ? 0 : this.line.length;
  }

  /** The line is there as long as the request is. */
  keepContent(): void {}

  onSent(connection: EchoConnection): void {
    this.#connection = connection;
  }

  // ---- its answer, and its end ---------------------------------------------------------------------------------------

  onAnswer(line: string): void {
    this.isBeingAnswered = true;
    const isLast = !line.startsWith('~');
    countAnswer(this.owner.counters, isLast);
    if (!isLast) this.clientConnection.onAnswer(line, false);
    else {
      this.#connection = null;
      this.#end(line);
    }
  }

  onLost(reason: string, connected: boolean): void {
    this.#connection = null;
    if (!this.isOpen) return;
    const failure = connected ? 'lost' : 'unreachable';
    if (FAILURES[failure].repeats === 'always') this.owner.unavailable(this, 'unreachable', reason);
    else this.owner.refuse(this, failure, reason);
  }

  refuse(refusal: Refusal): void {
    if (!this.isOpen) return;
    this.#context.counters.countRefusal(refusal.kind);
    this.#end(refusalLine(refusal));
  }

  leave(): void {
    this.#end('MOVED');
  }

  giveUp(): void {
    this.#end('MOVED');
  }

  /** Its client has gone. */
  cancel(): void {
    this.isOpen = false;
    this.#letGo();
  }

  #end(line: string): void {
    this.isOpen = false;
    this.#letGo();
    this.clientConnection.onAnswer(line, true);
  }

  #letGo(): void {
    this.#stopWaiting();
    this.#connection?.destroy();
    this.#connection = null;
  }

  stopSending(): void {}
  shutDownConnection(): void {}

  isOn(connection: object): boolean {
    return this.#connection === connection;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.#startedMs;
  }

  describe(): OpenStream {
    const { owner, keyText, clientGroup } = this;
    const traffic = { requestBytes: this.line.length, responseBytes: 0, retries: 0 };
    const what = { client: clientGroup, version: '1', protocol: 'echo', route: '', key: keyText };
    return {
      ...what,
      cluster: owner.cluster,
      shard: owner.id,
      ageMs: this.ageMs(this.#context.turn.nowMs),
      ...traffic,
    };
  }
}
