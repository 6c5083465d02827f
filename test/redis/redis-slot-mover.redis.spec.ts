import { afterEach, expect, it } from 'vitest';
import { RedisSlotMover } from '../../src/controller/engines/redis/redis-slot-mover.ts';
import { RespClient, textOf } from '../../src/resp/index.ts';
import type { Node } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { askNode, nodesOf as linesOf, startRedisCluster } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

const KEYS = ['{t}:1', '{t}:2', '{t}:3'];
/** As CLUSTER KEYSLOT has it. */
const SLOT = 15_891;
/** A server does nothing else while it runs this. */
const BUSY =
  "local now = function() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end local began = now() while now() - began < 400000 do end";

const portOf = ({ address }: Node): number => Number(address.split(':')[1]);

/** Three real servers, that have a third of all slots each. */
async function servers(longestMs: number) {
  const nodes = await startRedisCluster(scope, { replicas: 0 });
  const all = await Promise.all(
    nodes.map(async ({ port }): Promise<Node> => {
      const id = textOf(await askNode(port, 'CLUSTER', 'MYID')) as string;
      return { id, address: `127.0.0.1:${port}`, shard: id, follows: null } as Node;
    }),
  );
  const mover = new RedisSlotMover(
    { login: null, certificates: null, timeoutMs: 5000, patienceMs: 0, random: () => 0, clock: () => 0 },
    { usualMs: 50, longestMs },
    () => {},
  );
  scope.defer(() => mover.close());
  return { nodes, all, mover };
}

/** An opened slot with three keys, between two real servers. */
async function opened(longestMs: number) {
  const { all, mover } = await servers(longestMs);
  const owned = await Promise.all(all.map(async (node) => (await mover.owned(node, [SLOT])).has(SLOT)));
  const from = all[owned.indexOf(true)] as Node;
  const to = all.find((node) => node !== from) as Node;
  for (const key of KEYS) await askNode(portOf(from), 'SET', key, 'value');
  await mover.open([SLOT], from, to);
  const run = await mover.runOf(from);
  const at = async (node: Node): Promise<Array<string | null>> => {
    const client = await RespClient.connect(
      { target: { host: '127.0.0.1', port: portOf(node) }, certificates: null },
      null,
      5000,
    );
    const values: Array<string | null> = [];
    for (const key of KEYS) {
      const [, value] = await Promise.all([client.ask(['ASKING']), client.ask(['GET', key])]);
      values.push(value.type === 'bulk' ? textOf(value) : null);
    }
    client.close();
    return values;
  };
  const keepBusy = () => askNode(portOf(to), 'EVAL', BUSY, '0');
  return { mover, from, to, run, at, keepBusy };
}

const [ALL, NONE] = [KEYS.map(() => 'value'), KEYS.map(() => null)];

it('leaves no copy at a target that takes longer than a key may, and the key at its source', async () => {
  const { mover, from, to, run, at, keepBusy } = await opened(50);
  for (let i = 0; i < 3; i++) {
    const busy = keepBusy();
    const moved = await mover.moveKeys([SLOT], from, to, 10, run).catch((error: Error) => error.message);
    await busy;
    // Where the servers are slow, the batch may have been moved before its target was busy.
    if (typeof moved === 'number') expect([await at(from), await at(to)]).toEqual([NONE, ALL]);
    else expect([await at(from), await at(to)]).toEqual([ALL, NONE]);
  }
});

it('moves the keys of a batch that its target did not take in time', async () => {
  const { mover, from, to, run, at, keepBusy } = await opened(5000);
  const busy = keepBusy();
  expect(await mover.moveKeys([SLOT], from, to, 10, run)).toBe(3);
  await busy;
  expect([await at(from), await at(to)]).toEqual([NONE, ALL]);
});

it('moves many slots at once, some of them with keys, and all nodes know their new owner', async () => {
  const { all, mover } = await servers(5000);
  const slots = Array.from({ length: mover.slotsAtOnce }, (_, i) => SLOT - 10 + i);
  const owned = await Promise.all(all.map(async (node) => (await mover.owned(node, slots)).size));
  const from = all[owned.indexOf(slots.length)] as Node;
  const [to, other] = all.filter((node) => node !== from) as [Node, Node];
  for (const key of KEYS) await askNode(portOf(from), 'SET', key, 'value');
  const counts = await mover.countKeys(slots, from);
  expect(counts.flatMap((count, i) => (count > 0 ? [slots[i], count] : []))).toEqual([SLOT, KEYS.length]);
  await mover.open(slots, from, to);
  await mover.open(slots, from, to);
  const run = await mover.runOf(from);
  expect(await mover.moveKeys(slots, from, to, 2, run)).toBe(2);
  expect(await mover.moveKeys(slots, from, to, 2, run)).toBe(1);
  expect(await mover.moveKeys(slots, from, to, 2, run)).toBe(0);
  await mover.settle(slots, from, to, [other]);
  await mover.settle(slots, from, to, [other]);
  expect((await mover.owned(to, slots)).size).toBe(slots.length);
  for (const key of KEYS) expect(textOf(await askNode(portOf(to), 'GET', key))).toBe('value');
  for (const node of [from, other]) {
    const lines = (await linesOf(portOf(node))).map((line) => line.join(' '));
    expect(lines.find((line) => line.startsWith(to.id))).toContain(`${slots[0]}-${slots.at(-1)}`);
    expect(lines.find((line) => line.includes('myself'))).not.toContain('[');
  }
});
