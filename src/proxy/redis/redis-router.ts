import { isDeepStrictEqual } from 'node:util';
import { threadId } from 'node:worker_threads';
import type { Accepted } from '../../io/index.ts';
import type { FamilyHost, Prepared, RunningFamily } from '../core/family.ts';
import type { ClusterOwners } from '../core/owner/cluster-owners.ts';
import type { PoolFactories } from '../core/owner/pool.ts';
import { ReplayArena } from '../core/replay-arena.ts';
import type { Session } from '../core/session.ts';
import { Chores } from './chores.ts';
import type { SessionOwner } from './client-session.ts';
import { RedisEntry, type RedisEntryDescription } from './entry.ts';
import { inspect } from './observed/inspect.ts';
import { SlowLog } from './observed/slow-log.ts';
import { ReplicaChoices } from './reads/replica-choices.ts';
import type { RedisContext } from './redis-context.ts';
import { REDIS_PROTOCOL, type RedisOwners } from './redis-owners.ts';
import type { RedisSettings } from './redis-settings.ts';
import { ReplySlab } from './requests/reply-slab.ts';
import { ScriptCaches } from './requests/script-cache.ts';
import { RedisSession } from './session.ts';
import { RedisPool } from './shards/redis-pool.ts';
import { ScanCursors } from './split/index.ts';

/** Ids tell the clients of a process apart: no thread has so many, and numbers hold them exactly. */
const IDS_OF_A_THREAD = 2 ** 40;

/** A thread's router as far as it is about Redis. */
export class RedisRouter implements RunningFamily<RedisSettings>, SessionOwner {
  readonly context: RedisContext;
  /** Its clients come in at addresses of their own: by first bytes an inline command cannot be told from HTTP/1.1. */
  readonly doors = [];
  readonly pools: PoolFactories;
  readonly #host: FamilyHost;
  #entries: ReadonlyMap<string, RedisEntry> = new Map();
  /** Where clients come in at an address whose cluster waits for a restart of the router. */
  readonly #nowhere: RedisEntry;
  readonly #sessions = new Set<RedisSession>();
  #lastId = threadId * IDS_OF_A_THREAD;

  constructor(host: FamilyHost) {
    this.#host = host;
    this.context = {
      clients: this.#sessions,
      core: host.context,
      arena: new ReplayArena(),
      slab: new ReplySlab(),
      scripts: new ScriptCaches(),
      oneSlotEach: new Set(),
      buses: new WeakMap(),
      chores: new Chores(),
      replicaChoices: new ReplicaChoices(host.context.random),
      cursors: new ScanCursors(),
      slowLog: new SlowLog(),
      hotKeys: null,
      timeOfDay: host.timeOfDay,
    };
    this.#nowhere = new RedisEntry('', { cluster: '' }, () => null, host.context.counters);
    this.pools = { [REDIS_PROTOCOL]: (endpoint) => new RedisPool(this.context, endpoint) };
  }

  accept(accepted: Accepted, entry: string): Session {
    const session = new RedisSession(this, accepted, this.#entries.get(entry) ?? this.#nowhere, ++this.#lastId);
    this.#sessions.add(session);
    session.entry.clients++;
    return session;
  }

  /** @throws Error where a user's commands are none */
  prepare({ entries }: RedisSettings): Prepared {
    const made = new Map<string, RedisEntry>();
    for (const [name, description] of Object.entries(entries)) {
      const before = this.#entries.get(name);
      const isSame = before !== undefined && isDeepStrictEqual(before.description, description);
      made.set(name, isSame ? before : this.#entryOf(name, description));
    }
    return { apply: () => this.#goBy(made), discard: () => {} };
  }

  /** @throws Error where an address leads nowhere */
  #goBy(entries: ReadonlyMap<string, RedisEntry>): void {
    for (const { description } of entries.values()) {
      const owners = this.#host.ownersIn(description.cluster);
      if (owners === undefined)
        throw new Error(`there is no cluster ${description.cluster}, to which Redis clients go`);
      if (owners.protocol !== REDIS_PROTOCOL)
        throw new Error(`Redis clients go to the cluster ${owners.name}, whose shards speak ${owners.protocol}`);
    }
    this.#entries = entries;
    this.#endFormerUsers();
    this.#follow(() => true);
  }

  /** Clients of users that are no more, or may do something else now, are ended, as Redis ends those of a deleted user: they log in again. */
  #endFormerUsers(): void {
    for (const session of this.#sessions) {
      const entry = this.#entries.get(session.entry.name);
      if (entry !== undefined && !entry.isSameUserIn(session.user.name, session.entry)) session.destroy();
    }
  }

  #entryOf(name: string, description: RedisEntryDescription): RedisEntry {
    const ownersNow = (): RedisOwners | null => {
      const owners = this.#host.ownersIn(description.cluster);
      return owners?.protocol === REDIS_PROTOCOL ? (owners as RedisOwners) : null;
    };
    return new RedisEntry(name, description, ownersNow, this.context.core.counters);
  }

  /** Each command asks for the owners anew; what clients listen to has to follow them. */
  onOwners(owners: ClusterOwners): void {
    this.#follow(({ cluster }) => cluster === owners.name);
  }

  #follow(isMeant: (entry: RedisEntryDescription) => boolean): void {
    for (const session of this.#sessions) if (isMeant(session.entry.description)) session.follow();
  }

  onSessionClosed(session: RedisSession): void {
    if (this.#sessions.delete(session)) session.entry.clients--;
    this.#host.onSessionClosed(session);
  }

  inspect(question: string, seconds: number): Promise<object | null> {
    return inspect(this.context, question, seconds);
  }

  async stop(): Promise<void> {}
}
