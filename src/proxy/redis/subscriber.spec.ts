import { expect, it, vi } from 'vitest';
import { BufferPool } from '../../io/index.ts';
import { arrayReply, bulkReply, integerReply } from '../../resp/index.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import { KeptBytes } from './kept-bytes.ts';
import type { RedisOwners } from './redis-owners.ts';
import type { RedisConnection } from './shards/redis-connection.ts';
import type { RedisPool } from './shards/redis-pool.ts';
import { Subscriber } from './subscriber.ts';

const owner = {} as Upstream<RedisPool>;
const owners = { ownerOfText: () => owner } as unknown as RedisOwners;

/** A subscriber at one shard, and the counts that its client is told. */
function subscribed() {
  const counts: number[] = [];
  const connection = { listener: null, destroy: () => {} } as unknown as RedisConnection;
  const subscriber = new Subscriber({
    protocol: 2,
    push: (bytes, start, end) => {
      const text = Buffer.from(bytes.subarray(start, end)).toString();
      counts.push(Number(text.slice(text.lastIndexOf(':') + 1)));
    },
    sendToShard: (_owners, to, wish) => wish.onSent(to),
    hasBus: () => null,
    inTurn: (callback) => callback(),
    holdAnswers: () => () => {},
    keptBytes: new KeptBytes(new BufferPool({ maxUnsentBytes: 2 ** 20, maxBacklogBytes: 2 ** 20 })),
    afterAll: () => {},
    afterPause: () => {},
    onListeningLost: () => {},
  });
  subscriber.adopt(owner, connection);
  const confirm = (word: string, name: string): void => {
    const bytes = arrayReply([bulkReply(word), bulkReply(name), integerReply(1)]);
    connection.listener?.onMessage(bytes, 0, bytes.length);
  };
  return { subscriber, confirm, counts };
}

it('counts channels and patterns together, shard channels apart, and each once', () => {
  const { subscriber, confirm, counts } = subscribed();
  subscriber.add('channel', 'a', owners);
  subscriber.add('channel', 'b', owners);
  subscriber.add('shard-channel', 'a', owners);
  confirm('subscribe', 'a');
  confirm('subscribe', 'b');
  confirm('ssubscribe', 'a');
  subscriber.add('channel', 'a', owners);
  subscriber.remove('channel', 'a', owners);
  confirm('unsubscribe', 'a');
  subscriber.remove('channel', 'a', owners);
  subscriber.remove('shard-channel', 'a', owners);
  subscriber.removeNothing('pattern');
  expect(counts).toEqual([1, 2, 1, 2, 1, 1, 0, 1]);
});

it('walks through nothing to count', () => {
  const { subscriber, confirm, counts } = subscribed();
  const names = Array.from({ length: 100 }, (_, i) => String(i));
  for (const name of names) subscriber.add('channel', name, owners);
  const walks = vi.spyOn(Map.prototype, 'values');
  for (const name of names) confirm('subscribe', name);
  const times = walks.mock.calls.length;
  walks.mockRestore();
  expect([counts.at(-1), times]).toEqual([names.length, 0]);
});
