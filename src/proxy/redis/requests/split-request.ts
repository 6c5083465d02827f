import { slotOf } from '../../../placement/index.ts';
import { type Command, errorCodeIs, readCommand } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { OpenRequest } from '../../core/open-request.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import { type CommandInfo, KeyPlaces, keysOf, type SplitRule } from '../commands/index.ts';
import { readingOf } from '../reads/replica-reading.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { mergeParts, splitCommand } from '../split/index.ts';
import { argumentText } from '../take/arguments.ts';
import type { Answer } from './answer.ts';
import { GatheredAnswer, uncounted } from './gathered-answer.ts';
import { RedisRequest } from './redis-request.ts';
import { NO_KEYS, notesKeys, type RequestClient, type RequestKeys } from './routed-command.ts';

/** A command that can be divided among the shards of its keys, and how. */
export interface Divisible {
  readonly info: CommandInfo;
  readonly rule: SplitRule;
}

/** Where the keys stand of the command that is being divided. */
const places = new KeyPlaces();

/**
 * Divides a command among the shards of its keys; among their slots where the servers take the keys of one slot only.
 * @param keys where they stand in the command
 * @param place see `GatheredAnswer`
 * @returns what has to be begun; null where a key has no owner
 */
export function divide(
  client: RequestClient,
  owners: RedisOwners,
  { info, rule }: Divisible,
  command: Command,
  keys: KeyPlaces,
  place?: Answer,
): GatheredAnswer | null {
  const { bytes, starts, ends } = command;
  const bySlot = client.context.oneSlotEach.has(owners.name);
  const numbers = new Map<Upstream<RedisPool> | number, number>();
  let lastGroup: Upstream<RedisPool> | number | null = null;
  let lastNumber = 0;
  const shards: Upstream<RedisPool>[] = [];
  let isOwned = true;
  const shardOf = (key: number): number => {
    const at = keys.at[key] as number;
    const [start, end] = [starts[at] as number, ends[at] as number];
    const owner = owners.ownerOfBytes(bytes, start, end);
    if (owner === null) {
      isOwned = false;
      return 0;
    }
    const group = bySlot ? slotOf(bytes, start, end) : owner;
    if (group === lastGroup) return lastNumber;
    lastGroup = group;
    lastNumber = numbers.get(group) ?? shards.length;
    if (lastNumber === shards.length) {
      numbers.set(group, lastNumber);
      shards.push(owner);
    }
    return lastNumber;
  };
  const parts = splitCommand(rule, command, keys, shardOf);
  if (!isOwned) return null;
  const answer = new GatheredAnswer(client, (replies) => mergeParts(rule, parts, replies), place);
  for (const { shard, request, keys: ordinals } of parts) {
    const owner = shards[shard] as Upstream<RedisPool>;
    const texts = notesKeys(client.context, owners) ? textsOf(command, keys, ordinals) : NO_KEYS;
    const part = new SplitRequest(answer, uncounted, owners, owner, texts, request, { info, rule });
    part.mayWrite = info.mayWrite;
    part.reading = readingOf(client.readsFrom, info);
    answer.add(part);
  }
  return answer;
}

function textsOf(command: Command, keys: KeyPlaces, ordinals: readonly number[]): RequestKeys {
  const [key = '', ...others] = ordinals.map((ordinal) => argumentText(command, keys.at[ordinal] as number));
  return { key, others };
}

/**
 * MGET, DEL and the like, or a part of one, for the one shard that has all its keys. If they have several owners once its turn has
 * come, or its server takes the keys of one slot only, it is divided then.
 */
export class SplitRequest extends RedisRequest {
  private declare readonly divisible: Divisible;
  /** What has its place. */
  private declare divided: GatheredAnswer | null;

  constructor(
    client: RequestClient,
    traffic: TrafficCounters,
    owners: RedisOwners,
    owner: Upstream<RedisPool>,
    keys: RequestKeys,
    raw: Uint8Array | null,
    divisible: Divisible,
  ) {
    super(client, traffic, owners, owner, keys, raw);
    this.divisible = divisible;
    this.divided = null;
  }

  protected override onSeveralOwners(owners: RedisOwners): void {
    if (!this.divideAmong(owners)) this.refuse({ kind: 'no_owner', cluster: owners.name });
  }

  protected override isRetried(bytes: Uint8Array, start: number, end: number): boolean {
    const { client, owners } = this;
    if (!errorCodeIs(bytes, start, end, 'CROSSSLOT')) return super.isRetried(bytes, start, end);
    // A server of a cluster, which has carried out nothing of it.
    client.context.oneSlotEach.add(owners.name);
    client.waitForAll();
    return this.takeBack() && this.divideAmong(owners);
  }

  /** @returns false where it cannot be divided, or a key has no owner */
  private divideAmong(owners: RedisOwners): boolean {
    const { client, divisible, raw } = this;
    const command = raw === null ? null : readCommand(raw);
    if (command === null || !keysOf(divisible.info, command, places)) return false;
    const divided = divide(client, owners, divisible, command, places, this);
    if (divided === null || divided.size < 2) return false;
    this.stopWaiting();
    this.isOpen = false;
    this.raw = null;
    this.divided = divided;
    divided.begin();
    return true;
  }

  override onFirst(): void {
    if (this.divided === null) super.onFirst();
    else this.divided.onFirst();
  }

  override cancel(): void {
    if (this.divided === null) super.cancel();
    else this.divided.cancel();
  }

  override abandon(): void {
    if (this.divided === null) super.abandon();
    else this.divided.abandon();
  }

  override forEachRequest(visit: (request: OpenRequest) => void): void {
    if (this.divided === null) super.forEachRequest(visit);
    else this.divided.forEachRequest(visit);
  }
}
