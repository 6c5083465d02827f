import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { slotOf } from '../../../placement/index.ts';
import { type Reply, RespClientError, textOf } from '../../../resp/index.ts';
import type { Node } from '../../../topology/index.ts';
import { type NodeAccess, SlotMoveError, type SlotMover } from '../../engine.ts';
import { Clients } from '../redis/clients.ts';
import { fieldsOf, readOwnLine } from '../redis/node-report.ts';
import { covers, migrationIn } from './kvrocks-report.ts';

/** What a slot that moves means for what its nodes are told. */
export interface MoveNotes {
  /** Before it begins: both know the topology by then, and hear of no other one. @throws SlotMoveError */
  begin(from: Node, to: Node): Promise<void>;
  /** It has moved, or not. */
  end(slots: readonly number[], from: Node, to: Node, hasMoved: boolean): void;
}

/** So long a name is nobody's. */
const NAME_BYTES = 16;

/** So many keys of a node are looked at, at most, for those of a slot that is to have none: Kvrocks does not count them. */
const MAX_SCANNED = 100_000;
const SCANNED_AT_ONCE = 1000;

/**
 * Moves slots between nodes of Kvrocks (CLUSTERX MIGRATE): the source does it by itself, and is asked how it stands. When it is done, the source sends
 * clients to the target, and the target serves the slot. All others hear of it by the topology.
 */
export class KvrocksSlotMover implements SlotMover {
  /** A server moves one at a time, and earlier releases know no ranges. */
  readonly slotsAtOnce = 1;
  readonly #clients: Clients;
  readonly #notes: MoveNotes;
  /** Slots that this process has had a source move, and not heard the end of. */
  readonly #begun = new Set<number>();
  #avoided: ReadonlySet<string> = new Set();

  constructor(access: NodeAccess, notes: MoveNotes) {
    this.#clients = new Clients(access, access.timeoutMs);
    this.#notes = notes;
  }

  async owned(node: Node, slots: readonly number[]): Promise<ReadonlySet<number>> {
    const own = readOwnLine(textOf(await this.#ask(node, ['CLUSTER', 'NODES'])) ?? '', node.address);
    if (own === null) throw new SlotMoveError(`${node.address} does not say which slots it has`);
    return new Set(slots.filter((slot) => own.slots.some(([first, last]) => first <= slot && slot <= last)));
  }

  /** MIGRATE does it all. */
  async open(): Promise<void> {}

  async countKeys(slots: readonly number[], node: Node): Promise<readonly number[]> {
    const counts = new Map(slots.map((slot) => [slot, 0]));
    const last = Math.max(...slots);
    let scanned = 0;
    for (let cursor = '0'; ; ) {
      const reply = await this.#ask(node, ['SCAN', cursor, 'COUNT', String(SCANNED_AT_ONCE)]);
      const [next, keys] = reply.type === 'array' ? reply.items : [];
      if (next === undefined || keys?.type !== 'array') throw refusal(node, reply);
      const found = keys.items.flatMap((key) => (key.type === 'bulk' ? [slotOf(key.bytes, 0, key.bytes.length)] : []));
      for (const slot of found) if (counts.has(slot)) counts.set(slot, (counts.get(slot) ?? 0) + 1);
      scanned += found.length;
      cursor = textOf(next) ?? '0';
      // They come slot by slot.
      if (cursor === '0' || (found.at(-1) ?? 0) > last) return slots.map((slot) => counts.get(slot) ?? 0);
      if (scanned >= MAX_SCANNED) {
        const reason = `${node.address} has too many keys to find out whether slot ${last} has some; move it with its keys`;
        throw new SlotMoveError(reason, true);
      }
    }
  }

  /** The id of the node, and of its process, and for how long that has run: another one has run for less. */
  async runOf(node: Node): Promise<string> {
    const reply = await this.#ask(node, ['INFO', 'server']);
    const fields = fieldsOf(textOf(reply) ?? '');
    if (reply.type === 'error') throw refusal(node, reply);
    return [node.id, fields.get('process_id') ?? '', fields.get('uptime_in_seconds') ?? '0'].join(' ');
  }

  /**
   * Has the source move the slots, or looks how far it is. Their keys are not counted.
   * @returns null: it is not done; 0: it is
   */
  async moveKeys(slots: readonly number[], from: Node, to: Node, _count: number, run: string): Promise<0 | null> {
    try {
      for (const slot of slots) {
        if (!(await this.#hasMoved(slot, from, to, run))) return null;
        this.#begun.delete(slot);
      }
    } catch (error) {
      for (const slot of slots) this.#begun.delete(slot);
      this.#notes.end(slots, from, to, false);
      throw error;
    }
    this.#notes.end(slots, from, to, true);
    return 0;
  }

  /** @throws SlotMoveError where the source could not, or cannot now */
  async #hasMoved(slot: number, from: Node, to: Node, run: string): Promise<boolean> {
    // Its source goes on asking it, whatever is asked of the source.
    if (this.#avoided.has(to.address)) throw new RespClientError(`${to.address} is being replaced`);
    const info = await this.#ask(from, ['CLUSTER', 'INFO']);
    if (info.type === 'error') throw refusal(from, info);
    const migration = migrationIn(fieldsOf(textOf(info) ?? ''));
    if (migration !== null && covers(migration, slot)) {
      if (migration.state === 'start') return false;
      if (migration.state === 'success' && !(await this.#isBack(slot, from))) return true;
      if (this.#begun.has(slot))
        throw new SlotMoveError(`${from.address} could not move slot ${slot} to ${to.address}; it is tried again`);
    } else if (migration?.state === 'start') throw new SlotMoveError(`${from.address} moves other slots at the moment`);
    // A server that was started again, or has taken over, does not know what its slot has come to.
    else if (!isSameRun(run, await this.runOf(from)) && (await this.#serves(slot, to))) return true;
    await this.#begin(slot, from, to);
    return false;
  }

  /**
   * Whether what the source says of a slot is of an earlier time, and the slot has come back: it takes writes to it. One that is told of a topology which
   * does not know of the move answers for what it had, and takes none.
   */
  async #isBack(slot: number, from: Node): Promise<boolean> {
    return (await this.#ask(from, ['DEL', keyOf(slot)])).type === 'integer';
  }

  /** Whether a node answers for a slot, and sends nobody elsewhere. */
  async #serves(slot: number, node: Node): Promise<boolean> {
    return (await this.#ask(node, ['EXISTS', keyOf(slot)])).type === 'integer';
  }

  async #begin(slot: number, from: Node, to: Node): Promise<void> {
    await this.#notes.begin(from, to);
    const reply = await this.#ask(from, ['CLUSTERX', 'MIGRATE', String(slot), to.id]);
    if (reply.type === 'error') throw refusal(from, reply);
    this.#begun.add(slot);
  }

  /** The topology says so, once the registry has it. */
  async settle(): Promise<void> {}

  async #ask({ address }: Node, words: readonly string[]): Promise<Reply> {
    return (await this.#clients.at(address)).ask(words);
  }

  avoid(addresses: ReadonlySet<string>): void {
    this.#avoided = addresses;
    this.#clients.avoid(addresses);
  }

  close(): void {
    this.#clients.close();
  }
}

function refusal({ address }: Node, reply: Reply): SlotMoveError {
  return new SlotMoveError(`${address} refuses: ${textOf(reply) ?? `an answer that is ${reply.type}`}`);
}

function isSameRun(before: string, now: string): boolean {
  const [id, process, seconds] = before.split(' ');
  const [idNow, processNow, secondsNow] = now.split(' ');
  return id === idNow && process === processNow && Number(secondsNow) >= Number(seconds);
}

/** A key of a slot that nobody has. */
function keyOf(slot: number): string {
  const name = randomBytes(NAME_BYTES).toString('hex');
  for (let i = 0; ; i++) {
    const key = `keyway:${name}:${i}`;
    if (slotOf(Buffer.from(key), 0, key.length) === slot) return key;
  }
}
