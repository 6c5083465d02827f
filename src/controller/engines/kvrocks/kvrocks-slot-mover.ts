import { slotOf } from '../../../placement/index.ts';
import { type Reply, RespClientError, textOf } from '../../../resp/index.ts';
import type { Node } from '../../../topology/index.ts';
import { type NodeAccess, SlotMoveError, type SlotMover } from '../../engine.ts';
import { Clients } from '../redis/clients.ts';
import { fieldsOf, readOwnLine } from '../redis/node-report.ts';
import { covers, importIn, type Migrating, migrationIn } from './kvrocks-report.ts';
import { serves, takesWrites } from './slot-owner.ts';

/** What a slot that moves means for what its nodes are told. */
export interface MoveNotes {
  /**
   * Has both nodes know the topology, and be told of nothing else until they move the slot.
   * @param move has them move it
   * @throws SlotMoveError
   */
  begin(slot: number, from: Node, to: Node, move: () => Promise<void>): Promise<void>;
  /** It has moved, or not. */
  end(slot: number, to: Node, hasMoved: boolean): void;
  /** Whether it was seen to have moved to a shard, of which another node may have been the primary then. */
  hasMoved(slot: number, to: Node): boolean;
}

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
  /** The ids of the nodes that this process has had move a slot last. */
  readonly #sources = new Map<number, string>();
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

  /** The id of the node, and of its process, and for how long that has run. */
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
    for (const slot of slots) {
      try {
        if (!(await this.#hasMoved(slot, from, to, run))) return null;
      } catch (error) {
        this.#end(slot, to, false);
        throw error;
      }
      this.#end(slot, to, true);
    }
    return 0;
  }

  #end(slot: number, to: Node, hasMoved: boolean): void {
    this.#begun.delete(slot);
    this.#notes.end(slot, to, hasMoved);
  }

  /** @throws SlotMoveError where the source could not, or cannot now */
  async #hasMoved(slot: number, from: Node, to: Node, run: string): Promise<boolean> {
    // Its source goes on asking it, whatever is asked of the source.
    if (this.#avoided.has(to.address)) throw new RespClientError(`${to.address} is being replaced`);
    const migration = migrationIn(await this.#infoOf(from));
    if (migration !== null && covers(migration, slot)) {
      if (migration.state === 'start') return this.#isUnderWay(migration, slot, from, to);
      // Where the source takes writes, that is of an earlier time, and the slot has come back. One that is told of a topology which does not know of the
      // move answers for what it had, and takes none.
      if (migration.state === 'success' && !(await takesWrites(await this.#clients.at(from.address), slot)))
        return this.#hasArrived(migration, slot, from, to);
      if (this.#begun.has(slot))
        throw new SlotMoveError(`${from.address} could not move slot ${slot} to ${to.address}; it is tried again`);
    } else if (migration?.state === 'start') throw new SlotMoveError(`${from.address} moves other slots at the moment`);
    // A server that was started again, or has taken over, does not know what its slot has come to.
    else if (await this.#arrivedBefore(slot, from, to, run)) return true;
    await this.#begin(slot, from, to);
    return false;
  }

  /** @returns false @throws SlotMoveError where it goes elsewhere */
  #isUnderWay({ destination }: Migrating, slot: number, from: Node, to: Node): false {
    if (destination === to.id) return false;
    throw new SlotMoveError(
      `${from.address} moves slot ${slot} to the node ${destination} at the moment, not to ${to.address}`,
    );
  }

  /** @returns true @throws SlotMoveError where it has gone elsewhere: its keys would be deleted here, and are not there */
  #hasArrived({ destination }: Migrating, slot: number, from: Node, to: Node): true {
    if (destination === to.id || this.#notes.hasMoved(slot, to)) return true;
    throw new SlotMoveError(
      `${from.address} has moved slot ${slot} to the node ${destination}, and ${to.address} does not have it from there`,
      true,
    );
  }

  /**
   * Whether the target has had a slot since before its source can tell: each topology that it is told of ends that. Where another server has taken over
   * and has the slot by its own word, it was told so because the slot had not arrived: what came afterwards came from a server that was replaced.
   */
  async #arrivedBefore(slot: number, from: Node, to: Node, run: string): Promise<boolean> {
    if (!(await serves(await this.#clients.at(to.address), slot))) return false;
    if (run.split(' ')[0] === from.id || this.#sources.get(slot) === from.id) return true;
    return !(await serves(await this.#clients.at(from.address), slot));
  }

  async #begin(slot: number, from: Node, to: Node): Promise<void> {
    await this.#notes.begin(slot, from, to, async () => {
      // Two that bring the same slots are one to the target, and what the first one leaves behind counts.
      const coming = importIn(await this.#infoOf(to));
      if (coming?.state === 'start')
        throw new SlotMoveError(
          `${to.address} waits for slots from another server, and takes no others until that ends`,
        );
      const reply = await this.#ask(from, ['CLUSTERX', 'MIGRATE', String(slot), to.id]);
      if (reply.type === 'error') throw refusal(from, reply);
      this.#begun.add(slot);
      this.#sources.set(slot, from.id);
    });
  }

  async #infoOf(node: Node): Promise<ReadonlyMap<string, string>> {
    const reply = await this.#ask(node, ['CLUSTER', 'INFO']);
    if (reply.type === 'error') throw refusal(node, reply);
    return fieldsOf(textOf(reply) ?? '');
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
