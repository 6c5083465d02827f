import type { Protocol } from '../../../resp/index.ts';
import { ClientShares } from '../../core/owner/client-shares.ts';
import type { Waiting } from '../../core/owner/fair-queue.ts';
import type { RedisConnection } from './redis-connection.ts';

/** A connection that only one client at a time may use is kept so long for the next one. */
const IDLE_MS = 30_000;

/** A client that wants a connection for itself. */
export interface Holder extends Waiting {
  readonly protocol: Protocol;
}

/**
 * The connections to one server that one client at a time has for itself: those that block, listen, or remember something. One client that
 * takes all it can get leaves some to the others (`ClientShares`).
 */
export class PrivateConnections {
  readonly #open: (protocol: Protocol) => RedisConnection;
  /** Who has each; null where nobody does. */
  readonly #holders = new Map<RedisConnection, Holder | null>();
  /** Those that are up, and that nobody has. */
  readonly #free: Record<Protocol, RedisConnection[]> = { 2: [], 3: [] };
  readonly #shares = new ClientShares((visit) => {
    for (const holder of this.#holders.values()) if (holder !== null) visit(holder);
  });
  #taken = 0;

  constructor(open: (protocol: Protocol) => RedisConnection) {
    this.#open = open;
  }

  has(connection: RedisConnection): boolean {
    return this.#holders.has(connection);
  }

  /** Whether a client may have one more, of as many as there may be. */
  mayTake(holder: Holder, most: number, nowMs: number): boolean {
    if (this.#taken >= most) return false;
    return !ClientShares.isScarce(this.#taken, most) || this.#shares.allows(holder, this.#taken, most, nowMs);
  }

  /**
   * One that is up, which is taken; null where one has to come up or be given back first.
   * @param most as many as there may be
   * @param waiting how many wait for one already: one comes up for each
   */
  take(holder: Holder, most: number, waiting: number, nowMs: number): RedisConnection | null {
    if (!this.mayTake(holder, most, nowMs)) return null;
    const connection = this.#free[holder.protocol].pop();
    if (connection === undefined) {
      this.#openFor(holder.protocol, most, waiting);
      return null;
    }
    this.#holders.set(connection, holder);
    this.#taken++;
    this.#shares.count(holder, nowMs);
    return connection;
  }

  #openFor(protocol: Protocol, most: number, waiting: number): void {
    let comesUp = 0;
    for (const connection of this.#holders.keys())
      if (connection.protocol === protocol && !connection.isReady) comesUp++;
    if (comesUp > waiting) return;
    // One of the other version that nobody has gives it its place.
    if (this.#holders.size >= most) this.#free[protocol === 2 ? 3 : 2].pop()?.destroy();
    if (this.#holders.size < most) this.#holders.set(this.#open(protocol), null);
  }

  /** One has come up. */
  onReady(connection: RedisConnection): void {
    if (this.#holders.has(connection)) this.#free[connection.protocol].push(connection);
  }

  /** Its client needs it no more. @returns whether it is free now */
  giveBack(connection: RedisConnection): boolean {
    const holder = this.#holders.get(connection);
    if (holder === undefined || holder === null) return false;
    this.#holders.set(connection, null);
    this.#taken--;
    this.#free[connection.protocol].push(connection);
    return true;
  }

  /** Whether one of a version is up, and nobody has it. */
  isFree(protocol: Protocol): boolean {
    return this.#free[protocol].length > 0;
  }

  onClosed(connection: RedisConnection): void {
    const holder = this.#holders.get(connection);
    if (!this.#holders.delete(connection)) return;
    if (holder !== null) this.#taken--;
    else this.#free[connection.protocol] = this.#free[connection.protocol].filter((each) => each !== connection);
  }

  /** Ends those that nobody has had for a while. */
  sweep(nowMs: number): void {
    for (const free of Object.values(this.#free))
      for (const connection of [...free]) if (nowMs - connection.busyAtMs > IDLE_MS) connection.destroy();
  }
}
