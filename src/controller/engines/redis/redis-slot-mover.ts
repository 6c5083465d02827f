import { type Reply, type RespClient, RespClientError, textOf, withoutArguments } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { Node } from '../../../topology/index.ts';
import { type MoveBlock, type NodeAccess, SlotMoveError, type SlotMover, SlotStuck } from '../../engine.ts';
import { Clients } from './clients.ts';
import { fieldsOf, readOwnLine } from './node-report.ts';

/** A batch with a key of some gigabytes takes as long. */
const LONGEST_ANSWER_MS = 60_000;

/** What is said of so many slots in one go takes a node about a millisecond, and it serves nobody meanwhile. */
const SLOTS_AT_ONCE = 64;

type Words = ReadonlyArray<string | Uint8Array>;

/** What CLUSTER SETSLOT says of a slot. */
interface SlotWords {
  readonly words: readonly string[];
  /** What an error may say. */
  readonly mayRefuse?: string;
}

/** Moves slots between nodes of Redis or Valkey: SETSLOT and MIGRATE, as `redis-cli --cluster reshard` does. */
export class RedisSlotMover implements SlotMover {
  readonly slotsAtOnce = SLOTS_AT_ONCE;
  readonly #access: NodeAccess;
  readonly #block: MoveBlock;
  readonly #onTold: (address: string) => void;
  /** Those that move keys, those that look for them and delete them at targets, and those that are asked what takes no time. */
  readonly #moving: Clients;
  readonly #takingBack: Clients;
  readonly #asking: Clients;
  readonly #runs = new WeakMap<RespClient, string>();

  /**
   * @param block for each read or write of MIGRATE, in which its server does nothing else
   * @param onTold called with the address of a node that is something else from now on
   */
  constructor(access: NodeAccess, block: MoveBlock, onTold: (address: string) => void) {
    this.#access = access;
    this.#block = block;
    this.#onTold = onTold;
    this.#moving = new Clients(access, LONGEST_ANSWER_MS);
    this.#takingBack = new Clients(access, LONGEST_ANSWER_MS);
    this.#asking = new Clients(access, access.timeoutMs);
  }

  async owned({ address }: Node, slots: readonly number[]): Promise<ReadonlySet<number>> {
    const own = readOwnLine(textOf(await this.#ask(address, ['CLUSTER', 'NODES'])) ?? '', address);
    if (own === null) throw new SlotMoveError(`${address} does not say which slots it has`);
    return new Set(slots.filter((slot) => own.slots.some(([first, last]) => first <= slot && slot <= last)));
  }

  /**
   * The target first: the source sends clients there from then on. Where the source is one that has taken over, the target has not followed that for a
   * slot that it imports, and knows no owner of it once the old one is a replica: then it would serve nothing of the slot.
   */
  async open(slots: readonly number[], from: Node, to: Node): Promise<void> {
    await this.#setSlots(to, slots, [{ words: ['NODE', from.id] }, { words: ['IMPORTING', from.id] }]);
    await this.#setSlots(from, slots, [{ words: ['MIGRATING', to.id] }]);
  }

  async countKeys(slots: readonly number[], node: Node): Promise<readonly number[]> {
    const commands = slots.map((slot) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]);
    return (await this.#askAll(node.address, commands)).map((reply) => {
      if (reply.type !== 'integer') throw refusal(node, reply);
      return Number(reply.value);
    });
  }

  async runOf(node: Node): Promise<string> {
    return this.#runOn(await this.#moving.at(node.address), node);
  }

  /** By its connection, which ends where the server does. */
  async #runOn(client: RespClient, node: Node): Promise<string> {
    const known = this.#runs.get(client);
    if (known !== undefined) return known;
    const reply = await client.ask(['INFO', 'server']);
    const run = reply.type === 'error' ? undefined : fieldsOf(textOf(reply) ?? '').get('run_id');
    if (run === undefined) throw refusal(node, reply);
    this.#runs.set(client, run);
    return run;
  }

  async moveKeys(slots: readonly number[], from: Node, to: Node, count: number, run: string): Promise<number> {
    const client = await this.#moving.at(from.address);
    const isSame = (await this.#runOn(client, from)) === run;
    const commands = slots.map((slot) => ['CLUSTER', 'GETKEYSINSLOT', String(slot), String(count)]);
    const found = await this.#askAll(from.address, commands);
    let moved = 0;
    for (const [i, reply] of found.entries()) {
      if (reply.type !== 'array') throw refusal(from, reply);
      const keys = reply.items.flatMap((item) => (item.type === 'bulk' ? [item.bytes] : [])).slice(0, count - moved);
      // The keys of one MIGRATE are of one slot.
      if (keys.length > 0) await this.#moveSome(client, slots[i] as number, keys, from, to, isSame);
      moved += keys.length;
    }
    return moved;
  }

  async #moveSome(
    client: RespClient,
    slot: number,
    batch: readonly Uint8Array[],
    from: Node,
    to: Node,
    isSame: boolean,
  ): Promise<void> {
    const keys = isSame ? batch : await this.#withoutThoseAt(to, batch, from);
    if (keys.length === 0) return;
    const answer = await this.#migrate(client, to, keys, isSame, this.#block.usualMs);
    if (answer.type !== 'error') return;
    if (!isTimeout(answer)) throw refusal(from, answer);
    await this.#takeBack(keys, from, to);
    for (const key of keys) await this.#moveOne(client, slot, key, from, to, isSame);
  }

  /** Waits for a large key longer and longer. */
  async #moveOne(
    client: RespClient,
    slot: number,
    key: Uint8Array,
    from: Node,
    to: Node,
    replaces: boolean,
  ): Promise<void> {
    const { usualMs, longestMs } = this.#block;
    for (let blockMs = usualMs; ; blockMs = Math.min(longestMs, blockMs * 2)) {
      const answer = await this.#migrate(client, to, [key], replaces, blockMs);
      if (answer.type !== 'error') return;
      if (!isTimeout(answer)) throw refusal(from, answer);
      await this.#takeBack([key], from, to);
      if (blockMs < longestMs) continue;
      const reason = `slot ${slot} has a key that does not move within ${longestMs} ms, half the time after which ${from.address} would count as dead`;
      throw new SlotStuck(slot, `${reason}; make it smaller, or raise probe.failures or probe.interval, and resume`);
    }
  }

  async #migrate(
    client: RespClient,
    to: Node,
    keys: readonly Uint8Array[],
    replaces: boolean,
    blockMs: number,
  ): Promise<Reply> {
    const { host, port } = splitAddress(to.address);
    const { login } = this.#access;
    // AUTH2 is not known before Redis 6, and has the names of users.
    const names = login?.username === 'default' ? ['AUTH'] : ['AUTH2', login?.username ?? ''];
    return client.ask([
      ...['MIGRATE', host, String(port), '', '0', String(blockMs)],
      ...(replaces ? ['REPLACE'] : []),
      ...(login === null ? [] : [...names, login.password]),
      'KEYS',
      ...keys,
    ]);
  }

  /**
   * Deletes at the target what a MIGRATE that was not answered in time has left there of keys that the source still has: once the source has one
   * no more, clients would find that old copy. The target deletes nothing that anybody has changed since it was looked whether the source has it.
   */
  async #takeBack(keys: readonly Uint8Array[], from: Node, to: Node): Promise<void> {
    const client = await this.#takingBack.at(to.address);
    const atTarget = await keysAt(client, to, keys, true);
    const there = await Promise.all(atTarget.map((key) => this.#ask(from.address, ['EXISTS', key])));
    const strange = there.find((reply) => reply.type === 'error' && !isAsk(reply));
    if (strange !== undefined) throw refusal(from, strange);
    const left = atTarget.filter((_, i) => has(there[i]));
    // ASKING holds for all of a transaction.
    const words =
      left.length === 0 ? [['UNWATCH']] : [['ASKING'], ['MULTI'], ...left.map((key) => ['DEL', key]), ['EXEC']];
    const done = (await Promise.all(words.map((each) => client.ask(each)))).at(-1) as Reply;
    if (done.type === 'error') throw refusal(to, done);
    if (left.length > 0 && done.type !== 'array')
      throw new SlotMoveError(`a key has changed at ${to.address} that was to be taken back from there`);
  }

  /** Deletes keys at the source that the target has. @returns the others */
  async #withoutThoseAt(to: Node, keys: readonly Uint8Array[], from: Node): Promise<readonly Uint8Array[]> {
    const taken = new Set(await keysAt(await this.#takingBack.at(to.address), to, keys, false));
    for (const key of taken) {
      const reply = await this.#ask(from.address, ['DEL', key]);
      if (reply.type === 'error' && !isAsk(reply)) throw refusal(from, reply);
    }
    return keys.filter((key) => !taken.has(key));
  }

  /** The target first: were it lost before it knows, the source would still have the slot. Then all others, which would hear of it some time. */
  async settle(slots: readonly number[], from: Node, to: Node, others: readonly Node[]): Promise<void> {
    // Without it, it would not claim the slot by a newer epoch. One that has claimed it already says so.
    const claims = { words: ['IMPORTING', from.id], mayRefuse: 'already the owner' };
    const owns = { words: ['NODE', to.id] };
    await this.#setSlots(to, slots, [claims, owns]);
    const told = [from, ...others].map((node) => this.#setSlots(node, slots, [owns]));
    // One that is away hears of it from the others once it is back.
    for (const one of await Promise.allSettled(told))
      if (one.status === 'rejected' && !(one.reason instanceof RespClientError)) throw one.reason;
  }

  /** Tells a node things of each of some slots, all at once: it writes its config file once for all of them. */
  async #setSlots(node: Node, slots: readonly number[], things: readonly SlotWords[]): Promise<void> {
    const commands = slots.flatMap((slot) =>
      things.map(({ words, mayRefuse }) => ({ words: ['CLUSTER', 'SETSLOT', String(slot), ...words], mayRefuse })),
    );
    const replies = await this.#askAll(
      node.address,
      commands.map(({ words }) => words),
    );
    this.#onTold(node.address);
    for (const [i, reply] of replies.entries()) {
      const mayRefuse = commands[i]?.mayRefuse;
      if (reply.type === 'error' && (mayRefuse === undefined || !reply.text.includes(mayRefuse)))
        throw refusal(node, reply);
    }
  }

  async #ask(address: string, words: Words): Promise<Reply> {
    return (await this.#asking.at(address)).ask(words);
  }

  /** In one go, without waiting for each answer. */
  async #askAll(address: string, commands: readonly Words[]): Promise<readonly Reply[]> {
    const client = await this.#asking.at(address);
    return Promise.all(commands.map((words) => client.ask(words)));
  }

  avoid(addresses: ReadonlySet<string>): void {
    for (const clients of this.#clients()) clients.avoid(addresses);
  }

  close(): void {
    for (const clients of this.#clients()) clients.close();
  }

  #clients(): readonly Clients[] {
    return [this.#moving, this.#takingBack, this.#asking];
  }
}

function refusal({ address }: Node, reply: Reply): SlotMoveError {
  const text = textOf(reply) ?? `an answer that is ${reply.type}`;
  // Servers repeat a command that they do not know: MIGRATE with its password.
  const said = /unknown (sub)?command/i.test(text)
    ? `${withoutArguments(text)}, a command that it does not know`
    : text;
  return new SlotMoveError(`${address} refuses: ${said}`);
}

/** The target did not take a key, or not in time. */
function isTimeout(reply: Reply): boolean {
  return textOf(reply)?.startsWith('IOERR') === true;
}

/** What a source says of a key that it does not have. */
function isAsk(reply: Reply): boolean {
  return textOf(reply)?.startsWith('ASK ') === true;
}

/** What EXISTS says. */
function has(reply: Reply | undefined): boolean {
  return reply?.type === 'integer' && Number(reply.value) > 0;
}

/** Those of some keys that the target of an opened slot has. @param watches for a transaction to fail if one changes */
async function keysAt(
  client: RespClient,
  node: Node,
  keys: readonly Uint8Array[],
  watches: boolean,
): Promise<Uint8Array[]> {
  const found = await Promise.all(
    keys.map(async (key) => {
      const words = [...(watches ? [['ASKING'], ['WATCH', key]] : []), ['ASKING'], ['EXISTS', key]];
      const replies = await Promise.all(words.map((each) => client.ask(each)));
      const refused = replies.find(({ type }) => type === 'error');
      if (refused !== undefined) throw refusal(node, refused);
      return has(replies.at(-1)) ? [key] : [];
    }),
  );
  return found.flat();
}
