import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Config } from '../../config/index.ts';
import { fileFault } from '../../runtime/foreign-errors.ts';
import { EXIT_FAILURE, UsageError } from '../../runtime/usage-error.ts';
import { postToAdmin } from '../post-to-admin.ts';
import { READY } from './hand-over.ts';

const OTHER_TMPDIR = 'set TMPDIR to another folder, which both routers can use';
/** 103 bytes are what every system takes, and the name in it has 24. */
const LONGEST_TMPDIR = 79;

const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/**
 * Replaces the router that runs at a config's admin address, by a process that inherits its sockets: no connection that comes
 * meanwhile is refused or reset, because the sockets that listen never close. A process can be handed sockets only by the
 * channel that it begins with; so the router is a child of this process, which passes signals and the exit code on.
 *
 * @param args of the command that will run in the router's place
 * @returns false where none runs there; else when the process has taken over, or could not
 */
export async function replaceRunning(config: Config, args: readonly string[]): Promise<boolean> {
  const folder = privateFolder();
  const path = join(folder, 'hand-over');
  const router = new Successor(args);
  const server = createServer({ pauseOnConnect: true }, (socket) => router.onConnection(socket));
  try {
    await listening(server, path);
    await postToAdmin(
      config.admin,
      `/hand-over?${new URLSearchParams({ path, workers: String(config.workers) })}`,
      config.adminToken,
    );
    router.onAnswered();
    return true;
  } catch (error) {
    router.end();
    if ((error as { cause?: NodeJS.ErrnoException }).cause?.code === 'ECONNREFUSED') return false;
    throw error;
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Only this user can get into it, which is how the other router knows what to trust. @throws UsageError where none can be made */
function privateFolder(): string {
  const above = tmpdir();
  // What the kernel takes for the path of a socket (`sun_path`) is short, and Node says only that it is not valid.
  if (above.length > LONGEST_TMPDIR) throw new UsageError(`${above} is too long a path for a socket: ${OTHER_TMPDIR}`);
  try {
    return mkdtempSync(join(above, 'keyway-'));
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const fault = isMissing ? 'there is no such folder' : fileFault(cause);
    throw new UsageError(`${above}: ${fault}: ${OTHER_TMPDIR}`, { cause });
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/** The router that takes over, as its parent sees it. */
class Successor {
  readonly #args: readonly string[];
  #child: ChildProcess | null = null;
  readonly #answered = Promise.withResolvers<void>();

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** The running router's first connection becomes the other one's channel; by the second it learns that it may end. */
  onConnection(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#child === null) this.#start(socket);
    else this.#reportReady(this.#child, socket);
  }

  #start(channel: Socket): void {
    const [command = ''] = process.argv.slice(1);
    const child = spawn(process.execPath, [...process.execArgv, command, ...this.#args], {
      stdio: ['inherit', 'inherit', 'inherit', channel, 'pipe'],
      env: { ...process.env, NODE_CHANNEL_FD: '3' },
    });
    channel.destroy();
    this.#child = child;
    for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal));
    child.on('error', () => process.exit(EXIT_FAILURE));
    child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  }

  #reportReady(child: ChildProcess, control: Socket): void {
    const ready = child.stdio[4] as Readable;
    let said = '';
    ready.on('data', (part: Buffer) => {
      said += part.toString();
      if (said === READY) void this.#answered.promise.then(() => control.end(READY));
    });
    ready.on('error', () => {});
    // It ends with this process, or when it is told to: the running router goes on until then.
    child.once('exit', () => control.destroy());
  }

  /** The router that runs has answered, and may end. */
  onAnswered(): void {
    this.#answered.resolve();
  }

  end(): void {
    this.#child?.kill('SIGKILL');
  }
}
