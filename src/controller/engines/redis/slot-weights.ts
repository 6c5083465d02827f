import { type Reply, type RespClient, type RespLogin, textOf } from '../../../resp/index.ts';
import type { Shard } from '../../../topology/index.ts';
import type { SlotWeights } from '../../migration/level-plan.ts';
import { slotsOfRanges } from '../../migration/slot-sets.ts';
import { withNode } from '../ask-node.ts';

/** By what the slots of Redis and Valkey can be weighed: how many keys they have, or about how many bytes of memory these take. */
export type Weighed = 'keys' | 'memory';

/** In one go; a server serves nobody else while it answers what has come at once. */
const COMMANDS_AT_ONCE = 256;

/** Of a slot with more keys, so many stand for all of them. */
const KEYS_SAMPLED = 10;

/** How slots are weighed. */
export interface Weighing {
  readonly by: Weighed;
  readonly login: RespLogin | null;
  /** For a connection, and for each answer. */
  readonly timeoutMs: number;
}

/**
 * Asks the primaries what each slot has.
 * @returns what each slot has that has something; bytes are an estimate, from a sample of a slot's keys
 * @throws RespClientError where one does not answer; Error where one refuses
 */
export async function weighSlots(shards: readonly Shard[], { by, login, timeoutMs }: Weighing): Promise<SlotWeights> {
  const weights = new Map<number, number>();
  const access = { login, certificates: null, timeoutMs };
  const all = shards.map(({ address, slots = [] }) =>
    withNode(access, address, (client) => weighAt(new Asked(client, address), slotsOfRanges(slots), by, weights)),
  );
  await Promise.all(all);
  return weights;
}

async function weighAt(
  node: Asked,
  slots: readonly number[],
  by: Weighed,
  weights: Map<number, number>,
): Promise<void> {
  const counts = await node.askAll(slots.map((slot) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]));
  for (const [i, slot] of slots.entries()) {
    const count = node.integerIn(counts[i]);
    if (count > 0) weights.set(slot, count);
  }
  if (by === 'keys') return;
  const filled = slots.filter((slot) => weights.has(slot));
  const samples = await node.askAll(
    filled.map((slot) => ['CLUSTER', 'GETKEYSINSLOT', String(slot), String(KEYS_SAMPLED)]),
  );
  const keys = samples.flatMap((reply, i) =>
    (reply.type === 'array' ? reply.items : []).flatMap((item) =>
      item.type === 'bulk' ? [{ slot: filled[i] as number, key: item.bytes }] : [],
    ),
  );
  const usages = await node.askAll(keys.map(({ key }) => ['MEMORY', 'USAGE', key]));
  const seen = new Map<number, { keys: number; bytes: number }>();
  for (const [i, { slot }] of keys.entries()) {
    const usage = usages[i] as Reply;
    // It has expired, or was deleted.
    if (usage.type === 'null') continue;
    const all = seen.get(slot) ?? { keys: 0, bytes: 0 };
    seen.set(slot, { keys: all.keys + 1, bytes: all.bytes + node.integerIn(usage) });
  }
  for (const slot of filled) {
    const { keys: sampled, bytes } = seen.get(slot) ?? { keys: 1, bytes: 0 };
    weights.set(slot, ((weights.get(slot) ?? 0) * bytes) / sampled);
  }
}

/** A node that is asked for much. */
class Asked {
  readonly #client: RespClient;
  readonly #address: string;

  constructor(client: RespClient, address: string) {
    this.#client = client;
    this.#address = address;
  }

  async askAll(commands: ReadonlyArray<ReadonlyArray<string | Uint8Array>>): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let i = 0; i < commands.length; i += COMMANDS_AT_ONCE) {
      const some = commands.slice(i, i + COMMANDS_AT_ONCE);
      replies.push(...(await Promise.all(some.map((words) => this.#client.ask(words)))));
    }
    const refused = replies.find(({ type }) => type === 'error');
    if (refused !== undefined) throw new Error(`${this.#address} refuses: ${textOf(refused)}`);
    return replies;
  }

  integerIn(reply: Reply | undefined): number {
    if (reply?.type !== 'integer') throw new Error(`${this.#address} answers with something that is no number`);
    return Number(reply.value);
  }
}
