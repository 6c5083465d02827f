import { SLOT_COUNT } from '../../../placement/index.ts';
import type { SlotRange } from '../../../topology/index.ts';
import type { NodeView, SeenNode } from './node-view.ts';

/** What several nodes of a cluster say together. */
export interface Agreed {
  /** Those that own slots, and those that may take some over, with their slots. */
  readonly primaries: ReadonlyArray<{ readonly id: string; readonly address: string; readonly slots: SlotRange[] }>;
  /** Those that are well. */
  readonly replicas: ReadonlyArray<{ readonly id: string; readonly address: string; readonly follows: string }>;
  /** All that are there: others to ask. */
  readonly addresses: readonly string[];
  /** The newest config epoch by which slots are owned. */
  readonly epoch: number;
  /** The nodes that have said so: their ids, or their addresses where they have not said which nodes they are. */
  readonly voices: ReadonlySet<string>;
  /** How many of the nodes that were known before it knows. */
  readonly familiar: number;
  /** Where it was asked. */
  readonly asked: readonly string[];
  readonly faults: readonly string[];
}

/**
 * Makes one cluster of what its nodes say. A node that the others do not know, such as one that was taken out or belongs to another cluster by
 * now, is left out. Of several claims to a slot the one of the newest config epoch counts, as between the nodes themselves (Redis Cluster
 * specification, "Configuration epoch"), so that nodes which have missed something do no harm; of claims of one epoch the one that most
 * nodes tell.
 * @param known the ids of the nodes that the cluster had last: a group that knows most of them is the cluster, however many others say something else
 */
export function agreedOf(views: readonly NodeView[], known: ReadonlySet<string>): Agreed {
  const group = mainGroup(views.map(withIds), known);
  const faults = views.flatMap(({ asked, faults: own }) => own.map((fault) => `${asked}: ${fault}`));
  const inGroup = new Set(group.map(({ view }) => view));
  for (const view of views)
    if (!inGroup.has(view)) faults.push(`${view.asked} is left out: the other nodes do not know it`);
  const claims = claimsOf(group);
  const slots = slotsByNode(claims.owners);
  const nodes = newest(group);
  const primaries = [...nodes.values()]
    .filter(({ id, follows, isFailing }) => slots.has(id) || (follows === null && !isFailing))
    .map(({ id, address }) => ({ id, address, slots: slots.get(id) ?? [] }))
    .sort(byId);
  const ids = new Set(primaries.map(({ id }) => id));
  const replicas = [...nodes.values()]
    .filter(({ id, follows, isFailing }) => follows !== null && ids.has(follows) && !ids.has(id) && !isFailing)
    .map(({ id, address, follows }) => ({ id, address, follows: follows as string }))
    .sort(byId);
  return {
    primaries,
    replicas,
    addresses: [...nodes.values()].map(({ address }) => address),
    epoch: claims.epoch,
    voices: new Set(group.map(({ view }) => view.self ?? view.asked)),
    familiar: familiarIn(group, known),
    asked: group.map(({ view }) => view.asked),
    faults,
  };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

/** What a node says, and which nodes it knows. */
interface Voice {
  readonly view: NodeView;
  readonly ids: ReadonlySet<string>;
}

function withIds(view: NodeView): Voice {
  return { view, ids: new Set(view.nodes.map(({ id }) => id)) };
}

type Group = readonly Voice[];

/**
 * The views of the cluster: of a group that knows most of the nodes that were known before, and of several such groups of the largest. A node that
 * was reset and has joined another cluster brings that cluster's nodes along, which may be more than our own.
 */
function mainGroup(voices: Group, known: ReadonlySet<string>): Group {
  const groups = voices.map((voice) => {
    const members = voices.filter((other) => isSameCluster(voice, other));
    const familiar = familiarIn(members, known);
    return { members, familiar, isKnown: isMostOf(known, familiar) ? 1 : 0, epoch: epochIn(members) };
  });
  const [first] = groups.sort(
    (a, b) =>
      b.isKnown - a.isKnown || b.members.length - a.members.length || b.familiar - a.familiar || b.epoch - a.epoch,
  );
  return first?.members ?? [];
}

/** Whether so many of the nodes that were known before are enough for the same cluster. */
export function isMostOf(known: ReadonlySet<string>, familiar: number): boolean {
  return known.size === 0 || 2 * familiar > known.size;
}

/** How many of the known nodes that one of a group knows which knows most of them. */
function familiarIn(group: Group, known: ReadonlySet<string>): number {
  return group.reduce((most, { ids }) => Math.max(most, [...ids].filter((id) => known.has(id)).length), 0);
}

function epochIn(group: Group): number {
  return group.reduce((newest, { view }) => Math.max(newest, epochOf(view.nodes)), 0);
}

/** The newest epoch by which one of some nodes claims slots. */
function epochOf(nodes: readonly SeenNode[]): number {
  return nodes.reduce((newest, { slots, epoch }) => (slots.length > 0 && epoch > newest ? epoch : newest), 0);
}

/** Two nodes are of one cluster where they know each other; what does not say which node it is, where it knows half of the others' nodes. */
function isSameCluster(a: Voice, b: Voice): boolean {
  if (a === b) return true;
  const [one, other] = [a.view.self, b.view.self];
  if (one !== null && other !== null) return a.ids.has(other) && b.ids.has(one);
  const shared = [...a.ids].filter((id) => b.ids.has(id)).length;
  return 2 * shared > Math.max(a.ids.size, b.ids.size);
}

interface Claims {
  readonly owners: ReadonlyArray<string | null>;
  readonly epoch: number;
}

/** The owner of each slot. */
function claimsOf(group: Group): Claims {
  const claimed = group.map(({ view }) => claimantsIn(view));
  const owners = Array.from({ length: SLOT_COUNT }, (_, slot) => {
    let best: { readonly id: string; readonly epoch: number; readonly votes: number } | null = null;
    for (const claimants of claimed) {
      const claimant = claimants[slot];
      if (claimant == null) continue;
      const { id, epoch } = claimant;
      if (best !== null && epoch < best.epoch) continue;
      const votes = claimed.filter((each) => each[slot]?.id === id).length;
      if (best === null || epoch > best.epoch || votes > best.votes) best = { id, epoch, votes };
    }
    return best?.id ?? null;
  });
  return { owners, epoch: epochIn(group) };
}

/** Who claims each slot, as one node has it. */
function claimantsIn({ nodes }: NodeView): ReadonlyArray<SeenNode | null> {
  const claimants: Array<SeenNode | null> = new Array(SLOT_COUNT).fill(null);
  for (const node of nodes)
    for (const [first, last] of node.slots) for (let slot = first; slot <= last; slot++) claimants[slot] ??= node;
  return claimants;
}

function slotsByNode(owners: Claims['owners']): Map<string, SlotRange[]> {
  const ranges = new Map<string, SlotRange[]>();
  for (let first = 0; first < SLOT_COUNT; ) {
    const owner = owners[first] as string | null;
    let next = first + 1;
    while (next < SLOT_COUNT && owners[next] === owner) next++;
    if (owner !== null) {
      const own = ranges.get(owner);
      if (own === undefined) ranges.set(owner, [[first, next - 1]]);
      else own.push([first, next - 1]);
    }
    first = next;
  }
  return ranges;
}

/** Each node as those have it that know of its newest config epoch; of several, as most of them do. It fails where most of all say so. */
function newest(group: Group): Map<string, SeenNode> {
  const all = Map.groupBy(
    group.flatMap(({ view }) => view.nodes),
    ({ id }) => id,
  );
  return new Map([...all].map(([id, seen]) => [id, { ...newestOf(seen), isFailing: isFailing(seen) }]));
}

function newestOf(seen: readonly SeenNode[]): SeenNode {
  const epoch = Math.max(...seen.map((node) => node.epoch));
  const newest = seen.filter((node) => node.epoch === epoch);
  const voices = ({ follows }: SeenNode): number => newest.filter((node) => node.follows === follows).length;
  return newest.reduce((best, node) => (voices(node) > voices(best) ? node : best));
}

function isFailing(seen: readonly SeenNode[]): boolean {
  return 2 * seen.filter((node) => node.isFailing).length > seen.length;
}
