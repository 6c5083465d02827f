import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ListeningSockets } from '../../io/index.ts';
import type { Log } from '../../runtime/log.ts';
import { moduleFile } from '../../runtime/module-file.ts';
import type { SentSocket } from './send-sockets.ts';

const SENDER = fileURLToPath(moduleFile('./send-sockets', import.meta.url));

/** What the other router says once it takes connections. */
export const READY = 'ready\n';

/** The router that is replaced, as far as handing over goes. */
export interface ReplacedRouter {
  readonly log: Log;
  /** All that it listens on. */
  sockets(): Promise<readonly ListeningSockets[]>;
}

/** The side of the router that is replaced: it hands its sockets over, and ends once the other one takes connections. */
export class HandOver {
  readonly #router: ReplacedRouter;
  readonly #retire: () => void;
  #isUnderWay = false;

  /** @param retire ends the router in order */
  constructor(router: ReplacedRouter, retire: () => void) {
    this.#router = router;
    this.#retire = retire;
  }

  /**
   * Hands all sockets that are listened on to the router that waits at `path`. They stay this router's too, which goes on as if
   * nothing had happened, until that one says that it is ready; where it ends before, nothing has happened.
   * @param path a socket of the file system, in a folder that this user alone can get into
   * @param workers how many threads will listen there
   * @throws Error where it is none, or another is on its way
   */
  async give(path: string, workers: number): Promise<void> {
    if (this.#isUnderWay) throw new Error('another router is taking over already');
    checkPrivate(path);
    this.#isUnderWay = true;
    try {
      const channel = await connected(path);
      const control = await connected(path);
      this.#awaitReady(control);
      await sendSockets(channel, await this.#router.sockets(), workers);
    } catch (cause) {
      this.#isUnderWay = false;
      throw cause;
    }
  }

  #awaitReady(control: Socket): void {
    const { log } = this.#router;
    let said = '';
    control.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      if (said !== READY) return;
      log.info('another router has taken over');
      control.end();
      this.#retire();
    });
    control.on('error', () => {});
    control.on('close', () => {
      if (said === READY) return;
      this.#isUnderWay = false;
      log.warn('the router that was taking over has ended: this one continues');
    });
    control.resume();
  }
}

/**
 * The process that gets the sockets gets the clients, so they go only to this user's own processes. The kernel has seen to it that no
 * other user could make such a folder, or get to a socket in it.
 */
function checkPrivate(path: string): void {
  const folder = statSync(dirname(path));
  const isPrivate = (folder.mode & 0o077) === 0 && folder.uid === process.getuid?.();
  if (!isPrivate || !lstatSync(path).isSocket())
    throw new Error(`${path} is not a socket in a private folder of this router's user`);
}

/** A connection of which nothing is read here, where nothing asks for it. */
async function connected(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.pause();
  await once(socket, 'connect');
  return socket;
}

async function sendSockets(channel: Socket, all: readonly ListeningSockets[], workers: number): Promise<void> {
  const fds = all.flatMap(({ sockets }) => sockets);
  const list = JSON.stringify(sendingList(all, workers));
  const sender = spawn(process.execPath, [SENDER, list], {
    stdio: ['ignore', 'ignore', 'inherit', channel, ...fds],
    env: { ...process.env, NODE_CHANNEL_FD: '3' },
  });
  channel.on('error', () => {});
  const [code] = (await once(sender, 'exit')) as [number | null];
  channel.destroy();
  if (code !== 0) throw new Error('the sockets could not be handed over');
}

/** Every thread of the other router needs a socket of each address: where it has more threads, they share some. */
export function sendingList(all: readonly ListeningSockets[], workers: number): SentSocket[] {
  let at = 0;
  return all.flatMap(({ name, sockets }) => {
    const first = at;
    at += sockets.length;
    const times = Math.max(1, Math.ceil(workers / sockets.length));
    return Array.from({ length: times * sockets.length }, (_, i) => ({ at: first + (i % sockets.length), name }));
  });
}
