import { setTimeout as pause } from 'node:timers/promises';
import { type Reply, RespClient, textOf } from '../../../src/resp/index.ts';
import type { SlotRange } from '../../../src/topology/index.ts';
import type { DataLog, Value } from './data-log.ts';
import { KvrocksError } from './kvrocks-error.ts';
import { contains, isSame, overlaps, rangeText, slotOfKey } from './slots.ts';

/** slot_migrate.h: a target that says nothing for so long has failed. */
const ANSWER_MS = 1000;
/** The configuration's `migrate-pipeline-size`. */
const PIPELINE = 16;
/** The configuration's `migrate-sequence-gap`: so few changes may be missing when writes are forbidden. */
const SEQUENCE_GAP = 10_000;

/** The states that CLUSTER IMPORT takes. */
export const ImportState = { start: 0, success: 1, failed: 2 } as const;

/** Who takes slots. */
export interface Destination {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** Moves slots to other servers, one range at a time (slot_migrate.cc). */
export class SlotMigrator {
  /** Commands a second; 0: no limit. */
  speed = 4096;
  /** Slots that move, slots that cannot be written to because they are about to have moved, or have, and slots that could not move. */
  range: SlotRange | null = null;
  forbidden: SlotRange | null = null;
  destination = '';
  #failed: SlotRange | null = null;
  #state: 'none' | 'start' | 'success' | 'fail' = 'none';
  #isStopped = false;
  readonly #data: DataLog;
  readonly #password: string;
  readonly #onMigrated: (range: SlotRange, address: string) => void;

  constructor(data: DataLog, password: string, onMigrated: (range: SlotRange, address: string) => void) {
    this.#data = data;
    this.#password = password;
    this.#onMigrated = onMigrated;
  }

  /**
   * Begins; how it ends is seen in CLUSTER INFO.
   * @returns why it failed, once it is over; null: it has not
   * @throws KvrocksError where it cannot begin
   */
  begin(range: SlotRange, to: Destination): Promise<string | null> {
    if (this.range !== null) throw new KvrocksError('There is already a migrating job');
    if (this.forbidden !== null && overlaps(range, this.forbidden))
      throw new KvrocksError("Can't migrate slot which has been migrated");
    this.range = range;
    this.destination = to.id;
    this.#state = 'start';
    this.#isStopped = false;
    return this.#run(range, to);
  }

  /** What it has is replaced, or deleted. */
  stop(): void {
    this.#isStopped = true;
  }

  async #run(range: SlotRange, to: Destination): Promise<string | null> {
    let client: RespClient | null = null;
    let failure: string | null = null;
    try {
      client = await RespClient.connect({ target: to, certificates: null }, null, ANSWER_MS);
      if (this.#password !== '') await told(client, ['AUTH', this.#password]);
      await told(client, ['CLUSTER', 'IMPORT', rangeText(range), String(ImportState.start)]);
      await this.#send(client, range);
      await told(client, ['CLUSTER', 'IMPORT', rangeText(range), String(ImportState.success)]);
      this.#onMigrated(range, `${to.host}:${to.port}`);
      this.#failed = null;
      this.#state = 'success';
    } catch (error) {
      failure = (error as Error).message;
      this.#failed = range;
      this.forbidden = null;
      this.#state = 'fail';
      await client?.ask(['CLUSTER', 'IMPORT', rangeText(range), String(ImportState.failed)]).catch(() => {});
    }
    this.range = null;
    client?.close();
    return failure;
  }

  async #send(client: RespClient, range: SlotRange): Promise<void> {
    let sequence = this.#data.sequence;
    await this.#sendAll(
      client,
      this.#data.keysOf(range).map(([key, value]) => setting(key, value)),
    );
    while (this.#data.sequence - sequence > SEQUENCE_GAP) {
      const missing = this.#changesSince(sequence, range);
      sequence = this.#data.sequence;
      await this.#sendAll(client, missing);
    }
    this.forbidden = range;
    await this.#sendAll(client, this.#changesSince(sequence, range));
    if (this.#isStopped) throw new Error('Task canceled');
  }

  #changesSince(sequence: number, range: SlotRange): string[][] {
    return this.#data.sinceSequence(sequence).flatMap(({ change }) => {
      if (change.kind === 'clear' || !contains(range, slotOfKey(change.key))) return [];
      return [change.kind === 'set' ? setting(change.key, change.value) : ['DEL', change.key]];
    });
  }

  async #sendAll(client: RespClient, commands: readonly string[][]): Promise<void> {
    for (let i = 0; i < commands.length; i += PIPELINE) {
      if (this.#isStopped) throw new Error('Task canceled');
      await Promise.all(commands.slice(i, i + PIPELINE).map((words) => told(client, words)));
      if (this.speed > 0) await pause((1000 * PIPELINE) / this.speed);
    }
  }

  /** Its slots are imported again. */
  onImport(range: SlotRange): void {
    if (isSame(this.forbidden, range)) this.forbidden = null;
  }

  info(): string {
    if (this.range === null && this.forbidden === null && this.#failed === null) return '';
    const ranges = { none: null, start: this.range, success: this.forbidden, fail: this.#failed };
    const slots = rangeText(ranges[this.#state]);
    return `migrating_slot(s): ${slots}\r\ndestination_node: ${this.destination}\r\nmigrating_state: ${this.#state}\r\n`;
  }
}

function setting(key: string, { text, expiresAtMs }: Value): string[] {
  return ['SET', key, text, ...(expiresAtMs === null ? [] : ['PXAT', String(expiresAtMs)])];
}

/** @param words with each byte as a character. @throws Error where it is refused */
async function told(client: RespClient, words: readonly string[]): Promise<Reply> {
  const reply = await client.ask(words.map((word) => Buffer.from(word, 'latin1')));
  if (reply.type === 'error') throw new Error(`got invalid response: ${textOf(reply)}`);
  return reply;
}

/** Takes slots from other servers, one range at a time (slot_import.cc). */
export class SlotImporter {
  range: SlotRange | null = null;
  #state: 'start' | 'success' | 'error' = 'start';
  readonly #data: DataLog;

  constructor(data: DataLog) {
    this.#data = data;
  }

  /** What it has of the slots is deleted first. @throws KvrocksError while it takes others */
  start(range: SlotRange): void {
    if (this.coming !== null) {
      if (isSame(this.range, range)) return;
      throw new KvrocksError(`only one importing job is allowed, current importing: ${rangeText(this.range)}`);
    }
    this.#data.write({ kind: 'clear', range });
    this.range = range;
    this.#state = 'start';
  }

  /** @throws KvrocksError */
  success(range: SlotRange): void {
    this.#check(range);
    this.#state = 'success';
  }

  /** @throws KvrocksError */
  fail(range: SlotRange): void {
    this.#check(range);
    this.#data.write({ kind: 'clear', range });
    this.#state = 'error';
  }

  /** The connection of the source has ended. */
  onLinkLost(isReplica: boolean): void {
    if (this.coming === null) return;
    if (!isReplica) this.#data.write({ kind: 'clear', range: this.coming });
    this.#state = 'error';
  }

  #check(range: SlotRange): void {
    if (!isSame(this.range, range))
      throw new KvrocksError(
        `mismatch slot, importing slot(s): ${rangeText(this.range)}, but got: ${rangeText(range)}`,
      );
  }

  /** The slots that are on their way here. */
  get coming(): SlotRange | null {
    return this.#state === 'start' ? this.range : null;
  }

  info(): string {
    return this.range === null ? '' : `importing_slot(s): ${rangeText(this.range)}\r\nimport_state: ${this.#state}\r\n`;
  }
}
