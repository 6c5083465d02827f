import { afterEach, expect, it } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { integerReply } from '../../src/resp/index.ts';
import {
  checkTopology,
  derivedNodeId,
  type NodeId,
  shareCluster,
  type TopologyVersion,
} from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

const [A, B, R] = ['a', 'b', 'f'].map((letter) => letter.repeat(40)) as [NodeId, NodeId, NodeId];

/** s0 owns most slots, and has a replica; s1 owns one, and some at the end. */
function slots([s0, s1]: RedisRouter['shards'], last = '16000-16383') {
  const topology = checkTopology(
    {
      cluster: 'cache',
      placement: { slots: {} },
      shards: [
        {
          id: 's0',
          address: `127.0.0.1:${s0.port}`,
          nodeId: A,
          slots: '0-99 101-15999',
          replicas: [{ id: R, address: '[fd00::1]:7000' }],
        },
        { id: 's1', address: `127.0.0.1:${s1.port}`, nodeId: B, slots: `100 ${last}` },
      ],
    },
    'the test',
  );
  return shareCluster(topology, 7 as TopologyVersion);
}

const DIRECT = { entry: { mode: 'direct' }, tableOf: slots } as const;

/** Keys of slots that s0 owns, and s1. */
const [ofS0, ofS1] = [(slot: number) => slot < 16000, (slot: number) => slot >= 16000].map((is) => {
  for (let i = 0; ; i++) {
    const slot = slotOf(Buffer.from(`k${i}`), 0, `k${i}`.length);
    if (is(slot) && slot !== 100) return { key: `k${i}`, slot };
  }
}) as [{ key: string; slot: number }, { key: string; slot: number }];

it('tells clients of a cluster its nodes, as its nodes do, with the router as a node that owns nothing', async () => {
  const router = await RedisRouter.start(scope, DIRECT);
  const [s0, s1] = router.shards;
  const client = router.client();
  const self = derivedNodeId('cache', `127.0.0.1:${router.port}`);
  expect(await client.ask('CLUSTER MYID')).toBe(self);
  expect((await client.ask('CLUSTER NODES')).trim().split('\n')).toEqual([
    `${self} 127.0.0.1:${router.port}@${busOf(router.port)} myself,master - 0 0 7 connected`,
    `${A} 127.0.0.1:${s0.port}@${busOf(s0.port)} master - 0 0 7 connected 0-99 101-15999`,
    `${R} fd00::1:7000@17000 slave ${A} 0 0 7 connected`,
    `${B} 127.0.0.1:${s1.port}@${busOf(s1.port)} master - 0 0 7 connected 100 16000-16383`,
  ]);
  const [places, other] = [
    `[127.0.0.1, :${s0.port}, ${A}, []], [fd00::1, :7000, ${R}, []]`,
    `[127.0.0.1, :${s1.port}, ${B}, []]`,
  ];
  expect(await client.ask('CLUSTER SLOTS')).toBe(
    `[[:0, :99, ${places}], [:100, :100, ${other}], [:101, :15999, ${places}], [:16000, :16383, ${other}]]`,
  );
  const shards = await client.ask('CLUSTER SHARDS');
  expect(shards).toContain(`[slots, [:0, :99, :101, :15999], nodes, [[id, ${A}, port, :${s0.port}, ip, 127.0.0.1`);
  expect(shards).toContain(`[id, ${R}, port, :7000, ip, fd00::1, endpoint, fd00::1, role, replica`);
  expect(await client.ask('CLUSTER INFO')).toMatch(/cluster_state:ok\r\ncluster_slots_assigned:16384\r\n/);
  expect(await client.ask(`CLUSTER REPLICAS ${A}`)).toMatch(new RegExp(`^\\[${R} .*slave ${A}`));
  expect(await client.ask(`CLUSTER REPLICAS ${R}`)).toMatch(/^-ERR Unknown node/);
  expect(await client.ask('CLUSTER LINKS')).toBe('[]');
  expect(await client.ask('CLUSTER KEYSLOT {user1000}.following')).toBe(':3443');
  expect(await client.ask('INFO cluster')).toContain('cluster_enabled:1');
  expect(await client.ask('CLUSTER MEET 127.0.0.1 1')).toMatch(/^-ERR CLUSTER MEET is refused/);
});

function busOf(port: number): number {
  return port + 10_000 > 65_535 ? 0 : port + 10_000;
}

it('sends clients to the owners of their keys, and asks nobody for them', async () => {
  const router = await RedisRouter.start(scope, DIRECT);
  const [s0, s1] = router.shards;
  const client = router.client();
  const [moved0, moved1] = [`-MOVED ${ofS0.slot} 127.0.0.1:${s0.port}`, `-MOVED ${ofS1.slot} 127.0.0.1:${s1.port}`];
  expect(await client.ask(`GET ${ofS0.key}`)).toBe(moved0);
  expect(await client.ask(`MSET ${ofS1.key} 1`)).toBe(moved1);
  expect(await client.ask(`MGET ${ofS0.key} ${ofS1.key}`)).toMatch(/^-CROSSSLOT /);
  expect(await client.ask(`EVAL script 1 ${ofS1.key}`)).toBe(moved1);
  expect(await client.ask(`BLPOP ${ofS0.key} 0`)).toBe(moved0);
  expect(await client.ask(`SSUBSCRIBE ${ofS0.key}`)).toBe(moved0);
  expect(await client.ask(`WATCH ${ofS0.key}`)).toBe(moved0);
  expect(await client.ask('ASKING')).toBe('OK');
  expect(await client.ask(`SET ${ofS0.key} 1`)).toBe(moved0);
  client.say('READONLY', `GET ${ofS0.key}`, 'READWRITE', 'MULTI', `SET ${ofS0.key} 1`);
  await client.hears('OK', moved0, 'OK', 'OK', moved0);
  expect(await client.ask('EXEC')).toMatch(/^-EXECABORT /);
  expect([...s0.told, ...s1.told]).toEqual([]);
});

it('sends clients to the owners of large values without keeping them, and goes on', async () => {
  const router = await RedisRouter.start(scope, DIRECT);
  const [s0] = router.shards;
  const client = router.client().say(`SET ${ofS0.key} ${'v'.repeat(6 * 2 ** 20)}`, 'PING');
  await client.hears(`-MOVED ${ofS0.slot} 127.0.0.1:${s0.port}`, 'PONG');
  expect(s0.told).toEqual([]);
});

it('asks the owner of a slot for its keys', async () => {
  const router = await RedisRouter.start(scope, DIRECT);
  const [, s1] = router.shards;
  s1.instead = ([name, what]) => (name === 'CLUSTER' && what === 'COUNTKEYSINSLOT' ? integerReply(3) : undefined);
  const client = router.client();
  expect(await client.ask('CLUSTER COUNTKEYSINSLOT 100')).toBe(':3');
  expect(await client.ask('CLUSTER COUNTKEYSINSLOT 16384')).toBe('-ERR Invalid or out of range slot');
});

it('announces where it is reached', async () => {
  const announce = ['redis.example:6379', '[fd00::9]:6380'];
  const router = await RedisRouter.start(scope, { ...DIRECT, entry: { mode: 'direct', announce } });
  const lines = (await router.client().ask('CLUSTER NODES')).split('\n');
  expect(lines[0]).toMatch(/^[0-9a-f]{40} redis\.example:6379@16379,redis\.example myself,master /);
  expect(lines[1]).toMatch(/^[0-9a-f]{40} fd00::9:6380@16380 master /);
});

it('announces the routers as the nodes of a cluster, with the slots divided between them, and serves every key', async () => {
  const announce = ['10.0.0.2:6379', '10.0.0.1:6379', '10.0.0.3:6379'];
  const router = await RedisRouter.start(scope, { ...DIRECT, entry: { mode: 'routers', announce } });
  const client = router.client();
  const id = (address: string): string => derivedNodeId('cache', address);
  expect(await client.ask('CLUSTER SLOTS')).toBe(
    `[[:0, :5460, [10.0.0.1, :6379, ${id('10.0.0.1:6379')}, []]], ` +
      `[:5461, :10921, [10.0.0.2, :6379, ${id('10.0.0.2:6379')}, []]], ` +
      `[:10922, :16383, [10.0.0.3, :6379, ${id('10.0.0.3:6379')}, []]]]`,
  );
  expect(await client.ask('CLUSTER MYID')).toBe(id('10.0.0.2:6379'));
  expect(await client.ask(`SET ${ofS0.key} 1`)).toBe('OK');
  expect(await client.ask(`MGET ${ofS0.key} ${ofS1.key}`)).toBe('[1, nil]');
});

it('is a server without a cluster where keys have no slots, and in hidden mode', async () => {
  const disabled = '-ERR This instance has cluster support disabled';
  const without = await RedisRouter.start(scope, { entry: { mode: 'direct' } });
  expect(await without.client().ask('CLUSTER SLOTS')).toBe(disabled);
  const hidden = await RedisRouter.start(scope, { tableOf: slots });
  expect(await hidden.client().ask('CLUSTER SLOTS')).toBe(disabled);
});
