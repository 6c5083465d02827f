import { ClientCertificates, type ClientTlsDescription } from '../../../io/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { Log } from '../../../runtime/log.ts';
import { type ActiveHealthDescription, HealthChecker } from '../../health/index.ts';
import type { CoreContext } from '../context.ts';
import { FAILURES, type FailureCause } from '../failure.ts';
import { RetryBudget } from '../retries.ts';
import { ClientShares } from './client-shares.ts';
import { HeldRequests } from './held-requests.ts';
import type { Cleared, OutgoingRequest } from './outgoing-request.ts';
import { OwnerHealth, type PassiveHealthDescription } from './owner-health.ts';
import type { Login, Pool, PoolFactory, ShardEndpoint, UpstreamLimits } from './pool.ts';
import type { ServerPlace } from './server-place.ts';

/** How a cluster's shards are spoken to. Plain data. */
export interface UpstreamDescription {
  /** The name by which a family knows it. */
  readonly protocol: string;
  readonly tls?: ClientTlsDescription | undefined;
  /** Who the router is to its shards, where their protocol asks for that. */
  readonly login?: Login | undefined;
  /** In place of the router's own. */
  readonly limits?: Partial<UpstreamLimits> | undefined;
  readonly activeHealth?: ActiveHealthDescription | undefined;
  readonly passiveHealth?: PassiveHealthDescription | undefined;
  /** How long requests wait for an owner that is down or unhealthy; 0: they fail at once. */
  readonly waitForOwnerMs?: number | undefined;
}

/** How often a shard's violations are logged at most. */
const LOG_FAILURES_EVERY_MS = 60_000;

/** A shard as one router thread reaches it: its connections, its health, and what waits for it. */
export class Upstream<P extends Pool = Pool> implements ShardEndpoint {
  readonly cluster: string;
  readonly id: string;
  /** The shard that it serves: itself, or the one that it is a replica of. */
  readonly shard: string;
  readonly address: string;
  readonly isReplica: boolean;
  readonly target;
  readonly label: string;
  readonly counters;
  readonly certificates;
  readonly login: Login | null;
  limits: UpstreamLimits;
  readonly retryBudget = new RetryBudget();
  /** Null where the shard's health is not looked at, which spares most requests the work. */
  readonly health: OwnerHealth | null;
  readonly #context: CoreContext;
  readonly #description: UpstreamDescription;
  readonly pool: P;
  readonly #shares = new ClientShares((visit) => this.pool.forEachOpen(visit));
  readonly #checker: HealthChecker | null;
  readonly #held: HeldRequests;
  /** How long requests wait for it while it is down or unhealthy; 0: they do not. */
  readonly waitForOwnerMs: number;
  readonly #log: Log;
  #unreachable = false;
  #nextFailureLogMs = 0;

  constructor(
    context: CoreContext,
    cluster: string,
    { id, address, replicaOf }: ServerPlace,
    description: UpstreamDescription,
    makePool: PoolFactory<P>,
  ) {
    const { protocol, tls, login, activeHealth, passiveHealth, waitForOwnerMs = 0 } = description;
    this.#context = context;
    this.#description = description;
    this.cluster = cluster;
    this.id = id;
    this.shard = replicaOf ?? id;
    this.address = address;
    this.isReplica = replicaOf !== undefined;
    this.target = splitAddress(address);
    this.label = `${id} (${address})`;
    this.counters = context.counters.shard(cluster, id);
    this.certificates = tls === undefined ? null : new ClientCertificates(tls);
    this.login = login ?? null;
    this.limits = limitsOf(context, description);
    // Nobody waits for one replica: there is another, or the shard itself.
    this.waitForOwnerMs = this.isReplica ? 0 : waitForOwnerMs;
    this.#log = context.log.child({ cluster, shard: id, address });
    const watched = activeHealth !== undefined || passiveHealth !== undefined;
    this.health = watched
      ? new OwnerHealth(passiveHealth ?? null, context.random, (reason) =>
          this.#log.warn({ reason }, 'the shard is ejected'),
        )
      : null;
    this.#held = new HeldRequests(
      this.limits.pending,
      () => context.turn.begin(),
      (request, reason) => this.refuse(request, 'unreachable', reason),
    );
    this.pool = makePool(this);
    this.#checker =
      activeHealth === undefined
        ? null
        : new HealthChecker(this, protocol, activeHealth, context.random, (fault) => this.#onCheck(fault));
  }

  /** Whether a request may be handed to the pool now, which its gate has admitted; else it waits here, or was refused. */
  clears<Request extends OutgoingRequest>(request: Request): request is Cleared<Request> {
    const fault = this.health === null ? null : this.health.faultAt(this.#context.turn.nowMs);
    if (fault !== null) this.unavailable(request, 'unhealthy', fault);
    else if (this.limits.requests !== Number.POSITIVE_INFINITY && !this.#hasPlaceFor(request))
      this.refuse(request, 'overloaded', '');
    else return true;
    return false;
  }

  #hasPlaceFor(request: OutgoingRequest): boolean {
    const { requests } = this.limits;
    const open = this.pool.openStreams;
    return this.#shares.admits(request, 1, open, requests, this.#context.turn.nowMs);
  }

  /** Requests wait for it while it is down or unhealthy. */
  get isWaitedFor(): boolean {
    return this.waitForOwnerMs > 0;
  }

  onReached(): void {
    if (!this.#unreachable) return;
    this.#unreachable = false;
    this.#log.info('the shard can be reached again');
  }

  onConnectFailed(reason: string): void {
    this.counters.connectFailures++;
    if (!this.#unreachable) this.#log.warn({ reason }, 'the shard cannot be reached');
    this.#unreachable = true;
  }

  #onCheck(fault: string | null): void {
    if (fault === null) this.#log.info('the shard is healthy again');
    else this.#log.warn({ reason: fault }, 'the shard is unhealthy');
    this.health?.onCheck(fault);
  }

  unavailable(request: OutgoingRequest, cause: 'unreachable' | 'unhealthy', reason: string): void {
    if (this.waitForOwnerMs === 0) this.refuse(request, cause, reason);
    else if (!this.#held.hold(request, reason, this.waitForOwnerMs)) this.refuse(request, 'overloaded', '');
  }

  refuse(request: OutgoingRequest, cause: FailureCause, reason: string): void {
    this.onFailure(cause, reason);
    request.refuse({ kind: 'failure', failure: cause, shard: this.label, reason });
  }

  /** A request has failed: what follows for the shard. The request itself knows what follows for it. */
  onFailure(cause: FailureCause, reason: string): void {
    const { countsAgainstHealth, isLogged } = FAILURES[cause];
    this.counters.failures[cause]++;
    if (countsAgainstHealth) this.onOutcome(true);
    if (isLogged) this.#logFailure(cause, reason);
  }

  /** Not of each: a shard that misbehaves may do so with every answer. */
  #logFailure(cause: FailureCause, reason: string): void {
    const { nowMs } = this.#context.turn;
    if (nowMs < this.#nextFailureLogMs) return;
    this.#nextFailureLogMs = nowMs + LOG_FAILURES_EVERY_MS;
    this.#log.warn({ cause, reason }, 'the shard breaks the protocol');
  }

  onSending(): void {
    this.counters.requests++;
    this.retryBudget.earn();
  }

  /** What became of a request that was sent. */
  onOutcome(failed: boolean): void {
    this.health?.onOutcome(failed, this.#context.turn.nowMs);
  }

  /**
   * Adds to the counters what it is like now.
   * @param isCurrent requests may come to it; whether a past one is healthy is of no interest
   */
  addStates(isCurrent: boolean): void {
    const { counters } = this;
    counters.connections += this.pool.openConnections;
    counters.streams += this.pool.openStreams;
    counters.held += this.#held.count;
    if (this.health === null) return;
    counters.ejections += this.health.ejections;
    if (isCurrent && this.health.faultAt(this.#context.turn.begin()) !== null) counters.unhealthy = 1;
  }

  /** The router's own limits have changed, or what is logged. */
  refreshSettings(): void {
    this.limits = limitsOf(this.#context, this.#description);
    this.#log.level = this.#context.log.level;
  }

  /** Streams are open to it, or requests wait for it. */
  get isBusy(): boolean {
    return this.pool.openStreams > 0 || this.#held.count > 0;
  }

  sweep(nowMs: number): void {
    this.pool.sweep(nowMs);
  }

  /** Cuts what is in flight, with its connections: nothing more of it is written. */
  cut(): void {
    this.pool.cut();
  }

  /** Cuts all connections. No new request is taken. */
  destroy(): void {
    this.#checker?.stop();
    this.#held.stop();
    this.pool.destroy();
  }
}

function limitsOf({ limits }: CoreContext, description: UpstreamDescription): UpstreamLimits {
  return {
    connections: description.limits?.connections ?? null,
    requests: description.limits?.requests ?? Number.POSITIVE_INFINITY,
    pending: description.limits?.pending ?? limits.maxPendingRequests,
  };
}
