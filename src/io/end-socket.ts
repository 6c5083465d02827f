import type { Socket } from 'node:net';

/** The peer keeps this long to read what was written, before the socket goes; what it still sends is not read. */
const LINGER_MS = 1000;
/** A peer that does not take the rest of what was written within this time will not. */
const FLUSH_TIMEOUT_MS = 60_000;

/**
 * Ends a socket without losing what waits in it: it closes once all has been handed to the kernel, and a moment later, or
 * when the peer takes nothing for too long.
 * @param onFlushed called once, when all is out or is given up
 */
export function endSocket(socket: Socket, onFlushed: () => void = () => {}): void {
  const giveUp = setTimeout(() => socket.destroy(), FLUSH_TIMEOUT_MS);
  giveUp.unref();
  let done = false;
  const settle = (): void => {
    if (done) return;
    done = true;
    clearTimeout(giveUp);
    onFlushed();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
  socket.end(settle);
  socket.once('close', settle);
}
