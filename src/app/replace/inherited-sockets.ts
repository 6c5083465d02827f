import { closeSync, writeSync } from 'node:fs';
import type { Config } from '../../config/index.ts';
import { type ListeningSockets, namedListeners } from '../../io/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { ADMIN } from '../router-process.ts';
import { READY } from './hand-over.ts';
import type { SocketMessage } from './send-sockets.ts';

/** Where `replaceRunning` listens for our being ready. */
const READY_FD = 4;

/** A socket that was handed over. Threads open it by its descriptor, so that it has to stay open here. */
interface Received {
  readonly name: string;
  readonly handle: { readonly fd: number; close(): void };
}

const received: Received[] = [];

/** The sockets that the router being replaced hands over. @throws UsageError where there is none */
export function inheritedSockets(): Promise<ListeningSockets[]> {
  return new Promise((resolve, reject) => {
    if (process.channel === undefined) throw new UsageError('--inherit is for keyway router --replace to use');
    const onEnd = (): void => reject(new Error('the running router has not handed over its sockets'));
    process.once('disconnect', onEnd);
    process.on('message', (message: SocketMessage, handle: unknown) => {
      if ('isAll' in message) {
        process.off('disconnect', onEnd);
        // The sender waits for a word before it ends.
        process.send?.({ isReceived: true }, undefined, {}, () => {
          process.disconnect?.();
          resolve(byName());
        });
      } else received.push({ name: message.name, handle: handle as Received['handle'] });
    });
  });
}

function byName(): ListeningSockets[] {
  return [...new Set(received.map(({ name }) => name))].map((name) => ({
    name,
    sockets: received.flatMap((each) => (each.name === name ? [each.handle.fd] : [])),
  }));
}

/**
 * Sockets of addresses that a config does not have: nothing accepts from them, so clients there should be refused at
 * once.
 */
export function closeUnused({ listen }: Config): void {
  const used = new Set([ADMIN, ...namedListeners(listen).map(({ name }) => name)]);
  for (const { name, handle } of received) if (!used.has(name)) handle.close();
}

/** This router takes connections: the other one may end. */
export function reportReady(): void {
  writeSync(READY_FD, READY);
  closeSync(READY_FD);
}
