import {
  arrayReply,
  bulkReply,
  encodeCommand,
  errorReply,
  forEachElement,
  integerReply,
  nullReply,
  pushReply,
  type Redirect,
  ReplyType,
  redirectOf,
  stringAt,
} from '../../resp/index.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import { type Asked, isAbout, isAnswerTo } from './asked-subscription.ts';
import type { Listening } from './listening.ts';
import type { RedisOwners } from './redis-owners.ts';
import { addressIn, isPassing, isRedirect, MAX_SENDINGS } from './requests/slot-error.ts';
import type { RedisConnection } from './shards/redis-connection.ts';
import type { RedisPool } from './shards/redis-pool.ts';
import { CONFIRMATIONS, isNamed, isOfAll, type Kind, WORDS } from './subscription-kind.ts';
import { ERRORS } from './words.ts';

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
  /** What each shard was asked, in that order, and has yet to confirm. */
  readonly #asked = new Map<Upstream<RedisPool>, Asked[]>();
  /** Confirmations that the client waits for, and behind which no answer stands yet. */
  #unconfirmed = 0;
  /** Answers that stand behind confirmations, and behind how many. None behind the first is asked for before that has ended. */
  readonly #held: Array<{ left: number; readonly end: () => void }> = [];
  /** What was known last of the cluster. */
  #hasBus = true;
  #isStopped = false;
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
    if (this.#isStopped) {
      connection.destroy();
      return;
    }
    this.#connections.set(owner, connection);
    connection.listener = {
      onMessage: (bytes, start, end) => this.#onMessage(owner, bytes, start, end),
      onLost: () => {
        if (this.#connections.delete(owner)) this.#session.onListeningLost();
      },
    };
  }

  /**
   * The shards at which a name is subscribed to. Redis Cluster's nodes tell each other what is published; others do not, and of what happens to its
   * keys each server tells its own clients alone.
   */
  #ownersOf(kind: Kind, name: string, owners: RedisOwners): Set<Upstream<RedisPool>> {
    if (isNamed(kind, name)) {
      const owner = owners.ownerOfText(name);
      return new Set(owner === null ? [] : [owner]);
    }
    this.#hasBus = this.#session.hasBus(owners) ?? this.#hasBus;
    const shards = this.#hasBus && !isOfAll(kind, name) ? Math.min(1, owners.size) : owners.size;
    return new Set(Array.from({ length: shards }, (_, i) => owners.reach(i)));
  }

  /**
   * @param name latin1
   * @returns false where more names would be kept than may be
   */
  add(kind: Kind, name: string, owners: RedisOwners): boolean {
    const known = this.#all[kind].get(name);
    if (known !== undefined) {
      this.separate();
      this.#session.inTurn(() => this.#confirm(kind, name, true));
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

  /** In its turn: what was asked before is answered. */
  remove(kind: Kind, name: string, owners: RedisOwners): void {
    const known = this.#forget(kind, name);
    if (known !== undefined) for (const owner of known.owners) this.#ask(kind, name, false, owners, owner, true);
    this.#confirm(kind, name, false);
  }

  #forget(kind: Kind, name: string): Subscription | undefined {
    const known = this.#all[kind].get(name);
    if (this.#all[kind].delete(name)) this.#keep(-bytesFor(name));
    if (known?.isConfirmed === true) this.#confirmed[countedAs(kind)]--;
    return known;
  }

  countOf(kind: Kind): number {
    return this.#all[kind].size;
  }

  /** Some of what is subscribed to: as many as there are, up to a number. */
  names(kind: Kind, most: number): string[] {
    return this.#all[kind].keys().take(most).toArray();
  }

  /** Nothing was subscribed to that could end. In its turn. */
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
    if (!isSwallowed) this.#unconfirmed++;
    this.#send({ kind, name, isOn, isSwallowed, sendings: 1 }, owners, owner);
  }

  #send(asked: Asked, owners: RedisOwners, owner: Upstream<RedisPool>, isRedirected = false): void {
    const { kind, name, isOn } = asked;
    const word = isOn ? WORDS[kind].on : WORDS[kind].off;
    this.#session.sendToShard(owners, owner, {
      command: encodeCommand([word, Buffer.from(name, 'latin1')]),
      isOn,
      key: isNamed(kind, name) ? name : null,
      // A server spoke of the owners that it knew: another version has the last word.
      ownerIn: (later) =>
        isRedirected && later.build === owners.build
          ? owner
          : this.#successorOf(owner, this.#ownersOf(kind, name, later), later),
      onSent: (at) => this.#noteAsked(at, asked),
      isAgain: asked.sendings > 1,
      onFailed: (text) => {
        if (asked.sendings > 1) this.#tellError(asked, errorReply(text));
        else this.#onRefused(asked);
      },
    });
  }

  /** Where it goes what was to go to a shard, as its name is at others by now. */
  #successorOf(
    owner: Upstream<RedisPool>,
    now: ReadonlySet<Upstream<RedisPool>>,
    owners: RedisOwners,
  ): Upstream<RedisPool> | null {
    if (now.has(owner)) return owner;
    const same = owners.withId(owner.id);
    if (same !== null && now.has(same)) return same;
    const [any = null] = now;
    return any;
  }

  #noteAsked(owner: Upstream<RedisPool>, asked: Asked): void {
    const all = this.#asked.get(owner) ?? [];
    this.#asked.set(owner, all);
    all.push(asked);
  }

  /** What follows is answered behind the confirmations that have yet to come, as by a server. */
  separate(): void {
    if (this.#unconfirmed === 0) return;
    this.#held.push({ left: this.#unconfirmed, end: this.#session.holdAnswers() });
    this.#unconfirmed = 0;
  }

  /** A confirmation that the client waits for has come, or will not come. */
  #settle(): void {
    const [first] = this.#held;
    if (first === undefined) this.#unconfirmed--;
    else if (--first.left === 0) {
      this.#held.shift();
      first.end();
    }
  }

  /** A shard does not take what the client wants to listen to, and the client is told; of the rest it would miss something. */
  #onRefused({ kind, name, isSwallowed }: Asked): void {
    if (isSwallowed) this.#session.onListeningLost();
    else {
      this.#forget(kind, name);
      this.#settle();
    }
  }

  /** What a shard says: a confirmation, which the client gets with its own count, or a message, which it gets as it is. */
  #onMessage(owner: Upstream<RedisPool>, bytes: Uint8Array, start: number, end: number): void {
    const all = this.#asked.get(owner) ?? [];
    const [asked] = all;
    if (bytes[start] === ReplyType.Error) {
      this.#onError(owner, all, bytes, start, end);
      return;
    }
    const heads: Array<readonly [number, number]> = [];
    forEachElement(bytes, start, end, (from, to) => heads.push([from, to]));
    const [word, name] = heads.map(([from, to]) => latin1Of(stringAt(bytes, from, to)));
    const confirmation = word === undefined ? undefined : CONFIRMATIONS.get(word);
    if (confirmation === undefined) this.#pass(bytes, start, end);
    else if (asked === undefined || !isAnswerTo(asked, confirmation, name)) {
      if (!confirmation.isOn && name !== undefined) this.#onEnded(owner, confirmation.kind, name);
    } else {
      all.shift();
      if (asked.isSwallowed) return;
      this.#confirm(asked.kind, asked.name, asked.isOn);
      this.#settle();
    }
  }

  /**
   * A shard ends a subscription by itself, as where its slot has left it: the client hears nothing of that, and listens where the slot is now. The
   * topology may not know that yet; then the shard says where it is.
   */
  #onEnded(owner: Upstream<RedisPool>, kind: Kind, name: string): void {
    // Where it is listened to elsewhere by now, it goes on there.
    if (this.#all[kind].get(name)?.owners.delete(owner) !== true) return;
    this.#listenAgain(owner, { kind, name, isOn: true, isSwallowed: true, sendings: 1 }, null, 1);
  }

  #onError(owner: Upstream<RedisPool>, all: Asked[], bytes: Uint8Array, start: number, end: number): void {
    const [first] = all;
    const redirect = redirectOf(bytes, start, end);
    // What a shard has ended by itself it is asked to end as well, if that is on its way: its end was taken for the answer.
    if (redirect !== null && (first === undefined || !isAbout(redirect, first))) return;
    const asked = all.shift();
    // The slot has left the shard, and what was subscribed to there has ended with it.
    if (redirect !== null && asked?.isOn === false) return;
    if (asked?.isOn === true && isPassing(bytes, start, end) && asked.sendings < MAX_SENDINGS) {
      this.#askAgain(owner, asked, redirect);
      return;
    }
    this.#tellError(asked, isRedirect(bytes, start, end) ? errorReply(ERRORS.moved) : bytes.subarray(start, end));
  }

  #tellError(asked: Asked | undefined, error: Uint8Array): void {
    if (asked?.isSwallowed !== true) this.#session.push(error, 0, error.length);
    if (asked !== undefined) this.#onRefused(asked);
  }

  /** Asks again what a shard has not taken for its slot's sake: where the slot is, as the shard says, or where the topology has it by then. */
  #askAgain(from: Upstream<RedisPool>, asked: Asked, redirect: Redirect | null): void {
    const address = redirect?.kind === 'moved' ? addressIn(redirect, from) : null;
    this.#listenAgain(from, asked, address, address === null ? asked.sendings + 1 : asked.sendings);
  }

  #listenAgain(from: Upstream<RedisPool>, asked: Asked, address: string | null, attempt: number): void {
    const { kind, name } = asked;
    const again = { ...asked, sendings: asked.sendings + 1 };
    this.#session.afterPause(attempt, (owners) => {
      const subscription = this.#all[kind].get(name);
      if (this.#isStopped || subscription === undefined) return;
      const told = address === null ? null : (owners?.at(address) ?? null);
      const to = told ?? (owners === null ? null : this.#successorOf(from, this.#ownersOf(kind, name, owners), owners));
      if (owners === null || to === null) {
        this.#tellError(asked, errorReply(ERRORS.notServed));
        return;
      }
      subscription.owners.delete(from);
      subscription.owners.add(to);
      this.#send(again, owners, to, told !== null);
    });
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

  /** Its client has gone, or listens to nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#changes++;
    for (const { end } of this.#held.splice(0)) end();
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
