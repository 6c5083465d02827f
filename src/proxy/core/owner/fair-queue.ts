/** The client that a waiting request came from: one connection, of the clients of one network. */
export interface Waiting {
  /** The client, or its network; see `clientGroup`. */
  readonly clientGroup: string;
  /** The connection that it came on. */
  readonly clientConnection: object;
}

/** Whether what handles a stream is a request that came from a client. */
export function isWaiting<Handler extends object>(handler: Handler): handler is Handler & Waiting {
  return 'clientGroup' in handler;
}

/** Queues that take turns, by what their items have in common. */
class Turns<Key, Queue extends { readonly length: number }> {
  /** In the order of their turns; none is empty. */
  readonly queues = new Map<Key, Queue>();

  of(key: Key, make: () => Queue): Queue {
    let queue = this.queues.get(key);
    if (queue === undefined) {
      queue = make();
      this.queues.set(key, queue);
    }
    return queue;
  }

  /** Has a queue wait for its next turn behind all others. */
  rotate(key: Key, queue: Queue): void {
    this.queues.delete(key);
    this.queues.set(key, queue);
  }

  get longest(): { readonly key: Key; readonly queue: Queue } | null {
    let longest: { key: Key; queue: Queue } | null = null;
    for (const [key, queue] of this.queues)
      if (longest === null || queue.length > longest.queue.length) longest = { key, queue };
    return longest;
  }
}

/** The requests of one network's clients, taken round its connections. */
class Group<Item extends Waiting> {
  readonly connections = new Turns<object, Item[]>();
  length = 0;
}

/**
 * Requests that wait for a place at a shard, taken round the clients: round their networks, and within one round its
 * connections, so that a client that sends much waits for itself. A full queue gives up requests of the client that has
 * most in it.
 */
export class FairQueue<Item extends Waiting> {
  readonly #groups = new Turns<string, Group<Item>>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /**
   * Has an item wait.
   * @param most that may wait
   * @returns the one that may not wait, if any: the newest of the fullest connection of the fullest group
   */
  push(item: Item, most: number): Item | null {
    const group = this.#groups.of(item.clientGroup, () => new Group());
    group.connections.of(item.clientConnection, () => []).push(item);
    group.length++;
    this.#length++;
    if (this.#length <= most) return null;
    const newest = this.#groups.longest?.queue.connections.longest?.queue.at(-1);
    if (newest !== undefined) this.remove(newest);
    return newest ?? null;
  }

  /**
   * The next one that may go, which the caller takes out by `remove`; null where none may, or none waits. Its client's
   * turn is over.
   */
  next(mayGo: (item: Item) => boolean = () => true): Item | null {
    for (const [groupKey, group] of this.#groups.queues) {
      for (const [connectionKey, items] of group.connections.queues) {
        const item = items[0] as Item;
        if (!mayGo(item)) continue;
        group.connections.rotate(connectionKey, items);
        this.#groups.rotate(groupKey, group);
        return item;
      }
    }
    return null;
  }

  /** An item waits no more. */
  remove(item: Item): void {
    const group = this.#groups.queues.get(item.clientGroup);
    const items = group?.connections.queues.get(item.clientConnection);
    const place = items?.indexOf(item) ?? -1;
    if (group === undefined || items === undefined || place < 0) return;
    items.splice(place, 1);
    this.#length--;
    group.length--;
    if (items.length === 0) group.connections.queues.delete(item.clientConnection);
    if (group.length === 0) this.#groups.queues.delete(item.clientGroup);
  }

  /** Takes all of them, in their turns. */
  takeAll(): Item[] {
    const all: Item[] = [];
    for (let item = this.next(); item !== null; item = this.next()) {
      this.remove(item);
      all.push(item);
    }
    return all;
  }
}

/** Groups of an IPv6 address that name a site's network (RFC 6177 has them share this much or more). */
const NETWORK_GROUPS = 4;

/** What stands for a client where clients take turns: its address, of IPv6 the network, which one client has whole. */
export function clientGroup(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] as string;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) while (groups.length < NETWORK_GROUPS) groups.push('0');
  return groups.slice(0, NETWORK_GROUPS).join(':');
}
