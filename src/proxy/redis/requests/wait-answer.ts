import type { RedisOwners } from '../redis-owners.ts';
import { mergeEverywhere } from '../split/index.ts';
import type { WrittenShards } from '../written-shards.ts';
import { GatheredAnswer, uncounted } from './gathered-answer.ts';
import type { RequestClient } from './routed-command.ts';
import { NO_REPLICA, WaitRequest } from './wait-request.ts';

/** Who waits, and what it has written to. */
interface WaitingClient extends RequestClient {
  readonly written: WrittenShards;
}

/**
 * WAIT. Which shards it asks is decided in its turn: what its client has sent before may have been sent on to other shards by then, and the
 * cluster may have another version.
 */
export class WaitAnswer extends GatheredAnswer {
  readonly #session: WaitingClient;
  readonly #replicas: number;
  readonly #timeoutMs: number;
  #hasBegun = false;

  constructor(session: WaitingClient, replicas: number, timeoutMs: number) {
    super(session, (replies) => mergeEverywhere('least', replies));
    this.#session = session;
    this.#replicas = replicas;
    this.#timeoutMs = timeoutMs;
  }

  override onFirst(): void {
    if (!this.#hasBegun) this.#begin();
    super.onFirst();
  }

  #begin(): void {
    this.#hasBegun = true;
    const { owners } = this.#session.entry;
    const first = owners?.first ?? null;
    if (owners === null || first === null) {
      this.context.core.counters.countRefusal('no_owner');
      this.#session.onError(this, 'CLUSTERDOWN The cluster is down');
      return;
    }
    const { present, isOneGone } = this.#session.written.presentIn(owners);
    // No replica is known to have what was written to a shard that has gone.
    if (isOneGone) this.#session.onWhole(this, NO_REPLICA);
    // Who has written nothing waits for nothing, and is told how many replicas there are.
    else for (const owner of present.length > 0 ? present : [first]) this.#ask(owners, owner);
  }

  #ask(owners: RedisOwners, owner: RedisOwners['first'] & object): void {
    this.add(new WaitRequest(this, uncounted, owners, owner, this.#replicas, this.#timeoutMs));
  }
}
