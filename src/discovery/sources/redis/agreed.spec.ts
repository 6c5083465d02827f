import { expect, it } from 'vitest';
import { agreedOf } from './agreed.ts';
import { isBehind } from './is-behind.ts';
import { namedShards } from './named-shards.ts';
import type { NodeView, SeenNode } from './node-view.ts';

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(40)) as [string, string, string, string];

function node(id: string, epoch: number, what: Partial<SeenNode> = {}): SeenNode {
  return { id, address: `${id[0]}:7000`, follows: null, isFailing: false, epoch, slots: [], ...what };
}

function view(self: string | null, ...nodes: SeenNode[]): NodeView {
  return { asked: `${self?.[0] ?? '?'}:7000`, self, nodes, faults: [] };
}

function agreed(views: readonly NodeView[], known: readonly string[] = []) {
  const { primaries, replicas, faults } = agreedOf(views, new Set(known));
  const slots = primaries.map(
    ({ id, slots: ranges }) => `${id[0]} ${ranges.map((range) => range.join('-')).join(' ')}`,
  );
  return { slots, replicas: replicas.map(({ id, follows }) => `${id[0]}>${follows[0]}`), faults };
}

const before = [node(A, 1, { slots: [[0, 8191]] }), node(B, 2, { slots: [[8192, 16383]] }), node(C, 1, { follows: A })];
/** C has taken over from A. */
const after = [node(A, 3, { follows: C }), node(B, 2, { slots: [[8192, 16383]] }), node(C, 3, { slots: [[0, 8191]] })];

it('goes by the newest epoch, whoever has missed it', () => {
  const stale = [view(A, ...before), view(B, ...before)];
  expect(agreed([...stale, view(C, ...after)])).toEqual({
    slots: ['b 8192-16383', 'c 0-8191'],
    replicas: ['a>c'],
    faults: [],
  });
  expect(agreed(stale).slots).toEqual(['a 0-8191', 'b 8192-16383']);
});

it('goes by the newest epoch of each slot alone', () => {
  const moved = [node(A, 1, { slots: [[0, 99]] }), node(B, 4, { slots: [[100, 16383]] }), node(C, 1, { follows: A })];
  expect(agreed([view(A, ...before), view(B, ...moved)]).slots).toEqual(['a 0-99', 'b 100-16383']);
});

it('leaves out a node that the others do not know, or that does not know them', () => {
  const forgotten = view(D, node(D, 99, { slots: [[0, 16383]] }), ...before);
  const elsewhere = view(C, node(C, 50, { slots: [[0, 16383]] }));
  const { slots, faults } = agreed([forgotten, elsewhere, view(A, ...before), view(B, ...before)]);
  expect(slots).toEqual(['a 0-8191', 'b 8192-16383']);
  expect(faults).toHaveLength(2);
});

it('prefers the cluster that was there before where two are of one size', () => {
  const other = [node(D, 9, { slots: [[0, 16383]] })];
  expect(agreed([view(D, ...other), view(A, ...before)], [A, B, C]).slots).toEqual(['a 0-8191', 'b 8192-16383']);
  expect(agreed([view(D, ...other), view(A, ...before)], [D]).slots).toEqual(['d 0-16383']);
});

it('stays with the cluster that was there before, whichever is larger', () => {
  const [E, F] = ['e', 'f'].map((letter) => letter.repeat(40)) as [string, string];
  // C was reset and has joined another cluster, under the id that it had.
  const others = [node(C, 9), node(D, 8, { slots: [[0, 16383]] }), node(E, 7), node(F, 6)];
  const elsewhere = [C, D, E, F].map((id) => view(id, ...others));
  expect(agreed([...elsewhere, view(A, ...before)], [A, B, C]).slots).toEqual(['a 0-8191', 'b 8192-16383']);
  expect(agreedOf(elsewhere, new Set([A, B, C])).familiar).toBe(1);
});

it('goes by the majority where the answers have no epochs', () => {
  const without = (nodes: readonly SeenNode[]): NodeView => view(null, ...nodes.map((each) => ({ ...each, epoch: 0 })));
  expect(agreed([without(before), without(after), without(after)]).slots).toEqual(['b 8192-16383', 'c 0-8191']);
});

it('leaves out failing replicas, and failing primaries that own nothing', () => {
  const failing = [
    node(A, 1, { slots: [[0, 16383]], isFailing: true }),
    node(B, 0, { isFailing: true }),
    node(C, 1, { follows: A, isFailing: true }),
    node(D, 0),
  ];
  expect(agreed([view(D, ...failing)])).toEqual({ slots: ['a 0-16383', 'd '], replicas: [], faults: [] });
});

it('keeps the id of a shard whose replica takes over, and gives no id twice', () => {
  const shards = (views: readonly NodeView[], known: ReturnType<typeof namedShards>) =>
    namedShards(agreedOf(views, new Set()), known);
  const first = shards([view(B, ...before)], []);
  expect(first.map(({ id, nodeId, replicas }) => [id, nodeId, replicas?.length])).toEqual([
    [A, A, 1],
    [B, B, undefined],
  ]);
  const second = shards([view(B, ...after)], first);
  expect(second.map(({ id, nodeId }) => [id, nodeId])).toEqual([
    [A, C],
    [B, B],
  ]);
  // A follows, and then leads a shard of its own: the id is taken.
  const third = [node(A, 5, { slots: [[0, 9]] }), ...after.slice(1)];
  expect(shards([view(B, ...third)], second).map(({ id, nodeId }) => [id, nodeId])).toEqual([
    [A, C],
    [`${A}-2`, A],
    [B, B],
  ]);
});

it('knows what is behind of what was said before by the primaries that say it, not by how many nodes do', () => {
  const [E, F] = ['e', 'f'].map((letter) => letter.repeat(40)) as [string, string];
  const cluster = (epoch: number): SeenNode[] => [
    node(A, epoch, { slots: [[0, 99]] }),
    node(B, epoch, { slots: [[100, 199]] }),
    node(C, epoch, { slots: [[200, 16383]] }),
    ...[D, E, F].map((id) => node(id, epoch, { follows: A })),
  ];
  const said = (ids: readonly string[], nodes: readonly SeenNode[]) =>
    agreedOf(
      ids.map((id) => view(id, ...nodes)),
      new Set(),
    );
  for (const epoch of [0, 4]) {
    const now = said([A, B, C], cluster(epoch));
    const older = cluster(Math.max(0, epoch - 1));
    expect(isBehind(said([A, D, E, F], older), now)).toBe(true);
    expect(isBehind(said([D, E, F], older), now)).toBe(true);
    expect(isBehind(said([A, B], older), now)).toBe(false);
    // D has taken over from A.
    const after = older.map((each) =>
      each.id === A
        ? { ...each, slots: [], isFailing: true }
        : each.id === D
          ? { ...each, follows: null, slots: [[0, 99]] as const }
          : each,
    );
    expect(isBehind(said([D, B], after), now)).toBe(false);
  }
  expect(isBehind(said([A], cluster(5)), said([A, B, C], cluster(4)))).toBe(false);
});
