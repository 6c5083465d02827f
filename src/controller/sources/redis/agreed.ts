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
  /** How many nodes have said so. */
  readonly voices: number;
  readonly faults: readonly string[];
}

/**
 * Makes one cluster of what its nodes say. A node that the others do not know, such as one that was taken out or belongs to another cluster by
 * now, is left out. Of several claims to a slot the one of the newest config epoch counts, as between the nodes themselves (Redis Cluster
 * specification, "Configuration epoch"), so that nodes which have missed something do no harm; of claims of one epoch the one that most
 * nodes tell.
 * @param known the ids of the nodes that the cluster had last: where two groups are of one size, the one that has more of them is the cluster
 */
export function agreedOf(views: readonly NodeView[], known: ReadonlySet<string>): Agreed {
  const group = mainGroup(views, known);
  const faults = views.flatMap(({ asked, faults: own }) => own.map((fault) => `${asked}: ${fault}`));
  for (const view of views)
    if (!group.includes(view)) faults.push(`${view.asked} is left out: the other nodes do not know it`);
  const claims = claimsOf(group);
  const slots = slotsByNode(claims.owners);
  const nodes = newest(group);
  const primaries = [...nodes.values()]
    .filter(({ id, follows }) => slots.has(id) || (follows === null && !isFailing(group, id)))
    .map(({ id, address }) => ({ id, address, slots: slots.get(id) ?? [] }))
    .sort(byId);
  const ids = new Set(primaries.map(({ id }) => id));
  const replicas = [...nodes.values()]
    .filter(({ id, follows }) => follows !== null && ids.has(follows) && !ids.has(id) && !isFailing(group, id))
    .map(({ id, address, follows }) => ({ id, address, follows: follows as string }))
    .sort(byId);
  const addresses = [...nodes.values()].map(({ address }) => address);
  return { primaries, replicas, addresses, epoch: claims.epoch, voices: group.length, faults };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

/** The views of one cluster: of that which most of the nodes that were asked are in. */
function mainGroup(views: readonly NodeView[], known: ReadonlySet<string>): readonly NodeView[] {
  const groups = views.map((view) => views.filter((other) => isSameCluster(view, other)));
  const familiar = (group: readonly NodeView[]): number =>
    Math.max(0, ...group.map(({ nodes }) => nodes.filter(({ id }) => known.has(id)).length));
  const epochIn = (group: readonly NodeView[]): number =>
    Math.max(0, ...group.flatMap(({ nodes }) => nodes.filter(hasSlots).map(({ epoch }) => epoch)));
  return groups.reduce<readonly NodeView[]>((best, group) => {
    const order = group.length - best.length || familiar(group) - familiar(best) || epochIn(group) - epochIn(best);
    return order > 0 ? group : best;
  }, []);
}

/** Two nodes are of one cluster where they know each other; what does not say which node it is, where it knows half of the others' nodes. */
function isSameCluster(a: NodeView, b: NodeView): boolean {
  if (a === b) return true;
  const knows = (view: NodeView, id: string): boolean => view.nodes.some((node) => node.id === id);
  if (a.self !== null && b.self !== null) return knows(a, b.self) && knows(b, a.self);
  const shared = a.nodes.filter(({ id }) => knows(b, id)).length;
  return 2 * shared > Math.max(a.nodes.length, b.nodes.length);
}

function hasSlots({ slots }: SeenNode): boolean {
  return slots.length > 0;
}

interface Claims {
  readonly owners: ReadonlyArray<string | null>;
  readonly epoch: number;
}

/** The owner of each slot. */
function claimsOf(group: readonly NodeView[]): Claims {
  const owners: Array<string | null> = new Array(SLOT_COUNT).fill(null);
  const epochs = new Float64Array(SLOT_COUNT).fill(-1);
  const votes = votesOf(group);
  const claimants = group.flatMap(({ nodes }) => nodes.filter(hasSlots));
  for (const { id, epoch, slots } of claimants)
    for (const [first, last] of slots)
      for (let slot = first; slot <= last; slot++) {
        const before = owners[slot] as string | null;
        const newer = epoch - (epochs[slot] as number);
        if (newer < 0 || before === id) {
          if (newer > 0) epochs[slot] = epoch;
          continue;
        }
        if (newer === 0 && before !== null && votes(slot, before) >= votes(slot, id)) continue;
        owners[slot] = id;
        epochs[slot] = epoch;
      }
  return { owners, epoch: claimants.reduce((most, { epoch }) => Math.max(most, epoch), 0) };
}

/** How many nodes say that a slot is a node's. */
function votesOf(group: readonly NodeView[]): (slot: number, id: string) => number {
  return (slot, id) =>
    group.filter(({ nodes }) =>
      nodes.some((node) => node.id === id && node.slots.some(([first, last]) => first <= slot && slot <= last)),
    ).length;
}

function slotsByNode(owners: Claims['owners']): Map<string, SlotRange[]> {
  const ranges = new Map<string, SlotRange[]>();
  for (let first = 0; first < SLOT_COUNT; ) {
    const owner = owners[first] as string | null;
    let next = first + 1;
    while (next < SLOT_COUNT && owners[next] === owner) next++;
    if (owner !== null) ranges.set(owner, [...(ranges.get(owner) ?? []), [first, next - 1]]);
    first = next;
  }
  return ranges;
}

/** Each node as those have it that know of its newest config epoch; of several, as most of them do. */
function newest(group: readonly NodeView[]): Map<string, SeenNode> {
  const all = Map.groupBy(
    group.flatMap(({ nodes }) => nodes),
    ({ id }) => id,
  );
  return new Map([...all].map(([id, seen]) => [id, newestOf(seen)]));
}

function newestOf(seen: readonly SeenNode[]): SeenNode {
  const epoch = Math.max(...seen.map((node) => node.epoch));
  const newest = seen.filter((node) => node.epoch === epoch);
  const voices = ({ follows }: SeenNode): number => newest.filter((node) => node.follows === follows).length;
  return newest.reduce((best, node) => (voices(node) > voices(best) ? node : best));
}

/** Most of the nodes that know it say so. */
function isFailing(group: readonly NodeView[], id: string): boolean {
  const views = group.flatMap(({ nodes }) => nodes.filter((node) => node.id === id));
  return 2 * views.filter((node) => node.isFailing).length > views.length;
}
