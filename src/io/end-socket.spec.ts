import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { endSocket } from './end-socket.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A socket whose peer takes nothing until it is told to. */
function slowSocket(): { socket: Socket; take: () => void } {
  let take = (): void => {};
  const socket = new Duplex({
    autoDestroy: false,
    read() {},
    write(_chunk, _encoding, done) {
      take = done;
    },
  });
  socket.on('error', () => {});
  return { socket: socket as unknown as Socket, take: () => take() };
}

it('waits for a peer that is slow to take what was written, and then a moment more', async () => {
  const { socket, take } = slowSocket();
  const onFlushed = vi.fn();
  socket.write('the end of an answer');
  endSocket(socket, onFlushed);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(socket.destroyed).toBe(false);
  expect(onFlushed).not.toHaveBeenCalled();
  take();
  await vi.advanceTimersByTimeAsync(500);
  expect(onFlushed).toHaveBeenCalledOnce();
  expect(socket.destroyed).toBe(false);
  await vi.advanceTimersByTimeAsync(1000);
  expect(socket.destroyed).toBe(true);
});

it('gives up a peer that takes nothing, and says so once', async () => {
  const { socket } = slowSocket();
  const onFlushed = vi.fn();
  socket.write('the end of an answer');
  endSocket(socket, onFlushed);
  await vi.advanceTimersByTimeAsync(61_000);
  expect(socket.destroyed).toBe(true);
  expect(onFlushed).toHaveBeenCalledOnce();
});
