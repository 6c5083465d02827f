import { expect, it } from 'vitest';
import { agreedOf } from './agreed.ts';
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
