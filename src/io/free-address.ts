import { createServer, type Server } from 'node:net';
import { platform } from 'node:os';
import type { HostPort } from '../runtime/address.ts';

/** A name of the kernel's, as wide as ports are: a network namespace. Linux alone has such names, as it alone spreads connections over threads. */
const LOCK = '\0keyway-listening';
const RETRY_MS = 20;
/** Its holder needs it for milliseconds; a process that keeps it must not keep others from starting. */
const PATIENCE_MS = 5000;

/**
 * Does something while no other router of this machine does the same: between seeing that an address is free and taking it,
 * another could take it too, where both share it among threads.
 */
export async function inTurn<Result>(clock: () => number, action: () => Promise<Result>): Promise<Result> {
  const lock = platform() === 'linux' ? await lockedUntil(clock, clock() + PATIENCE_MS) : null;
  try {
    return await action();
  } finally {
    lock?.close();
  }
}

async function lockedUntil(clock: () => number, untilMs: number): Promise<Server | null> {
  while (clock() < untilMs) {
    const lock = createServer();
    try {
      await listening(lock, { path: LOCK });
      return lock.unref();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  return null;
}

/**
 * Listens alone and lets go: an address that threads share can be shared with another router's threads too, without an error.
 * @throws Error EADDRINUSE where the address is in use
 */
export async function checkFree({ host, port }: HostPort): Promise<void> {
  // One that the system chooses is free.
  if (port === 0) return;
  const probe = createServer();
  await listening(probe, { host, port, exclusive: true });
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

function listening(server: Server, where: object): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, resolve);
  });
}
