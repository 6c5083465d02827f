import { expect, it, vi } from 'vitest';
import { BufferPool } from '../../io/index.ts';
import { slotOf } from '../../placement/index.ts';
import { arrayReply, bulkReply, errorReply, integerReply } from '../../resp/index.ts';
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
  const onListeningLost = vi.fn();
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
    onListeningLost,
  });
  subscriber.adopt(owner, connection);
  const confirm = (word: string, name: string): void => {
    const bytes = arrayReply([bulkReply(word), bulkReply(name), integerReply(1)]);
    connection.listener?.onMessage(bytes, 0, bytes.length);
  };
  const refuse = (text: string): void => {
    const bytes = errorReply(text);
    connection.listener?.onMessage(bytes, 0, bytes.length);
  };
  return { subscriber, confirm, refuse, counts, onListeningLost };
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

it.each([
  ['it says so itself', []],
  ['it has ended the subscription by itself meanwhile', ['news']],
])('takes a shard that knows of no slot any more for one that has ended the subscription there: %s', (_what, ended) => {
  const { subscriber, confirm, refuse, counts, onListeningLost } = subscribed();
  subscriber.add('shard-channel', 'news', owners);
  confirm('ssubscribe', 'news');
  subscriber.follow({ ownerOfText: () => ({}) } as unknown as RedisOwners);
  for (const name of ended) confirm('sunsubscribe', name);
  refuse(`MOVED ${slotOf(Buffer.from('news'), 0, 4)} 127.0.0.1:1`);
  expect(onListeningLost).not.toHaveBeenCalled();
  expect(counts).toEqual([1]);
  // What it is asked next is answered next.
  subscriber.add('channel', 'other', owners);
  confirm('subscribe', 'other');
  expect(counts).toEqual([1, 1]);
});
