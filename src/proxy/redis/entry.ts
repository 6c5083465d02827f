import { timingSafeEqual } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { LATENCY_UNIT_US, type RouterCounters, type TrafficCounters } from '../core/counters.ts';
import type { CommandInfo } from './commands/index.ts';
import type { Reads } from './reads/replica-reading.ts';
import type { RedisOwners } from './redis-owners.ts';
import { RedisUser, type RedisUserDescription, UNRESTRICTED } from './users/redis-user.ts';
import { DEFAULT_USER } from './words.ts';

/** An address at which Redis clients come in. Plain data. */
export interface RedisEntryDescription {
  readonly cluster: string;
  /** What clients have to give; undefined: nothing. */
  readonly password?: string | undefined;
  /** Others that may come in, besides who gives that password. */
  readonly users?: readonly RedisUserDescription[] | undefined;
  readonly mode?: RedisMode | undefined;
  readonly reads?: Reads | undefined;
  /** Commands that take as long are kept in the slow log; by default 10 ms, as in Redis. */
  readonly slowAfterMs?: number | undefined;
  /** Members of the etcd, `host:port`, whose members clients may see and change (CLUSTER METARAFT); undefined: there is no such command. */
  readonly metaraft?: readonly string[] | undefined;
  /** Where clients reach this router, `host:port`, in place of the address that they have come to. */
  readonly announce?: readonly string[] | undefined;
}

/**
 * What clients see. `hidden`: one server. `direct`: a cluster, to whose nodes they go with their keys. `routers`: a cluster whose nodes are the
 * routers.
 */
export type RedisMode = 'hidden' | 'direct' | 'routers';

const DEFAULT_SLOW_AFTER_MS = 10;

/** What clients find at an address: the owners of their keys, and what is counted for their commands. */
export class RedisEntry {
  /** By which the config knows it. */
  readonly name: string;
  readonly description: RedisEntryDescription;
  /** What `slowAfterMs` is in units of latency. */
  readonly slowUnits: number;
  /** How many are connected. */
  clients = 0;
  readonly #users: ReadonlyMap<string, RedisUser>;
  readonly #ownersNow: () => RedisOwners | null;
  readonly #counters: RouterCounters;
  /** By the number of the command; made when it comes first. */
  readonly #traffic: Array<TrafficCounters | undefined> = [];

  /**
   * @param ownersNow the owners in the cluster at the moment; null where its shards do not speak RESP, or not any more
   * @throws Error where a user's commands are none
   */
  constructor(
    name: string,
    description: RedisEntryDescription,
    ownersNow: () => RedisOwners | null,
    counters: RouterCounters,
  ) {
    this.name = name;
    this.description = description;
    this.#users = new Map((description.users ?? []).map((user) => [user.name, new RedisUser(user)]));
    this.slowUnits = ((description.slowAfterMs ?? DEFAULT_SLOW_AFTER_MS) * 1000) / LATENCY_UNIT_US;
    this.#ownersNow = ownersNow;
    this.#counters = counters;
  }

  get owners(): RedisOwners | null {
    return this.#ownersNow();
  }

  get mode(): RedisMode {
    return this.description.mode ?? 'hidden';
  }

  get reads(): Reads {
    return this.description.reads ?? 'primary';
  }

  /** Where the other routers of the cluster are reached, as they announce themselves. */
  get otherRouters(): readonly string[] {
    return [];
  }

  get asksPassword(): boolean {
    const { password, users = [] } = this.description;
    return password !== undefined || users.length > 0;
  }

  /** Who gives this name and this password; null: nobody who may come in. */
  userOf(username: string, password: string): RedisUser | null {
    const { password: wanted } = this.description;
    if (username === DEFAULT_USER) return wanted !== undefined && isSame(password, wanted) ? UNRESTRICTED : null;
    const known = this.#described(username);
    return known !== undefined && isSame(password, known.password) ? (this.#users.get(username) ?? null) : null;
  }

  /** Whether who has come in here by this name may do the same by another description of the address. */
  isSameUserIn(username: string, other: RedisEntry): boolean {
    return username === DEFAULT_USER || isDeepStrictEqual(this.#described(username), other.#described(username));
  }

  #described(username: string): RedisUserDescription | undefined {
    return this.description.users?.find(({ name }) => name === username);
  }

  hasUser(username: string): boolean {
    return username === DEFAULT_USER || this.#users.has(username);
  }

  /** What is counted for a command: as a route that is called by the cluster and the command. */
  trafficOf({ index, name }: CommandInfo): TrafficCounters {
    const known = this.#traffic[index];
    if (known !== undefined) return known;
    const made = this.#counters.route(`${this.description.cluster} ${name.replace('|', ' ').toUpperCase()}`);
    this.#traffic[index] = made;
    return made;
  }
}

/** In a time that tells nothing of where they differ. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
