import { type Cost, costOf, type Size } from './scale.ts';

/** One of the numbers grows at a time, so that it is seen what each does. */
const SIZES: readonly Size[] = [
  { routers: 10, shards: 10, clusters: 1, waves: 1 },
  { routers: 100, shards: 10, clusters: 1, waves: 1 },
  { routers: 1000, shards: 10, clusters: 1, waves: 1 },
  { routers: 10, shards: 1000, clusters: 1, waves: 1 },
  { routers: 10, shards: 10_000, clusters: 1, waves: 1 },
  { routers: 10, shards: 10, clusters: 10, waves: 1 },
  { routers: 10, shards: 10, clusters: 100, waves: 1 },
  { routers: 10, shards: 10, clusters: 1000, waves: 1 },
  { routers: 100, shards: 10, clusters: 100, waves: 1 },
  { routers: 10, shards: 10, clusters: 1, waves: 10 },
  { routers: 100, shards: 10, clusters: 1, waves: 10 },
  { routers: 1000, shards: 10, clusters: 1, waves: 10 },
];

/** What a change costs in larger and larger installations, as a table in Markdown. To be called as `costOf` has to be. */
export function scaleTable(onRow: (row: string) => void): void {
  onRow(
    '| routers | shards | clusters | versions | operations | of them writes | messages | KB | committed, ms | routed by all, ms | at rest, operations/s |',
  );
  onRow('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const size of SIZES) onRow(rowOf(costOf(size)));
}

function rowOf({ routers, shards, clusters, ...cost }: Cost): string {
  const { versions, operations, writes, messages, bytes, committedMs, routedMs, restingOperations } = cost;
  const numbers = [
    operations,
    writes,
    messages,
    Math.round(bytes / 1024),
    Math.round(committedMs),
    Math.round(routedMs),
  ];
  return `| ${[routers, shards, clusters, versions, ...numbers, restingOperations.toFixed(1)].join(' | ')} |`;
}
