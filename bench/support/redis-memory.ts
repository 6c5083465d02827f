import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from './process-cost.ts';

/** So many connect at a time. */
const AT_A_TIME = 200;
/** Long enough for a garbage collector to have come by. */
const SETTLE_MS = 1000;
const PONG_BYTES = '+PONG\r\n'.length;

async function connectAndAsk(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('*1\r\n$4\r\nPING\r\n');
  for (let bytes = 0; bytes < PONG_BYTES; ) bytes += ((await once(socket, 'data')) as [Buffer])[0].length;
  return socket;
}

/** Opens connections that have asked something and are idle from then on. */
async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Math.min(AT_A_TIME, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => connectAndAsk(port)))));
  }
  await sleep(SETTLE_MS);
  return sockets;
}

/** Bytes of a process's resident memory for each of so many idle clients. */
export async function idleClientBytes(port: number, pid: number, count: number): Promise<number> {
  // What a process needs for its first clients is not theirs.
  const first = await openIdle(port, AT_A_TIME);
  const before = residentBytes(pid);
  const others = await openIdle(port, count);
  const after = residentBytes(pid);
  for (const socket of [...first, ...others]) socket.destroy();
  return (after - before) / count;
}

/** The most memory that a process has had resident, in bytes. */
function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024;
}

/** By how much a value, set and read several times, raises the most that a process has had resident. */
export async function largeValueBytes(port: number, pid: number, size: number): Promise<number> {
  const value = Buffer.alloc(size, 'v');
  const socket = await connectAndAsk(port);
  await passLargeValue(socket, value.subarray(0, size / 64));
  const before = peakBytes(pid);
  for (let i = 0; i < 4; i++) await passLargeValue(socket, value);
  const after = peakBytes(pid);
  socket.destroy();
  return after - before;
}

async function passLargeValue(socket: Socket, value: Buffer): Promise<void> {
  socket.write(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${value.length}\r\n`);
  socket.write(value);
  socket.write('\r\n*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n');
  const wanted = `+OK\r\n$${value.length}\r\n`.length + value.length + 2;
  for (let bytes = 0; bytes < wanted; ) bytes += ((await once(socket, 'data')) as [Buffer])[0].length;
}
