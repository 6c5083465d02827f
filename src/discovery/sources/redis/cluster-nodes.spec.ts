import { expect, it } from 'vitest';
import { arrayReply, bulkReply, decodeReply, integerReply, mapReply, nullReply } from '../../../resp/index.ts';
import { readClusterNodes } from './cluster-nodes.ts';
import { readClusterShards, readClusterSlots } from './cluster-slots.ts';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];

const REACHED = { host: '10.0.0.1', ip: '10.0.0.1' };

function nodes(...lines: string[]) {
  return readClusterNodes(`${lines.join('\n')}\n`, '10.0.0.1:7000', REACHED);
}

function decoded(bytes: Buffer) {
  return decodeReply(bytes, 0, bytes.length);
}

it('reads primaries, replicas, epochs and slots, of this node and of others', () => {
  const view = nodes(
    `${A} 10.0.0.1:7000@17000 myself,master - 0 0 3 connected 0-5460 5500 [5461->-${B}]`,
    `${B} 10.0.0.2:7000@17000,b.example,tls-port=0 slave ${A} 0 1426238316232 3 connected`,
    `${C} 10.0.0.3:7000@17000 master,fail - 1 2 7 disconnected 5461-5499 5501-16383`,
  );
  expect(view).toEqual({
    asked: '10.0.0.1:7000',
    self: A,
    faults: [],
    nodes: [
      {
        id: A,
        address: '10.0.0.1:7000',
        follows: null,
        isFailing: false,
        epoch: 3,
        slots: [
          [0, 5460],
          [5500, 5500],
        ],
      },
      { id: B, address: '10.0.0.2:7000', follows: A, isFailing: false, epoch: 3, slots: [] },
      {
        id: C,
        address: '10.0.0.3:7000',
        follows: null,
        isFailing: true,
        epoch: 7,
        slots: [
          [5461, 5499],
          [5501, 16383],
        ],
      },
    ],
  });
});

it.each([
  ['an empty host is the one that was asked', `${A} :7000@17000 myself,master - 0 0 1 connected`, '10.0.0.1:7000'],
  ['a line of Redis 3, without a bus', `${A} 10.0.0.9:7000 master - 0 0 1 connected`, '10.0.0.9:7000'],
  ['an IPv6 address', `${A} fd00::1:7000@17000 master - 0 0 1 connected`, '[fd00::1]:7000'],
  [
    'an address of its own that is none elsewhere',
    `${A} 0.0.0.0:7001@17001 myself,master - 0 0 1 connected`,
    '10.0.0.1:7001',
  ],
  ['a name', `${A} redis-0.redis:7000@17000 master - 0 0 1 connected`, 'redis-0.redis:7000'],
])('reads %s', (_what, line, address) => {
  expect(nodes(line).nodes.map((node) => node.address)).toEqual([address]);
});

it('leaves out lines that are none, and tells of them; nodes that cannot be reached are left out in silence', () => {
  const good = `${A} 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-16383`;
  const view = nodes(
    good,
    'nonsense',
    `${B} 10.0.0.2:7000@17000 master - 0 0 2 connected 16384`,
    `${B} 10.0.0.2:99999@1 master - 0 0 2 connected`,
    `${B} :7000@1 master - 0 0 2 connected`,
    `${B} 127.0.0.1:7000@1 master - 0 0 2 connected`,
    `${B} 10.0.0.2:7000@17000 master - 0 0`,
    `${B} 10.0.0.2:7000@17000 - - 0 0 2 connected`,
    `${B} :0@0 master,fail,noaddr - 0 0 2 disconnected 1-2`,
    `${C} 10.0.0.3:7000@17000 handshake - 0 0 0 connected`,
    good,
  );
  expect(view.nodes.map(({ id }) => id)).toEqual([A]);
  expect(view.faults).toHaveLength(8);
  expect(view.faults[0]).toBe('no node id of 40 letters and digits: "nonsense"');
});

it('reads no more than a cluster can have, in a time that grows with the answer', () => {
  const id = (i: number): string => i.toString(36).padStart(40, '0');
  const lines = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${id(i)} 10.0.0.2:7000@17000 master - 0 0 1 connected`);
  const many = nodes(...lines(20_000));
  expect([many.nodes.length, many.faults]).toEqual([4096, ['more than 4096 nodes']]);
  const often = nodes(`${A} 10.0.0.2:1@1 master - 0 0 1 connected ${'0-16383 '.repeat(10_000)}`);
  expect(often.nodes[0]?.slots).toEqual([[0, 16383]]);
  const nonsense = nodes(...Array.from({ length: 1000 }, (_, i) => `${i} ${'x'.repeat(10_000)}`));
  expect(nonsense.faults).toHaveLength(9);
  expect(Math.max(...nonsense.faults.map(({ length }) => length))).toBeLessThan(250);
});

it('reads CLUSTER SLOTS: names, unknown names, and hosts that a server leaves out', () => {
  const place = (host: Buffer, port: number, id: string, ...metadata: string[]) =>
    arrayReply([host, integerReply(port), bulkReply(id), arrayReply(metadata.map(bulkReply))]);
  const entry = (first: number, last: number, ...places: Buffer[]) =>
    arrayReply([integerReply(first), integerReply(last), ...places]);
  const a = place(bulkReply('a.example'), 7000, A, 'ip', '10.0.0.1');
  const b = place(bulkReply('?'), 7001, B, 'ip', '10.0.0.2');
  const c = place(nullReply(2), 7002, C);
  const reply = decoded(arrayReply([entry(0, 99, a, b), entry(200, 299, a, b), entry(100, 199, c), entry(5, 1, c)]));
  const view = readClusterSlots(reply, '10.0.0.9:7000', { host: '10.0.0.9', ip: '10.0.0.9' });
  expect(view.nodes.map(({ id, address, follows, slots }) => [id, address, follows, slots])).toEqual([
    [
      A,
      'a.example:7000',
      null,
      [
        [0, 99],
        [200, 299],
      ],
    ],
    [B, '10.0.0.2:7001', A, []],
    [C, '10.0.0.9:7002', null, [[100, 199]]],
  ]);
  expect(view.faults).toHaveLength(1);
});

it.each([2, 3] as const)('reads CLUSTER SHARDS in RESP%i, by TLS and without', (protocol) => {
  const map = (entries: Record<string, Buffer>) =>
    mapReply(
      Object.entries(entries).flatMap(([name, value]) => [bulkReply(name), value]),
      protocol,
    );
  const node = (id: string, role: string, health: string) =>
    map({
      id: bulkReply(id),
      port: integerReply(7000),
      'tls-port': integerReply(7443),
      ip: bulkReply('10.0.0.1'),
      endpoint: bulkReply(`${id[0]}.example`),
      role: bulkReply(role),
      'replication-offset': integerReply(1),
      health: bulkReply(health),
    });
  const shard = map({
    slots: arrayReply([0, 99, 200, 299].map(integerReply)),
    nodes: arrayReply([node(A, 'master', 'fail'), node(B, 'master', 'online'), node(C, 'replica', 'loading')]),
  });
  const reply = decoded(arrayReply([shard]));
  const view = readClusterShards(reply, '10.0.0.9:7000', REACHED, false);
  expect(view.nodes.map(({ id, address, follows, isFailing }) => [id, address, follows, isFailing])).toEqual([
    [A, 'a.example:7000', B, true],
    [B, 'b.example:7000', null, false],
    [C, 'c.example:7000', B, false],
  ]);
  expect(view.nodes[1]?.slots).toEqual([
    [0, 99],
    [200, 299],
  ]);
  expect(readClusterShards(reply, '', REACHED, true).nodes[1]?.address).toBe('b.example:7443');
});
