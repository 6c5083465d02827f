import type { ClusterFollower } from '../handoff/index.ts';
import type { HeldLease, Registry } from '../registry/index.ts';
import { AutonomyClaim } from './autonomy-claim.ts';

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

/**
 * Keeps the time until which a router may serve a cluster. What holds: it serves by its lease, for as long as that
 * lasts, and not before it does what the registry said after the lease had been granted; so the leases show every
 * router that may send a request. Or it serves without one, where that does no harm and the others know
 * (`AutonomyClaim`). Once a lease is over, whatever has ended it, the router no longer serves by it.
 */
export class ServingLease {
  readonly #follower: ClusterFollower;
  readonly #until: ServesUntil;
  readonly #clock: () => number;
  readonly #onServes: (serves: boolean) => void;
  readonly #claim: AutonomyClaim;
  #serves = false;
  #confirmed: HeldLease | null = null;
  /** The number of what was served last by a lease. */
  #servedByLease: number | null = null;

  /**
   * @param self the router, as `qualified` names it
   * @param clock the machine's
   * @param onServes called when the router may serve, and when it may not any more
   */
  constructor(
    registry: Registry,
    follower: ClusterFollower,
    self: string,
    until: ServesUntil,
    clock: () => number,
    onServes: (serves: boolean) => void,
  ) {
    this.#follower = follower;
    this.#until = until;
    this.#clock = clock;
    this.#onServes = onServes;
    this.#claim = new AutonomyClaim(registry, follower, self, () => this.#update());
    follower.onChange = () => {
      this.#update();
      this.#claim.settle();
    };
  }

  /** The router is registered by this lease: what others did before that it may not know. */
  async onRegistered(lease: HeldLease): Promise<void> {
    lease.lost.addEventListener('abort', () => this.#update(), { once: true });
    await this.#follower.confirmed(lease.lost);
    if (!lease.isHeld) return;
    this.#confirmed = lease;
    this.#update();
    this.#claim.onConfirmed(lease);
  }

  /** The lease lasts longer. */
  extended(): void {
    this.#update();
  }

  /** Nothing is served any more. */
  stop(): Promise<void> {
    return this.#claim.stop();
  }

  #update(): void {
    const lease = this.#confirmed;
    if (this.#claim.holds) this.#until.fill(Number.POSITIVE_INFINITY);
    else {
      const actsUntilMs = lease?.actsUntilMs ?? Number.NEGATIVE_INFINITY;
      const { served } = this.#follower;
      if (this.#clock() < actsUntilMs) this.#servedByLease = served?.number ?? null;
      // What is in flight by a version before, which needed no lease, may end in its own time.
      const isEarlier = this.#claim.covers && this.#servedByLease !== (served?.number ?? null);
      this.#until[0] = actsUntilMs;
      if (isEarlier) this.#until[1] = Number.POSITIVE_INFINITY;
      else this.#until[1] = lease?.cutsAtMs ?? actsUntilMs;
    }
    const serves = this.#clock() < (this.#until[0] as number);
    if (serves !== this.#serves) this.#onServes(serves);
    this.#serves = serves;
  }
}
