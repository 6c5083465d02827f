import { afterEach, expect, it } from 'vitest';
import { FakeRedis } from '../../../../test/redis/fake-redis.ts';
import { Scope } from '../../../../test/support/processes.ts';
import { bulkReply } from '../../../resp/index.ts';
import { checkTopology, nodesOf } from '../../../topology/index.ts';
import { AlreadyMember } from '../../engine.ts';
import { RedisShardKeeper } from './redis-shard-keeper.ts';

const scope = new Scope();
afterEach(() => scope.release());

const ID = 'a'.repeat(40);

it('has no node join a cluster that it is a node of, by whatever address', async () => {
  const fake = await FakeRedis.start(scope, ID);
  fake.instead = ([name, what]) =>
    name === 'CLUSTER' ? bulkReply(what === 'MYID' ? ID : `${ID} 127.0.0.1:1@2 myself,master`) : undefined;
  const shards = [{ id: 's0', address: `127.0.0.1:${fake.port}`, nodeId: ID, slots: '0-16383' }];
  const members = nodesOf(
    checkTopology({ namespace: 'default', cluster: 'cache', placement: { slots: {} }, shards }, 'the test'),
  );
  const access = { login: null, certificates: null, timeoutMs: 5000, patienceMs: 0, random: () => 0, clock: () => 0 };
  const keeper = new RedisShardKeeper(access, async () => {});
  const { signal } = new AbortController();
  await expect(keeper.join([`localhost:${fake.port}`], members, signal)).rejects.toThrow(AlreadyMember);
});
