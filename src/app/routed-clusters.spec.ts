import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseConfig } from '../config/index.ts';
import type { Control, ControlEvent } from '../control/index.ts';
import type { RouterThreads } from '../proxy/index.ts';
import type { RouterValue } from '../registry/index.ts';
import { newLog } from '../runtime/log.ts';
import { checkTopology, type StagedCluster, shareCluster, type TopologyVersion, towards } from '../topology/index.ts';
import { RoutedClusters } from './routed-clusters.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const CONFIG = parseConfig(
  `listen: [{address: 127.0.0.1:1}]
registry: {remote: {address: 127.0.0.1:1}}
clusters: {docs: {fromRegistry: {namespace: default}}}
routes: [{cluster: docs, match: {prefix: /}}]
`,
  'the test',
);

function draft(shards: readonly string[]) {
  const list = shards.map((id) => ({ id, address: `${id}:1` }));
  return checkTopology(
    { namespace: 'default', cluster: 'docs', placement: { fixedRing: {} }, shards: list },
    'the test',
  );
}

function table(version: number, cursor: number) {
  const part = towards(draft(['a']), draft(['a', 'b']), cursor, 2);
  return shareCluster({ ...part, name: 'docs' }, version as TopologyVersion);
}

/** A router with one thread that is done with everything at once, and what it publishes about itself. */
async function router() {
  const published: RouterValue[] = [];
  let report = (_event: ControlEvent): void => {};
  const control: Partial<Control> = {
    serving: (value) => void published.push(value),
    carriedOut: () => {},
    stop: async () => report({ kind: 'serves', cluster: 'docs', serves: false }),
  };
  const log = newLog('silent');
  const errors = vi.spyOn(log, 'error');
  const clusters = new RoutedClusters(
    CONFIG,
    log,
    () => 0,
    (_birth, onEvent) => {
      report = onEvent;
      return control as Control;
    },
  );
  let id = 0;
  const tell = async (version: number, cursor: number, staged: Partial<StagedCluster> | null): Promise<void> => {
    id++;
    const about = { cluster: 'docs', lost: [], from: 'registry', id } as const;
    report({ kind: 'routing', ...about, table: table(version, cursor), staged: staged as StagedCluster | null });
    await vi.advanceTimersByTimeAsync(1);
  };
  void clusters.follow();
  await tell(1, 0, null);
  const threads: Partial<RouterThreads> = {
    publish: async () => {},
    settled: async () => true,
    moving: async () => 7,
    isQuiet: async () => true,
    emptied: async () => true,
  };
  void clusters.publishTo(threads as RouterThreads);
  await vi.advanceTimersByTimeAsync(1);
  published.length = 0;
  const lose = (): void => report({ kind: 'serves', cluster: 'docs', serves: false });
  return { published, tell, lose, errors, stop: () => clusters.stop() };
}

it('publishes twice for each of several waves: what moves by it, and that it is held', async () => {
  const { published, tell } = await router();
  for (const version of [2, 3, 4]) {
    const [before, cursor] = [(version - 2) / 10, (version - 1) / 10];
    const staged = { to: version as TopologyVersion, attempt: version, table: table(version, cursor) };
    await tell(version - 1, before, { ...staged, step: 'stage' });
    await tell(version - 1, before, { ...staged, step: 'hold' });
    await tell(version, cursor, null);
  }
  const steps = published.map(({ versions, acknowledged }) => [
    versions['default/docs'],
    acknowledged['default/docs']?.step,
  ]);
  expect(steps).toEqual([
    [1, 'stage'],
    [1, 'hold'],
    [2, 'stage'],
    [2, 'hold'],
    [3, 'stage'],
    [3, 'hold'],
  ]);
  expect(published[0]?.acknowledged['default/docs']).toMatchObject({ streams: 7, quiet: true });
  // Where no wave follows, people hear of the last one all the same.
  await vi.advanceTimersByTimeAsync(1000);
  expect(published.at(-1)).toMatchObject({ versions: { 'default/docs': 4 }, acknowledged: {} });
});

it('reports a lease that it has lost, and none that it gives back because it stops', async () => {
  const { lose, errors, stop } = await router();
  lose();
  expect(errors).toHaveBeenCalledTimes(1);
  await stop();
  expect(errors).toHaveBeenCalledTimes(1);
});
