import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection } from 'node:net';

/** All that was started, to be ended whatever happens. */
const children: ChildProcess[] = [];

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Starts a program and resolves once it listens. */
export async function startListening(command: readonly string[], port: number): Promise<ChildProcess> {
  if (await isOpen(port)) throw new Error(`somebody listens on port ${port} already; end that first`);
  const [file = '', ...args] = command;
  // Other people's programs are talkative when they start.
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', file === process.execPath ? 'inherit' : 'ignore'] });
  children.push(child);
  while (!(await isOpen(port))) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return child;
}

/** Ends a program and waits for that. */
export function end(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // A master process that is killed leaves its workers behind.
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  return ended.finally(() => clearTimeout(timer));
}

/** Ends all that was started. */
export async function endAll(): Promise<void> {
  await Promise.all(children.map(end));
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function lowerQuartile(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 4)] ?? Number.NaN;
}
