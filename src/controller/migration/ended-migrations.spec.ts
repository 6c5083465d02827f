import { expect, it } from 'vitest';
import { EndedMigrations } from './ended-migrations.ts';
import { changed, EMPTY_QUEUE, queued } from './migration.ts';

const MOVE = { from: 's0', to: 's1', slots: [[1, 2]], withData: true, keysPerSecond: null } as const;

it('tells once that a migration is done or has failed, and nothing of those that had ended before', () => {
  const ended = new EndedMigrations();
  const three = queued(EMPTY_QUEUE, [MOVE, { ...MOVE, slots: [[3, 3]] }, { ...MOVE, slots: [[4, 4]] }]);
  const first = changed(three, 1, (each) => ({ ...each, state: 'done' }));
  expect(ended.changes(first)).toEqual([]);
  const second = changed(first, 2, (each) => ({ ...each, state: 'failed', reason: 'a key is too large' }));
  const failed = { event: 'migration-failed', migration: 2, from: 's0', to: 's1', reason: 'a key is too large' };
  expect(ended.changes(second)).toEqual([failed]);
  expect(ended.changes(second)).toEqual([]);
  const third = changed(second, 3, (each) => ({ ...each, state: 'done' }));
  expect(ended.changes(third)).toMatchObject([{ event: 'migration-done', migration: 3 }]);
});
