import type { PositionRange } from '../../../topology/index.ts';
import type { CoreContext } from '../context.ts';
import { KeyBytes } from '../owner/key-bytes.ts';
import type { GateKeeper } from './gate.ts';
import type { GatedRequest } from './gated-request.ts';
import { KnownRequests } from './known-requests.ts';
import { LeaseWatch, type ServesUntil } from './lease-watch.ts';
import type { Owners } from './owners.ts';
import type { RequestGate } from './request-gate.ts';
import { WaitingRoom } from './waiting-room.ts';

/** The shard that a sidecar stands before, as it takes part in handoffs. */
export interface FencedShard {
  /** For messages to people. */
  readonly label: string;
  /** The version that it serves; 0: none. */
  readonly version: number;
  /**
   * Of two processes that own a key one after the other the later one's is larger, so that a store can refuse the earlier one. 0:
   * there is none.
   */
  readonly token: number;
  readonly servesUntil: ServesUntil;
  /**
   * The version by which another shard has key[start, end), or is about to get it; 0: it is this one's; less: nobody is known to
   * have it.
   */
  lostBy(key: Uint8Array, start: number, end: number): number;
  /** Called with each key that a request goes to the shard for: its first bytes, so many. Null where nobody wants to know. */
  readonly onServed: ((key: Uint8Array, length: number) => void) | null;
  /** Whether the backend is being told that a key, these first bytes, has left: until it has heard that, no request for the key goes there. */
  isTold(key: Uint8Array, length: number): boolean;
}

/**
 * What is in flight for a key that is given up may take this long to end: half of the time for which routers hold requests at
 * first (`HandoffDriver`), so that the handoff does not have to begin again.
 */
const ENDS_WITHIN_MS = 250;
/** A message that is under way may take this much longer to come to its end, between two of which its stream is ended. */
const LAST_MESSAGE_MS = 100;
/** How often it is looked whether what was in flight has ended. */
const TICK_MS = 2;

/**
 * Stands before a shard that itself refuses nothing, and refuses in its place: what is not its own, and everything once its lease is
 * over. A request that was routed by a later version than is known here waits for that version, and so does one that comes before the
 * shard has registered.
 */
export class Fence implements RequestGate {
  readonly heedsShards = false;
  readonly #context: CoreContext;
  readonly #cluster: string;
  readonly #shard: FencedShard;
  readonly #keeper: Pick<GateKeeper, 'owners' | 'visitOpen' | 'cut'>;
  readonly #lease: LeaseWatch;
  readonly #open: KnownRequests;
  readonly #room: WaitingRoom;
  readonly #keyBytes = new KeyBytes();
  #hasServed = false;
  /** What was found of the key that was looked at last; see `FencedShard.lostBy`. */
  #lostBy = 0;
  /** The shard as the owner of what it has not lost. */
  readonly #own: Pick<Owners, 'isOwner' | 'has'> = {
    // It is its one shard's whole life, whatever keys that loses.
    has: () => true,
    isOwner: (_, key) => {
      const { bytes, length } = this.#keyBytes.read(key);
      this.#lostBy = this.#shard.lostBy(bytes, 0, length);
      return this.#lostBy === 0;
    },
  };

  constructor(
    context: CoreContext,
    cluster: string,
    shard: FencedShard,
    keeper: Pick<GateKeeper, 'owners' | 'visitOpen' | 'cut'>,
  ) {
    this.#context = context;
    this.#cluster = cluster;
    this.#shard = shard;
    this.#keeper = keeper;
    this.#lease = new LeaseWatch(context.turn, shard.servesUntil, () => keeper.cut());
    this.#open = new KnownRequests(keeper.visitOpen);
    this.#room = new WaitingRoom(context, cluster, () => this.changed());
  }

  get waiting(): number {
    return this.#room.size;
  }

  /** Routers count them. */
  get movingWatches(): number {
    return 0;
  }

  get isQuiet(): boolean {
    return true;
  }

  get token(): number {
    return this.#shard.token;
  }

  admits(request: GatedRequest): boolean {
    if (!this.#isKnownAs(request)) this.#room.add(request, 0);
    else if (!this.#lease.admitsAt(this.#context.turn.nowMs)) this.#refuseWithoutLease(request);
    else {
      this.#hasServed = true;
      if (request.hasMovedIn(this.#own)) this.#refuseLost(request);
      else return this.#goesToBackend(request);
    }
    return false;
  }

  /** The key that was looked at last is the shard's own. */
  #goesToBackend(request: GatedRequest): boolean {
    const { bytes, length } = this.#keyBytes;
    const isTold = this.#shard.isTold(bytes, length);
    if (isTold) {
      this.#room.add(request, 0);
      return false;
    }
    this.#open.add(request);
    this.#shard.onServed?.(bytes, length);
    return true;
  }

  /** Whether what a request was routed by is known here. A process that comes up knows nothing, and will in a moment. */
  #isKnownAs({ askedBy }: GatedRequest): boolean {
    const { version } = this.#shard;
    return version > 0 && askedBy <= version && (this.#hasServed || this.#lease.admitsAt(this.#context.turn.nowMs));
  }

  /** Whether the backend is being told that a request's key has left. */
  #isTold(request: GatedRequest): boolean {
    if (request.hasMovedIn(this.#own)) return false;
    const { bytes, length } = this.#keyBytes;
    return this.#shard.isTold(bytes, length);
  }

  #refuseWithoutLease(request: GatedRequest): void {
    request.refuse({ kind: 'no_lease', cluster: this.#cluster, shard: this.#shard.label });
  }

  #refuseLost(request: GatedRequest, version = this.#lostBy): void {
    if (version > 0) request.refuse({ kind: 'lost_key', cluster: this.#cluster, version });
    else request.refuse({ kind: 'no_owner', cluster: this.#cluster });
  }

  readmits(request: GatedRequest): boolean {
    this.#context.turn.begin();
    return request.findOwnerIn(this.#keeper.owners()) && this.admits(request);
  }

  onStale(request: GatedRequest): void {
    request.proceed();
  }

  onContent(request: GatedRequest, bytes: number): void {
    this.#room.onContent(request, bytes);
  }

  holds(request: GatedRequest): boolean {
    return request.isIn(this.#room);
  }

  /** Whatever is served stays where it is: at the one shard. */
  hasHandedOverTo(): boolean {
    return true;
  }

  lookAtLease(): void {
    this.#lease.look();
  }

  changed(): void {
    this.#context.turn.begin();
    this.#room.look((request) => this.#isKnownAs(request) && !this.#isTold(request));
  }

  /** A shard acknowledges by `release`. */
  settled(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** Whether another version is staged: then it gets to know what is in flight, so that little has to be looked at once something of it is lost. */
  expect(isStaged: boolean): void {
    if (isStaged)
      void this.#open.learn(
        (request) => request.hasMovedIn(this.#own),
        () => {},
      );
    else this.#open.forgetLater();
  }

  /**
   * Ends what is in flight for keys that are not the shard's any more: what stays open at once, and the rest after a while. Where the time is
   * over for which the shard may serve, that is everything, and it has until it is cut. Resolves once the shard has none of it.
   * @param positions the positions of those keys; any where it is not given
   */
  async release(positions?: PositionRange): Promise<void> {
    await this.#cutOrRenewed();
    const lost = await this.#lostInFlight(positions);
    const { turn } = this.#context;
    const begunMs = turn.begin();
    for (const [request, version] of lost) if (request.isWatch) this.#end(request, version);
    await this.#over(lost, begunMs + ENDS_WITHIN_MS);
    for (const [request, version] of lost) if (!request.isLeaving) this.#end(request, version);
    await this.#over(lost, begunMs + ENDS_WITHIN_MS + LAST_MESSAGE_MS);
    for (const request of lost.keys()) request.giveUp();
  }

  /** Whether the time is over for which the shard may serve, and nothing that was begun in it is in flight any more. */
  get isCut(): boolean {
    return this.#lease.isOverAt(this.#context.turn.begin());
  }

  async #cutOrRenewed(): Promise<void> {
    this.#lease.look();
    while (!this.isCut && !this.#lease.admitsAt(this.#context.turn.begin()))
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }

  /**
   * Whether a call is under way whose key the shard does not keep.
   * @param keeps whether it keeps key[0, length)
   * @param positions the positions of those that it may not keep; any where it is not given
   */
  async worksOnLeaving(
    keeps: (key: Uint8Array, length: number) => boolean,
    positions?: PositionRange,
  ): Promise<boolean> {
    let worksOn = false;
    const kept: Pick<Owners, 'isOwner' | 'has'> = {
      has: () => true,
      isOwner: (_, key) => {
        const { bytes, length } = this.#keyBytes.read(key);
        return keeps(bytes, length);
      },
    };
    await this.#open.visit(positions, (request) => {
      if (!worksOn && !request.isWatch && !this.holds(request)) worksOn = request.hasMovedIn(kept);
    });
    return worksOn;
  }

  /** Each with the version by which its key is lost. */
  async #lostInFlight(positions: PositionRange | undefined): Promise<Map<GatedRequest, number>> {
    const lost = new Map<GatedRequest, number>();
    await this.#open.visit(positions, (request) => {
      if (request.isSent && request.hasMovedIn(this.#own)) lost.set(request, Math.max(0, this.#lostBy));
    });
    return lost;
  }

  /** A router that is told that the key has moved asks the new owner: only what may be carried out twice is told so. */
  #end(request: GatedRequest, version: number): void {
    if (!request.isSent) return;
    const { random, drain } = this.#context;
    const reason = `the key is another shard's by version ${version} of ${this.#cluster}`;
    if (request.isBeingAnswered)
      request.leave('end', reason, random() * drain.pushbackMs, request.isWatch ? version : 0);
    else if (request.isWatch) this.#refuseLost(request, version);
    else request.refuse({ kind: 'failure', failure: 'lost', shard: this.#shard.label, reason });
  }

  /** Resolves once none of these is with the shard any more, at the latest at a time; those that are stay in the list. */
  async #over(lost: Map<GatedRequest, number>, untilMs: number): Promise<void> {
    for (;;) {
      for (const request of lost.keys()) if (!request.isSent) lost.delete(request);
      if (lost.size === 0 || this.#context.turn.begin() >= untilMs) return;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  stop(): void {
    this.#open.stop();
    this.#lease.stop();
    this.#room.stop();
  }
}
