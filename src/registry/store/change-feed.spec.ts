import { expect, it } from 'vitest';
import { ChangeFeed, type ChangeRow } from './change-feed.ts';
import type { Entry, Revision } from './store.ts';

it('tells all followers of one and the same entry', async () => {
  const log: ChangeRow[] = [];
  const feed = new ChangeFeed(0 as Revision, (after) => log.filter(({ revision }) => revision > after));
  const told: Array<Entry | null> = [];
  for (const prefix of ['', 'handoff/'])
    feed.follow(prefix, 0 as Revision, {
      onBegun: () => {},
      onChanges: ({ events }) => told.push(...events.map(({ entry }) => entry)),
      onEnded: () => {},
    });
  await Promise.resolve();
  const revision = 1 as Revision;
  log.push({ revision, key: 'handoff/default/docs/state', value: '{}', created: revision });
  feed.advance(0 as Revision);
  expect(told).toEqual([{ key: 'handoff/default/docs/state', value: '{}', created: 1, revision: 1 }, told[0]]);
  expect(told[1]).toBe(told[0]);
});
