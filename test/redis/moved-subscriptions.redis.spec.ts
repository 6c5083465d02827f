import { afterEach, expect, it } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { textOf } from '../../src/resp/index.ts';
import { eventually, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { RedisClient } from './redis-client.ts';
import { askNode, type ClusterNode, nodesOf, startRedisCluster } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

const CHANNEL = 'news';
const SLOT = slotOf(Buffer.from(CHANNEL), 0, CHANNEL.length);

async function idOf({ port }: ClusterNode): Promise<string> {
  return (await nodesOf(port)).find(([, , flags]) => flags?.includes('myself'))?.[0] ?? '';
}

/** Has a slot without keys move, as redis-cli has it. */
async function move(nodes: readonly ClusterNode[], from: ClusterNode, to: ClusterNode): Promise<void> {
  const setSlot = async ({ port }: ClusterNode, ...words: string[]): Promise<void> =>
    expect(textOf(await askNode(port, 'CLUSTER', 'SETSLOT', String(SLOT), ...words))).toBe('OK');
  await setSlot(to, 'IMPORTING', await idOf(from));
  await setSlot(from, 'MIGRATING', await idOf(to));
  for (const node of [to, from, ...nodes]) await setSlot(node, 'NODE', await idOf(to));
}

it('goes on with a sharded subscription whose slot moves, to and fro, and its client hears nothing of that', async () => {
  const nodes = await startRedisCluster(scope, { primaries: 3, replicas: 0 });
  const router = await startRouter(scope, {
    shards: [],
    routes: [],
    upstream: { protocol: 'redis' },
    cluster: { discover: { redis: [`127.0.0.1:${nodes[0]?.port}`], refresh: '200ms' } },
    listener: { redis: { cluster: 'docs' } },
  });
  const subscriber = new RedisClient(scope, router.port).say(`SSUBSCRIBE ${CHANNEL}`, 'SUBSCRIBE other');
  await subscriber.hears(`[ssubscribe, ${CHANNEL}, :1]`, '[subscribe, other, :1]');
  const speaker = new RedisClient(scope, router.port);
  const owner = nodes[Math.min(2, Math.floor(SLOT / 5461))] as ClusterNode;
  const other = nodes.find((node) => node !== owner) as ClusterNode;
  let said = 0;
  for (const [from, to] of [
    [owner, other],
    [other, owner],
    [owner, other],
  ] as const) {
    await move(nodes, from, to);
    const message = `of-${++said}`;
    await eventually(async () => {
      await speaker.ask(`SPUBLISH ${CHANNEL} ${message}`);
      return subscriber.heard.includes(`[smessage, ${CHANNEL}, ${message}]`);
    });
    expect(await speaker.ask('PUBLISH other still-there')).toBe(':1');
    await eventually(() => subscriber.heard.includes('[message, other, still-there]'));
    expect(subscriber.heard.filter((each) => !/^\[s?message, /.test(each))).toEqual([]);
    expect(subscriber.isClosed).toBe(false);
    subscriber.heard.length = 0;
  }
  subscriber.say(`SUNSUBSCRIBE ${CHANNEL}`);
  await eventually(() => subscriber.heard.includes(`[sunsubscribe, ${CHANNEL}, :0]`));
});
