import { type Reply, RespClient, RespClientError, type RespLogin, textOf } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { Node } from '../../../topology/index.ts';
import { type NodeAccess, SlotMoveError, type SlotMover } from '../../engine.ts';
import { readOwnLine } from './node-report.ts';

/** A batch with a key of some gigabytes takes as long. */
const LONGEST_ANSWER_MS = 60_000;
/** Moves slots between nodes of Redis or Valkey: SETSLOT and MIGRATE, as `redis-cli --cluster reshard` does. */
export class RedisSlotMover implements SlotMover {
  readonly #access: NodeAccess;
  readonly #longestBlockMs: number;
  readonly #onTold: (address: string) => void;
  /** By address: those that move keys, and those that are asked what takes no time. */
  readonly #moving = new Clients();
  readonly #asking = new Clients();

  /**
   * @param longestBlockMs for each read or write of MIGRATE, in which its server does nothing else
   * @param onTold called with the address of a node that is something else from now on
   */
  constructor(access: NodeAccess, longestBlockMs: number, onTold: (address: string) => void) {
    this.#access = access;
    this.#longestBlockMs = longestBlockMs;
    this.#onTold = onTold;
  }

  async owns({ address }: Node, slot: number): Promise<boolean> {
    const own = readOwnLine(textOf(await this.#ask(address, ['CLUSTER', 'NODES'])) ?? '', address);
    if (own === null) throw new SlotMoveError(`${address} does not say which slots it has`);
    return own.slots.some(([first, last]) => first <= slot && slot <= last);
  }

  /**
   * The target first: the source sends clients there from then on. Where the source is one that has taken over, the target has not followed that for a
   * slot that it imports, and knows no owner of it once the old one is a replica: then it would serve nothing of the slot.
   */
  async open(slot: number, from: Node, to: Node): Promise<void> {
    await this.#setSlot(to, slot, ['NODE', from.id]);
    await this.#setSlot(to, slot, ['IMPORTING', from.id]);
    await this.#setSlot(from, slot, ['MIGRATING', to.id]);
  }

  async checkEmpty(slot: number, from: Node, to: Node): Promise<void> {
    const reply = await this.#ask(from.address, ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]);
    if (reply.type !== 'integer') throw refusal(from, reply);
    if (reply.value === 0) return;
    await this.#setSlot(from, slot, ['STABLE']);
    await this.#setSlot(to, slot, ['STABLE']);
    throw new SlotMoveError(`slot ${slot} has ${reply.value} keys at ${from.address}, which would be lost`, true);
  }

  async moveKeys(slot: number, from: Node, to: Node, count: number, kept: 'source' | 'target'): Promise<number> {
    const reply = await this.#ask(from.address, ['CLUSTER', 'GETKEYSINSLOT', String(slot), String(count)]);
    if (reply.type !== 'array') throw refusal(from, reply);
    const keys = reply.items.flatMap((item) => (item.type === 'bulk' ? [item.bytes] : []));
    if (keys.length === 0) return 0;
    const answer = await this.#migrate(from, to, keys, kept === 'source');
    if (answer.type !== 'error') return keys.length;
    if (kept === 'source' || !isTaken(answer)) throw refusal(from, answer);
    // One of them is at the target already, where clients may have changed it since.
    for (const key of keys) {
      const one = await this.#migrate(from, to, [key], false);
      if (one.type !== 'error') continue;
      if (!isTaken(one)) throw refusal(from, one);
      await this.#ask(from.address, ['DEL', key]);
    }
    return keys.length;
  }

  async #migrate(from: Node, to: Node, keys: readonly Uint8Array[], replaces: boolean): Promise<Reply> {
    const { host, port } = splitAddress(to.address);
    const { login } = this.#access;
    // AUTH2 is not known before Redis 6, and has the names of users.
    const names = login?.username === 'default' ? ['AUTH'] : ['AUTH2', login?.username ?? ''];
    const words = [
      ...['MIGRATE', host, String(port), '', '0', String(this.#longestBlockMs)],
      ...(replaces ? ['REPLACE'] : []),
      ...(login === null ? [] : [...names, login.password]),
      'KEYS',
      ...keys,
    ];
    return (await this.#moving.at(from.address, login, LONGEST_ANSWER_MS)).ask(words);
  }

  /** The target first: were it lost before it knows, the source would still have the slot. Then all others, which would hear of it some time. */
  async settle(slot: number, from: Node, to: Node, others: readonly Node[]): Promise<void> {
    // Without it, it would not claim the slot by a newer epoch. One that has claimed it already says so.
    await this.#setSlot(to, slot, ['IMPORTING', from.id], 'already the owner');
    await this.#setSlot(to, slot, ['NODE', to.id]);
    const told = [from, ...others].map((node) => this.#setSlot(node, slot, ['NODE', to.id]));
    // One that is away hears of it from the others once it is back.
    for (const one of await Promise.allSettled(told))
      if (one.status === 'rejected' && !(one.reason instanceof RespClientError)) throw one.reason;
  }

  /** @param mayRefuse what an error may say */
  async #setSlot(node: Node, slot: number, words: readonly string[], mayRefuse?: string): Promise<void> {
    const reply = await this.#ask(node.address, ['CLUSTER', 'SETSLOT', String(slot), ...words]);
    this.#onTold(node.address);
    if (reply.type === 'error' && (mayRefuse === undefined || !reply.text.includes(mayRefuse)))
      throw refusal(node, reply);
  }

  async #ask(address: string, words: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    const { login, timeoutMs } = this.#access;
    return (await this.#asking.at(address, login, timeoutMs)).ask(words);
  }

  avoid(addresses: ReadonlySet<string>): void {
    this.#moving.avoid(addresses);
    this.#asking.avoid(addresses);
  }

  close(): void {
    this.#moving.close();
    this.#asking.close();
  }
}

/** One connection to each address, which all that use it share. */
class Clients {
  readonly #opened = new Map<string, Promise<RespClient>>();
  #avoided: ReadonlySet<string> = new Set();

  /** @throws RespClientError */
  async at(address: string, login: RespLogin | null, timeoutMs: number): Promise<RespClient> {
    if (this.#avoided.has(address)) throw new RespClientError(`${address} is being replaced`);
    const known = this.#opened.get(address);
    if (known !== undefined) {
      const client = await known.catch(() => null);
      if (client?.isClosed === false) return client;
      // Another one that has waited for it too may have been faster.
      if (this.#opened.get(address) !== known) return this.at(address, login, timeoutMs);
    }
    const opening = RespClient.connect({ target: splitAddress(address), certificates: null }, login, timeoutMs);
    this.#opened.set(address, opening);
    return opening;
  }

  avoid(addresses: ReadonlySet<string>): void {
    this.#avoided = addresses;
    for (const address of addresses) this.#end(address);
  }

  close(): void {
    for (const address of this.#opened.keys()) this.#end(address);
  }

  #end(address: string): void {
    this.#opened.get(address)?.then(
      (client) => client.close(),
      () => {},
    );
    this.#opened.delete(address);
  }
}

function refusal({ address }: Node, reply: Reply): SlotMoveError {
  return new SlotMoveError(`${address} refuses: ${textOf(reply) ?? `an answer that is ${reply.type}`}`);
}

/** The target has the key already. */
function isTaken(reply: Reply): boolean {
  return textOf(reply)?.includes('BUSYKEY') === true;
}
