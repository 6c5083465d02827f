import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { BufferPool, Output } from './output.ts';
import { Turn } from './turn.ts';

const LIMITS = { maxUnsentBytes: 1_000_000, maxBacklogBytes: 300_000 };

/** An output to a peer that reads nothing until it is told to; counts what is written. */
function outputToWhoReadsNothing(pool: BufferPool) {
  const seen = { writes: 0, bytes: 0, unread: 0 };
  let take: (() => void) | null = null;
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length > 0) seen.writes++;
      seen.bytes += chunk.length;
      take = done;
    },
  });
  const listener = { beforeFlush() {}, onWritable() {}, onUnread: () => seen.unread++ };
  const output = new Output(socket as unknown as Socket, pool, new Turn(() => 0), listener);
  const turn = (bytes: number): void => {
    output.append(Buffer.alloc(bytes), 0, bytes);
    output.flush();
  };
  const read = async (): Promise<void> => {
    while (take !== null) {
      const done: () => void = take;
      take = null;
      done();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { seen, turn, read, output, socket };
}

it('collects what a peer does not take, however few bytes a turn brings, and loses none of it', async () => {
  const { seen, turn, read, output } = outputToWhoReadsNothing(new BufferPool(LIMITS));
  for (let i = 0; i < 2000; i++) turn(10);
  expect(output.unsentBytes).toBe(20_000);
  await read();
  expect(seen).toEqual({ writes: 2, bytes: 20_000, unread: 0 });
  expect(output.unsentBytes).toBe(0);
});

it('reports a peer for which more is waiting than allowed, or than the others leave room for', () => {
  const pool = new BufferPool(LIMITS);
  const one = outputToWhoReadsNothing(pool);
  for (let i = 0; i < 100; i++) one.turn(1000);
  expect(one.seen.unread).toBe(0);
  const others = [1, 2, 3, 4].map(() => outputToWhoReadsNothing(pool));
  for (const other of others) other.turn(140_000);
  expect(others.some(({ seen }) => seen.unread > 0)).toBe(true);
});

it('no longer counts anything for a peer that is gone', async () => {
  const pool = new BufferPool(LIMITS);
  const { turn, output, socket } = outputToWhoReadsNothing(pool);
  for (let i = 0; i < 100; i++) turn(1000);
  expect(pool.backlog.bytes).toBe(100_000);
  output.discard();
  socket.destroy();
  await new Promise((resolve) => socket.on('close', resolve));
  expect(pool.backlog.bytes).toBe(0);
});

it('copies what waits for a connection a few times, however small its pieces are', () => {
  const pool = new BufferPool(LIMITS);
  const taken: number[] = [];
  const take = pool.take.bind(pool);
  pool.take = (bytes) => {
    taken.push(bytes);
    return take(bytes);
  };
  const socket = Object.assign(new Duplex({ read() {}, write() {} }), { connecting: true });
  const listener = { beforeFlush() {}, onWritable() {}, onUnread() {} };
  const output = new Output(socket as unknown as Socket, pool, new Turn(() => 0), listener);
  for (let i = 0; i < 60_000; i++) output.append(Buffer.from('12345678'), 0, 8);
  expect(output.length).toBe(480_000);
  expect(taken.length).toBeLessThan(6);
  expect(taken.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(3 * 480_000);
});
