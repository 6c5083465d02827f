import { expect, it } from 'vitest';
import { fieldsOf } from '../redis/node-report.ts';
import { covers, importIn, migrationIn, readKvrocksState } from './kvrocks-report.ts';

it('reads the slots that move, by the names of earlier releases and later ones', () => {
  const range = 'migrating_slot(s): 5-9\r\ndestination_node: x\r\nmigrating_state: start\r\n';
  expect(migrationIn(fieldsOf(range))).toEqual({ slots: [[5, 9]], state: 'start', destination: 'x' });
  const one = 'migrating_slot: 5\r\ndestination_node: x\r\nmigrating_state: fail\r\n';
  const migration = migrationIn(fieldsOf(one));
  expect(migration).toEqual({ slots: [[5, 5]], state: 'fail', destination: 'x' });
  expect(migration !== null && covers(migration, 5) && !covers(migration, 6)).toBe(true);
  expect(migrationIn(fieldsOf('migrating_slot(s): -1\r\nmigrating_state: none\r\n'))).toBeNull();
  expect(migrationIn(fieldsOf('cluster_state:ok\r\n'))).toBeNull();
  expect(importIn(fieldsOf('importing_slot(s): 7\r\nimport_state: error\r\n'))).toEqual({
    slots: [[7, 7]],
    state: 'error',
  });
});

const OWN = { id: 'b'.repeat(40), role: 'replica', follows: 'a'.repeat(40), slots: [], epoch: 3 } as const;

it.each([
  ['up', '2', { downMs: 0, heardAgoMs: 2000, isSyncing: false }],
  ['down', '40', { downMs: 40_000, heardAgoMs: 40_000, isSyncing: false }],
  // Kvrocks counts from 1970 where it was never connected.
  ['down', '1795900000', { downMs: Number.POSITIVE_INFINITY, heardAgoMs: null, isSyncing: false }],
])('reads how a replica stands whose link is %s, and which has heard of its primary %s s ago', (status, seconds, link) => {
  const replication = `role:slave\r\nmaster_link_status:${status}\r\nmaster_sync_in_progress:0\r\nmaster_last_io_seconds_ago:${seconds}\r\nslave_repl_offset:17\r\nmaster_repl_offset:17\r\n`;
  expect(readKvrocksState(OWN, fieldsOf(replication), 3)).toMatchObject({
    role: 'replica',
    epoch: 3,
    offset: 17,
    link,
  });
});
