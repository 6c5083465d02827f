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
  return { published, tell, threads, lose, errors, stop: () => clusters.stop() };
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

it('publishes once for a wave that is held at once: what has moved by it, and that it is held', async () => {
  const { published, tell } = await router();
  for (const version of [2, 3]) {
    const staged = { to: version as TopologyVersion, attempt: version, table: table(version, (version - 1) / 10) };
    await tell(version - 1, (version - 2) / 10, { ...staged, step: 'hold' });
    await tell(version, (version - 1) / 10, null);
  }
  const said = published.map(({ acknowledged }) => acknowledged['default/docs']);
  expect(said).toEqual([2, 3].map((to) => ({ to, attempt: to, step: 'hold', streams: 7 })));
});

it('says that a call is slow while requests are held at once, and is not slow to say it', async () => {
  const { published, tell, threads } = await router();
  let settle = (_isDone: boolean): void => {};
  threads.settled = () =>
    new Promise((resolve) => {
      settle = resolve;
    });
  threads.isQuiet = async () => false;
  const held = { to: 2 as TopologyVersion, attempt: 2, table: table(2, 0.1), step: 'hold' } as const;
  const said = (): unknown[] => published.map(({ acknowledged }) => acknowledged['default/docs']);
  const slow = { to: 2, attempt: 2, step: 'stage', streams: 7, quiet: false };
  await tell(1, 0, held);
  expect(said()).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(said()).toEqual([slow]);
  settle(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(said()).toEqual([slow, { ...slow, step: 'hold' }]);
  // Behind a drain everybody has waited for it already.
  for (const step of ['drain', 'hold'] as const) {
    await tell(1, 0, { ...held, attempt: 3, step });
    if (step === 'drain') settle(true);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(said().slice(2)).toMatchObject([{ attempt: 3, step: 'drain' }]);
});

it('reports a lease that it has lost, and none that it gives back because it stops', async () => {
  const { lose, errors, stop } = await router();
  lose();
  expect(errors).toHaveBeenCalledTimes(1);
  await stop();
  expect(errors).toHaveBeenCalledTimes(1);
});
