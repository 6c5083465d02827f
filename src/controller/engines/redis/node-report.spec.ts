import { expect, it } from 'vitest';
import { fieldsOf, readOwnLine, readState } from './node-report.ts';

const [A, B] = ['a', 'b'].map((letter) => letter.repeat(40)) as [string, string];
const LINES = [
  `${A} 10.0.0.1:7000@17000,host slave ${B} 0 1 7 connected`,
  `${B} 10.0.0.2:7000@17000 myself,master - 0 1 7 connected 0-100 16383 [5->-${A}]`,
].join('\n');

it('reads what a primary says of itself', () => {
  const own = readOwnLine(LINES, '10.0.0.2:7000');
  const slots = [
    [0, 100],
    [16383, 16383],
  ];
  expect(own).toEqual({ id: B, role: 'primary', follows: null, epoch: 7, slots });
  const replication = fieldsOf('# Replication\r\nrole:master\r\nmaster_repl_offset:42\r\n');
  const cluster = fieldsOf('cluster_state:ok\r\n');
  expect(readState(own as NonNullable<typeof own>, replication, cluster)).toMatchObject({
    offset: 42,
    isClusterOk: true,
    link: null,
  });
});

it.each([
  [
    'up',
    'master_link_status:up\nmaster_last_io_seconds_ago:3\nmaster_sync_in_progress:0',
    { downMs: 0, heardAgoMs: 3000, isSyncing: false },
  ],
  [
    'down',
    'master_link_status:down\nmaster_last_io_seconds_ago:-1\nmaster_link_down_since_seconds:9',
    { downMs: 9000, heardAgoMs: null, isSyncing: false },
  ],
  [
    'never up',
    'master_link_status:down\nmaster_link_down_since_seconds:-1\nmaster_sync_in_progress:1',
    { downMs: Number.POSITIVE_INFINITY, heardAgoMs: null, isSyncing: true },
  ],
])('reads of a replica whose link is %s', (_, text, link) => {
  const own = readOwnLine(LINES.replace('slave', 'myself,slave').replace('myself,master', 'master'), '10.0.0.1:7000');
  expect(own).toMatchObject({ id: A, role: 'replica', follows: B });
  const state = readState(
    own as NonNullable<typeof own>,
    fieldsOf(`slave_repl_offset:41\nmaster_repl_offset:40\n${text}`),
    new Map(),
  );
  expect([state.offset, state.link]).toEqual([41, link]);
});

it('knows nothing of a node whose own line is not there', () => {
  expect(readOwnLine(LINES.replace('myself,', ''), '10.0.0.2:7000')).toBeNull();
});
