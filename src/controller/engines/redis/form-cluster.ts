import type { FoundShard } from '../../../discovery/index.ts';
import type { RespClient } from '../../../resp/index.ts';
import { formatSlotRanges, parseSlotRanges } from '../../../topology/index.ts';
import { type NodeAccess, type PlannedShard, SlotMoveError } from '../../engine.ts';
import { slotsOfRanges } from '../../migration/slot-sets.ts';
import { textIn, withNode } from '../ask-node.ts';
import { isOf, linesOf, meetingOf } from './asked-node.ts';
import { fieldsOf } from './node-report.ts';

/** Nodes that have met know each other, and agree on the slots, within some seconds. */
const FORMING_MS = 30_000;
const LOOK_MS = 100;

/** A node that is to be one of the cluster. */
interface Member {
  readonly id: string;
  readonly address: string;
  readonly client: RespClient;
}

type PlannedMembers = PlannedShard & { readonly members: readonly [Member, ...Member[]] };

/**
 * Makes a cluster of nodes that are empty, as `redis-cli --cluster create` does. Where that fails in the middle, it goes on when it is called again.
 * @returns the shards, once all nodes find the cluster in order
 */
export async function formCluster(
  shards: readonly PlannedShard[],
  access: NodeAccess,
  pause: (waitMs: number, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<FoundShard[]> {
  const addresses = shards.flatMap(({ nodes }) => nodes);
  return withAll(addresses, access, async (members) => {
    const at = new Map(members.map((member) => [member.address, member]));
    const planned = shards.map(
      (shard): PlannedMembers => ({
        ...shard,
        members: shard.nodes.map((address) => at.get(address)) as unknown as PlannedMembers['members'],
      }),
    );
    const ids = new Set(members.map(({ id }) => id));
    if (ids.size < members.length) throw new SlotMoveError('two of the addresses are those of one node');
    // All of them before any is told something.
    for (const each of planned)
      for (const [i, member] of each.members.entries()) await checkFree(member, ids, i === 0 ? each : null);
    for (const [i, each] of planned.entries()) await giveSlots(each, i + 1);
    await introduce(members);
    const isDone = async (): Promise<boolean> => {
      const states = await Promise.all(
        planned.flatMap((each) => each.members.map((member) => settle(member, each, ids))),
      );
      return states.every((each) => each);
    };
    for (let waitedMs = 0; !(await isDone()); waitedMs += LOOK_MS) {
      if (waitedMs >= FORMING_MS || signal.aborted)
        throw new SlotMoveError('the nodes have met, and do not make a cluster yet; try again');
      await pause(LOOK_MS, signal);
    }
    return planned.map(({ id, slots, members: [primary, ...replicas] }) => ({
      id,
      address: primary.address,
      nodeId: primary.id,
      slots: formatSlotRanges(slots),
      replicas: replicas.map((each) => ({ id: each.id, address: each.address })),
    }));
  });
}

/** Connects to all, one inside the other, so that each connection is closed again. */
function withAll<Result>(
  addresses: readonly string[],
  access: NodeAccess,
  use: (members: readonly Member[]) => Promise<Result>,
  members: readonly Member[] = [],
): Promise<Result> {
  const address = addresses[members.length];
  if (address === undefined) return use(members);
  return withNode(access, address, async (client) => {
    const id = textIn(await client.ask(['CLUSTER', 'MYID']), address);
    return withAll(addresses, access, use, [...members, { id, address, client }]);
  });
}

/**
 * @param shard of a primary: it may have these slots already
 * @throws SlotMoveError where the node has anything else, or knows others
 */
async function checkFree(
  { id, address, client }: Member,
  ids: ReadonlySet<string>,
  shard: PlannedShard | null,
): Promise<void> {
  const size = await client.ask(['DBSIZE']);
  if (size.type !== 'integer' || size.value !== 0) throw new SlotMoveError(`${address} is not empty`);
  const lines = (await linesOf(client, address)).filter((line) => line !== '');
  const other = lines.find((line) => !ids.has(line.split(' ', 1)[0] ?? ''));
  if (other !== undefined) throw new SlotMoveError(`${address} is in another cluster, with ${other.split(' ')[1]}`);
  const own = slotsIn(lines.find(isOf(id)));
  if (own !== '' && own !== formatSlotRanges(shard?.slots ?? []))
    throw new SlotMoveError(`${address} has slots already: ${own}`);
}

/** The slots in a line of CLUSTER NODES, in one form. */
function slotsIn(line: string | undefined): string {
  const ranges = parseSlotRanges((line ?? '').split(' ').slice(8).join(' '));
  return typeof ranges === 'string' ? ranges : formatSlotRanges(ranges);
}

async function giveSlots({ slots, members: [{ id, address, client }] }: PlannedMembers, epoch: number): Promise<void> {
  const lines = await linesOf(client, address);
  if (slotsIn(lines.find(isOf(id))) !== '') return;
  // Claims of the same epoch would have to be decided between. One that knows others already has one of its own.
  await client.ask(['CLUSTER', 'SET-CONFIG-EPOCH', String(epoch)]);
  const words = slotsOfRanges(slots).map(String);
  textIn(await client.ask(['CLUSTER', 'ADDSLOTS', ...words]), address);
}

async function introduce([first, ...others]: readonly Member[]): Promise<void> {
  if (first === undefined) return;
  const known = await linesOf(first.client, first.address);
  for (const { id, address, client } of others) {
    if (known.some(isOf(id))) continue;
    textIn(await first.client.ask(await meetingOf(client, address, id)), first.address);
  }
}

/** Has a replica follow, once it knows whom. @returns whether the node knows all others, is what it has to be, and finds the cluster in order */
async function settle(
  { id, address, client }: Member,
  { members: [primary] }: PlannedMembers,
  ids: ReadonlySet<string>,
): Promise<boolean> {
  const lines = await linesOf(client, address);
  if (![...ids].every((each) => lines.some(isOf(each)))) return false;
  const follows = lines.find(isOf(id))?.split(' ')[3];
  if (id !== primary.id && follows !== primary.id) {
    // It refuses as long as it has not heard that the other one is a primary.
    await client.ask(['CLUSTER', 'REPLICATE', primary.id]);
    return false;
  }
  return fieldsOf(textIn(await client.ask(['CLUSTER', 'INFO']), address)).get('cluster_state') === 'ok';
}
