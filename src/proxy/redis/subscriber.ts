import {
  arrayReply,
  bulkReply,
  encodeCommand,
  forEachElement,
  integerReply,
  nullReply,
  type Protocol,
  pushReply,
  ReplyType,
  stringAt,
} from '../../resp/index.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import type { KeptBytes } from './kept-bytes.ts';
import type { RedisOwners } from './redis-owners.ts';
import type { RedisConnection } from './shards/redis-connection.ts';
import type { RedisPool } from './shards/redis-pool.ts';

/** What can be subscribed to, and how it is said. */
export type Kind = 'channel' | 'pattern' | 'shard-channel';

const WORDS: Readonly<Record<Kind, { readonly on: string; readonly off: string }>> = {
  channel: { on: 'subscribe', off: 'unsubscribe' },
  pattern: { on: 'psubscribe', off: 'punsubscribe' },
  'shard-channel': { on: 'ssubscribe', off: 'sunsubscribe' },
};

/** The kind and the way of each word that confirms. */
const CONFIRMATIONS = new Map<string, { readonly kind: Kind; readonly isOn: boolean }>(
  (Object.keys(WORDS) as Kind[]).flatMap((kind) => [
    [WORDS[kind].on, { kind, isOn: true }] as const,
    [WORDS[kind].off, { kind, isOn: false }] as const,
  ]),
);

/** What a subscriber needs of its session. */
export interface Listening {
  readonly protocol: Protocol;
  readonly keptBytes: KeptBytes;
  /** Writes what is no answer, between two answers. */
  push(bytes: Uint8Array, start: number, end: number): void;
  /**
   * Sends a command over the connection that the subscriber has to a shard, once all before it is answered.
   * @param isAsked the client has asked for it, and is told where it fails
   */
  sendToShard(
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    command: Uint8Array,
    key: string,
    isAsked: boolean,
  ): void;
  /** Calls back once all that is under way is answered, before anything else is sent. */
  afterAll(callback: () => void): void;
  /** What comes from a shard comes no more. */
  onListeningLost(): void;
}

/** Which shards a subscription is at, and whether the client knows of it. */
interface Subscription {
  owners: Set<Upstream<RedisPool>>;
  isConfirmed: boolean;
}

/** What a client listens to: a connection of its own to each shard that owns a channel of its. */
export class Subscriber {
  readonly #session: Listening;
  readonly #connections = new Map<Upstream<RedisPool>, RedisConnection>();
  readonly #all: Readonly<Record<Kind, Map<string, Subscription>>> = {
    channel: new Map(),
    pattern: new Map(),
    'shard-channel': new Map(),
  };
  /** Subscriptions that are confirmed, as clients are told: channels and patterns together, shard channels apart, as in Redis. */
  readonly #confirmed = { 'channels and patterns': 0, 'shard channels': 0 };
  /** Confirmations that are not for the client: it has had them, or one of another shard stands for all. */
  readonly #swallowed = new Map<string, number>();
  /** How often owners have changed: what is still to be done for an earlier change is of no use any more. */
  #changes = 0;
  #keptBytes = 0;

  constructor(session: Listening) {
    this.#session = session;
  }

  /** Something is subscribed to: a client of RESP2 may say little else. */
  get isListening(): boolean {
    return Object.values(this.#all).some(({ size }) => size > 0);
  }

  connectionTo(owner: Upstream<RedisPool>): RedisConnection | null {
    return this.#connections.get(owner) ?? null;
  }

  /** A connection is the subscriber's from now on. */
  adopt(owner: Upstream<RedisPool>, connection: RedisConnection): void {
    if (this.#connections.get(owner) === connection) return;
    this.#connections.set(owner, connection);
    connection.listener = {
      onMessage: (bytes, start, end) => this.#onMessage(bytes, start, end),
      onLost: () => {
        if (this.#connections.delete(owner)) this.#session.onListeningLost();
      },
    };
  }

  /** The shards at which a name is subscribed to. Redis Cluster's nodes tell each other what is published; others do not. */
  #ownersOf(kind: Kind, name: string, owners: RedisOwners): Set<Upstream<RedisPool>> {
    if (kind !== 'pattern') {
      const owner = owners.ownerOfText(name);
      return new Set(owner === null ? [] : [owner]);
    }
    const shards = owners.shared?.placement === 'slots' ? Math.min(1, owners.size) : owners.size;
    return new Set(Array.from({ length: shards }, (_, i) => owners.reach(i)));
  }

  /**
   * @param name latin1
   * @returns false where more names would be kept than may be
   */
  add(kind: Kind, name: string, owners: RedisOwners): boolean {
    const known = this.#all[kind].get(name);
    if (known !== undefined) {
      this.#confirm(kind, name, true);
      return true;
    }
    if (!this.#session.keptBytes.hasRoomFor(bytesFor(name))) return false;
    this.#keep(bytesFor(name));
    const at = this.#ownersOf(kind, name, owners);
    this.#all[kind].set(name, { owners: at, isConfirmed: false });
    [...at].forEach((owner, i) => {
      this.#ask(kind, name, true, owners, owner, i > 0);
    });
    return true;
  }

  #keep(bytes: number): void {
    this.#keptBytes += bytes;
    this.#session.keptBytes.add(bytes);
  }

  remove(kind: Kind, name: string, owners: RedisOwners): void {
    const known = this.#all[kind].get(name);
    if (this.#all[kind].delete(name)) this.#keep(-bytesFor(name));
    if (known?.isConfirmed === true) this.#confirmed[countedAs(kind)]--;
    if (known !== undefined) for (const owner of known.owners) this.#ask(kind, name, false, owners, owner, true);
    this.#confirm(kind, name, false);
  }

  /** All that is subscribed to. */
  names(kind: Kind): string[] {
    return [...this.#all[kind].keys()];
  }

  /** Nothing was subscribed to that could end. */
  removeNothing(kind: Kind): void {
    this.#confirm(kind, null, false);
  }

  /** Names whose owners are others now are listened to there, and then no more at the old ones: some at a time. */
  follow(owners: RedisOwners): void {
    this.#changes++;
    this.#followSome(this.#subscriptions(), owners, this.#changes);
  }

  *#subscriptions(): Generator<readonly [kind: Kind, name: string, subscription: Subscription]> {
    for (const kind of Object.keys(WORDS) as Kind[])
      for (const [name, subscription] of this.#all[kind]) yield [kind, name, subscription];
  }

  #followSome(all: Iterator<readonly [Kind, string, Subscription]>, owners: RedisOwners, change: number): void {
    if (change !== this.#changes) return;
    let asked = 0;
    for (let next = all.next(); next.done !== true; next = all.next()) {
      const [kind, name, subscription] = next.value;
      const now = this.#ownersOf(kind, name, owners);
      const joined = [...now].filter((owner) => !subscription.owners.has(owner));
      const left = [...subscription.owners].filter((owner) => !now.has(owner));
      subscription.owners = now;
      for (const owner of joined) this.#ask(kind, name, true, owners, owner, true);
      for (const owner of left) this.#ask(kind, name, false, owners, owner, true);
      asked += joined.length + left.length;
      if (asked < MAX_ASKED_AT_ONCE) continue;
      this.#session.afterAll(() => this.#followSome(all, owners, change));
      return;
    }
  }

  #ask(
    kind: Kind,
    name: string,
    isOn: boolean,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    isSwallowed: boolean,
  ): void {
    const word = isOn ? WORDS[kind].on : WORDS[kind].off;
    const swallowed = `${word} ${name}`;
    if (isSwallowed) this.#swallowed.set(swallowed, (this.#swallowed.get(swallowed) ?? 0) + 1);
    this.#session.sendToShard(owners, owner, encodeCommand([word, Buffer.from(name, 'latin1')]), name, !isSwallowed);
  }

  /** What a shard says: a confirmation, which the client gets with its own count, or a message, which it gets as it is. */
  #onMessage(bytes: Uint8Array, start: number, end: number): void {
    const heads: Array<readonly [number, number]> = [];
    forEachElement(bytes, start, end, (from, to) => heads.push([from, to]));
    const [word, name] = heads.map(([from, to]) => latin1Of(stringAt(bytes, from, to)));
    const confirmation = word === undefined ? undefined : CONFIRMATIONS.get(word);
    if (confirmation === undefined) this.#pass(bytes, start, end);
    else if (name !== undefined && !this.#isSwallowed(`${word} ${name}`))
      this.#confirm(confirmation.kind, name, confirmation.isOn);
  }

  /** Passes a message on. What a shard calls it depends on the version by which it was asked, which need not be the client's by now. */
  #pass(bytes: Uint8Array, start: number, end: number): void {
    const type = this.#session.protocol === 3 ? ReplyType.Push : ReplyType.Array;
    if (bytes[start] === type) {
      this.#session.push(bytes, start, end);
      return;
    }
    const other = Uint8Array.prototype.slice.call(bytes, start, end);
    other[0] = type;
    this.#session.push(other, 0, other.length);
  }

  #isSwallowed(what: string): boolean {
    const times = this.#swallowed.get(what) ?? 0;
    if (times > 1) this.#swallowed.set(what, times - 1);
    else this.#swallowed.delete(what);
    return times > 0;
  }

  #confirm(kind: Kind, name: string | null, isOn: boolean): void {
    const subscription = name === null ? undefined : this.#all[kind].get(name);
    if (subscription !== undefined && subscription.isConfirmed !== isOn) {
      subscription.isConfirmed = isOn;
      this.#confirmed[countedAs(kind)] += isOn ? 1 : -1;
    }
    const { on, off } = WORDS[kind];
    const { protocol } = this.#session;
    const parts = [
      bulkReply(isOn ? on : off),
      name === null ? nullReply(protocol) : bulkReply(Buffer.from(name, 'latin1')),
      integerReply(this.#confirmed[countedAs(kind)]),
    ];
    const bytes = protocol === 3 ? pushReply(parts, protocol) : arrayReply(parts);
    this.#session.push(bytes, 0, bytes.length);
  }

  /** What its client wants to listen to cannot be had. */
  onLost(): void {
    this.#session.onListeningLost();
  }

  /** Its client has gone, or listens to nothing any more. */
  stop(): void {
    this.#changes++;
    this.#keep(-this.#keptBytes);
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    for (const connection of connections) connection.destroy();
  }
}

/** As many as a client's own commands may be under way. */
const MAX_ASKED_AT_ONCE = 1024;
/** What a name takes in memory besides its bytes: its places in lists, here and at the shard's connection. */
const NAME_BYTES = 256;

function bytesFor(name: string): number {
  return name.length + NAME_BYTES;
}

function countedAs(kind: Kind): 'channels and patterns' | 'shard channels' {
  return kind === 'shard-channel' ? 'shard channels' : 'channels and patterns';
}

function latin1Of(bytes: Uint8Array | null): string | undefined {
  return bytes === null ? undefined : Buffer.from(bytes).toString('latin1');
}
