import { Socket } from 'node:net';

/**
 * A process of its own, started by a router that is replaced: hands listening sockets to the one that replaces it. Node hands
 * sockets over its channels alone, and a channel begins with the process that has it: so this one has the connection to the
 * other router for its channel (`NODE_CHANNEL_FD`), and inherits the sockets.
 */

/** The first descriptor of a socket: behind the three of every process, and the channel. */
const FIRST_SOCKET = 4;

/** A socket that is sent: where it is among those that were inherited, and the name of its address. */
export interface SentSocket {
  readonly at: number;
  readonly name: string;
}

/** The messages to the other router: one for each socket, and one that these were all. */
export type SocketMessage = { readonly name: string } | { readonly isAll: true };

function send(message: SocketMessage, handle?: object): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, handle as Socket, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Node's own handle of a socket: as a `Socket` it would be read from at the other side, and a listening one cannot be. */
function handleOf(at: number): object {
  const socket = new Socket({ fd: FIRST_SOCKET + at, readable: false, writable: false });
  return (socket as unknown as { _handle: object })._handle;
}

// What the other router has not read yet would go with the channel: it says when it has all. Where it ends before, this fails.
process.once('message', () => process.exit(0));
process.once('disconnect', () => process.exit(1));
for (const { at, name } of JSON.parse(process.argv[2] ?? '[]') as SentSocket[]) await send({ name }, handleOf(at));
await send({ isAll: true });
