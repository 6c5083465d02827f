import { Socket } from 'node:net';

/** Reads are used up before the next begins: one buffer serves all sockets of a thread. */
const READ_BUFFER_BYTES = 65536;
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** A peer whose machine has gone without a word is noticed by the kernel's probes, begun after this idle time. */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 30_000 } as const;

/** Takes bytes[start, end), which are valid during the call only. */
export type ByteReceiver = (bytes: Uint8Array, start: number, end: number) => void;

/** The options that have a socket read into the shared buffer. */
export function sharedRead(receive: ByteReceiver): { buffer: Uint8Array; callback: (length: number) => boolean } {
  return {
    buffer: readBuffer,
    callback: (length) => {
      receive(readBuffer, 0, length);
      return true;
    },
  };
}

/**
 * Reads an accepted socket into the shared buffer. Node offers `onread` for sockets that it connects only; an accepted
 * one allocates 64 KB for each read and gives most of it back, which at 16 KB a message has V8 collect its whole heap
 * ten times a second. So the connection's handle is put into a socket of our own. Where Node has changed and there is no
 * such handle, the socket is read by its events: slower, and otherwise the same.
 *
 * @param socket as it was accepted with `pauseOnConnect`: nothing has been read from it
 * @param receiver called with the socket to use from now on; returns what takes its bytes
 */
export function readShared(socket: Socket, receiver: (socket: Socket) => ByteReceiver): void {
  const handle = takeHandle(socket);
  if (handle === null) {
    const receive = receiver(socket);
    socket.on('data', (chunk: Buffer) => receive(chunk, 0, chunk.length));
    socket.resume();
    return;
  }
  let receive: ByteReceiver = () => {};
  // `handle` is not in the documentation; child processes and clusters are handed their sockets by it.
  const options = { handle, readable: true, writable: true, onread: sharedRead((...bytes) => receive(...bytes)) };
  receive = receiver(new Socket(options as ConstructorParameters<typeof Socket>[0]));
}

interface WithHandle {
  _handle?: { useUserBuffer?: unknown } | null;
}

function takeHandle(socket: Socket): object | null {
  const holder = socket as unknown as WithHandle;
  const handle = holder._handle;
  if (typeof handle !== 'object' || handle === null || typeof handle.useUserBuffer !== 'function') return null;
  holder._handle = null;
  return handle;
}
