import type { ClusterFollower } from '../handoff/index.ts';
import type { HeldLease } from '../registry/index.ts';

/**
 * Until when a router may serve a cluster, and when it cuts what is in flight, by the machine's clock, in memory that its
 * threads share.
 */
export type ServesUntil = Float64Array<SharedArrayBuffer>;

export function newServesUntil(): ServesUntil {
  const until = new Float64Array(new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT));
  until.fill(Number.NEGATIVE_INFINITY);
  return until;
}

/** What is in flight is cut this share of the lease's length before it ends: it had a while to finish. */
const CUTS_BEFORE = 0.05;

/**
 * Keeps the time until which a router may serve a cluster. Where it needs its lease: for as long as that lasts, and not before
 * the router does what the registry said after the lease had been granted. So who counts leases knows of every router that
 * may send a request.
 */
export class ServingLease {
  readonly #follower: ClusterFollower;
  readonly #until: ServesUntil;
  readonly #clock: () => number;
  readonly #onServes: (serves: boolean) => void;
  #serves = false;
  #confirmed: HeldLease | null = null;

  /** @param clock the machine's. @param onServes told when the router may serve, and when it may not any more */
  constructor(follower: ClusterFollower, until: ServesUntil, clock: () => number, onServes: (serves: boolean) => void) {
    this.#follower = follower;
    this.#until = until;
    this.#clock = clock;
    this.#onServes = onServes;
    follower.onChange = () => this.#update();
  }

  /** The router is registered by this lease: what others did before that it may not know. */
  async onRegistered(lease: HeldLease): Promise<void> {
    lease.lost.addEventListener('abort', () => this.#update(), { once: true });
    await this.#follower.confirmed(lease.lost);
    if (!lease.isHeld) return;
    this.#confirmed = lease;
    this.#update();
  }

  /** The lease lasts longer. */
  extended(): void {
    this.#update();
  }

  #update(): void {
    const lease = this.#confirmed;
    if (this.#follower.needsNoLease) this.#until.fill(Number.POSITIVE_INFINITY);
    else if (lease === null) this.#until.fill(Number.NEGATIVE_INFINITY);
    else {
      this.#until[0] = lease.actsUntilMs;
      this.#until[1] = lease.untilMs - CUTS_BEFORE * lease.lengthMs;
    }
    const serves = this.#clock() < (this.#until[0] as number);
    if (serves !== this.#serves) this.#onServes(serves);
    this.#serves = serves;
  }
}
