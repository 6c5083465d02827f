import { afterEach, expect, it, vi } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import { errorReply } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { RedisRouter } from './redis-router.ts';

const scope = new Scope();
afterEach(() => scope.release());

const WAITS = { isDiscovered: true, upstream: { waitForOwnerMs: 20_000 } };

it('sends what waits for an owner that has died to the one that has taken over', async () => {
  const router = await RedisRouter.start(scope, WAITS);
  const [s0, s1] = router.shards;
  s1.end();
  const [one, several, transaction] = [router.client(), router.client(), router.client()];
  one.say('SET moves/a 1', 'GET moves/a');
  several.say('MSET moves/b 1 moves/c 2');
  transaction.say('MULTI', 'SET moves/d 1', 'EXEC');
  await vi.waitFor(
    () => expect(router.router.counters.shards['cache/s1']?.connectFailures).toBeGreaterThan(3),
    PATIENCE,
  );
  router.commit();
  await one.hears('OK', '1');
  await several.hears('OK');
  await transaction.hears('OK', 'QUEUED', '[OK]');
  expect([...s0.values.keys()].sort()).toEqual(['moves/a', 'moves/b', 'moves/c', 'moves/d']);
});

it('goes by the owners of now, not by what a server has said of those before', async () => {
  const router = await RedisRouter.start(scope, WAITS);
  const [s0, s1] = router.shards;
  const slot = slotOf(Buffer.from('stays/a'), 0, 'stays/a'.length);
  s0.instead = ([name]) => (name === 'GET' ? errorReply(`MOVED ${slot} 127.0.0.1:${s1.port}`) : undefined);
  s1.instead = ([name]) => (name === 'GET' ? errorReply('TRYAGAIN later') : undefined);
  const client = router.client().say('GET stays/a');
  await vi.waitFor(() => expect(s1.times('GET')).toBeGreaterThan(1), PATIENCE);
  s0.instead = () => undefined;
  s0.values.set('stays/a', '1');
  router.commit();
  await client.hears('1');
});
