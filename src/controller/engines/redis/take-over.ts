import { type Node, nodesOf, type Shard, type SlotRange, type Topology } from '../../../topology/index.ts';
import type { NodeState, SlotOnItsWay } from '../../engine.ts';

const contains = (ranges: readonly SlotRange[], slot: number): boolean =>
  ranges.some(([first, last]) => first <= slot && slot <= last);

/**
 * Why a replica is not told to take its shard over, though the topology has it be the primary; null: it is. A node that takes over claims all slots of
 * the one that it follows, with the data that it has at that moment.
 * @param claimed the slots that it would claim
 */
export function whyNotToTakeOver(
  { follows, link }: NodeState,
  { id, replicas = [] }: Shard,
  claimed: readonly SlotRange[],
  moving: readonly SlotOnItsWay[],
  { shards }: Pick<Topology, 'shards'>,
): string | null {
  // Another program has moved its slots away, and it has become a replica of the shard that has them now.
  if (!replicas.some((replica) => replica.id === follows)) return `it follows ${follows}, which is no node of ${id}`;
  if (link?.isSyncing !== false) return 'it is in the middle of a copy of the whole data';
  // By the newer epoch its claim would be believed, and the shard that has the slot would throw its keys away.
  const gone = moving.find(({ slot, from, isSettling }) => isSettling && from === id && contains(claimed, slot));
  if (gone !== undefined) return `it has not heard yet that slot ${gone.slot} is ${gone.to}'s`;
  const given = new Set(moving.filter(({ to }) => to === id).map(({ slot }) => slot));
  for (const other of shards)
    for (const [first, last] of other.id === id ? [] : (other.slots ?? []))
      for (let slot = first; slot <= last; slot++)
        if (contains(claimed, slot) && !given.has(slot))
          return `it has not heard yet that slot ${slot} is ${other.id}'s, by the topology`;
  return null;
}

/**
 * What a new primary is told together with its role, so that keys that are at another node already are looked for there.
 * @param claimed the slots that it has from then on
 * @param known the ids of the nodes that it knows as primaries; it is told of no other
 * @returns the reason, for people, where it knows no node that a key may be at
 */
export function slotsOnTheirWay(
  topology: Topology,
  { id }: Shard,
  moving: readonly SlotOnItsWay[],
  claimed: readonly SlotRange[],
  known: ReadonlySet<string>,
): ReadonlyArray<readonly string[]> | string {
  const commands: string[][] = [];
  for (const { slot, from, to, isSettling } of moving) {
    const isComing = to === id && !contains(claimed, slot);
    const isGoing = from === id && !isSettling && contains(claimed, slot);
    if (!isComing && !isGoing) continue;
    const other = isComing ? from : to;
    // One that has just taken over may not be known as a primary yet. Where clients are sent to the one before it, they find nothing, and lose nothing.
    const node = nodesPrimaryFirst(topology, other).find((each) => known.has(each.id));
    if (node === undefined) return `it knows no primary of ${other}, which has keys of slot ${slot}`;
    commands.push(['CLUSTER', 'SETSLOT', String(slot), isComing ? 'IMPORTING' : 'MIGRATING', node.id]);
  }
  return commands;
}

function nodesPrimaryFirst(topology: Topology, shard: string): Node[] {
  const own = nodesOf(topology).filter((node) => node.shard === shard);
  return [...own.filter(({ follows }) => follows === null), ...own.filter(({ follows }) => follows !== null)];
}

/** The ids of all primaries in the lines of CLUSTER NODES, also of those that do not answer. */
export function primariesIn(lines: string): ReadonlySet<string> {
  const words = lines.split('\n').map((line) => line.split(' '));
  return new Set(
    words.flatMap(([id, , flags]) => (flags?.split(',').includes('master') === true ? [id as string] : [])),
  );
}

/** The slots of a node by the lines of CLUSTER NODES, also of one whose address is not known any more; null: it is not there. */
export function slotsOf(lines: string, id: string): SlotRange[] | null {
  const line = lines.split('\n').find((each) => each.startsWith(`${id} `));
  if (line === undefined) return null;
  return line.split(' ').flatMap((word, i): SlotRange[] => {
    // Eight words come before them, and slots that are on their way stand in brackets.
    const [, first, last = first] = i < 8 ? [] : (/^(\d+)(?:-(\d+))?\s*$/.exec(word) ?? []);
    return first === undefined ? [] : [[Number(first), Number(last)]];
  });
}
