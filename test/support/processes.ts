import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The command: as it is in the checkout, or built for these tests (see vitest.config.ts). */
export const KEYWAY =
  process.env.KEYWAY_TESTED === 'built' && process.env.KEYWAY_BUILT !== undefined
    ? process.env.KEYWAY_BUILT
    : fileURLToPath(new URL('../../src/cli/keyway.js', import.meta.url));
export const TOOLS = fileURLToPath(new URL('../../.tools/', import.meta.url));

/** What a process has not done by then, it does no more. Shorter than a test's time limit, which would not say what was waited for. */
const PATIENCE_MS = 90_000;

/** A process under test, with what it printed. */
export class Running {
  readonly child: ChildProcess;
  output = '';

  constructor(command: string, args: readonly string[], options: Pick<SpawnOptions, 'cwd' | 'detached'> = {}) {
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
      for (const check of [...this.#checks]) check();
    };
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
    this.child.on('exit', () => {
      for (const check of [...this.#checks]) check();
    });
  }

  readonly #checks = new Set<() => void>();

  /** Resolves once the output matches; rejects where the process ends without, or takes for ever. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      const check = (): void => {
        const match = pattern.exec(this.output);
        if (match === null && !this.hasEnded) return;
        end();
        if (match !== null) resolve(match);
        else reject(this.#fault(`ended without printing ${pattern}`));
      };
      const timer = setTimeout(() => {
        end();
        reject(this.#fault(`has not printed ${pattern}`));
      }, PATIENCE_MS).unref();
      this.#checks.add(check);
      check();
    });
  }

  #fault(what: string): Error {
    return new Error(`${this.child.spawnargs.slice(1).join(' ')} ${what}: ${this.output.slice(-2000)}`);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The exit code, or the signal that ended it. */
  async exit(): Promise<number | string | null> {
    if (!this.hasEnded) await once(this.child, 'exit');
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** Ends it and waits for that; rejects where it goes on. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    this.child.kill(signal);
    let timer: NodeJS.Timeout | undefined;
    const goesOn = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#fault(`goes on after ${signal}`)), PATIENCE_MS);
    });
    return Promise.race([this.exit(), goesOn]).finally(() => clearTimeout(timer));
  }
}

/** What a test has started and made: `release` ends and removes it all. */
export class Scope {
  readonly #releases: Array<() => unknown> = [];

  defer(release: () => unknown): void {
    this.#releases.unshift(release);
  }

  run(command: string, args: readonly string[], cwd?: string): Running {
    const running = new Running(command, args, cwd === undefined ? {} : { cwd });
    this.defer(() => running.end('SIGKILL'));
    return running;
  }

  keyway(args: readonly string[], cwd?: string): Running {
    return this.run(process.execPath, [KEYWAY, ...args], cwd);
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
    this.defer(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  file(name: string, text: string): string {
    const file = join(this.folder(), name);
    writeFileSync(file, text);
    return file;
  }

  async release(): Promise<void> {
    for (const release of this.#releases.splice(0)) await release();
  }
}

/** The command lines of all processes, as Linux has them. */
export function commandLines(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

/** Below what systems give to outgoing connections, any of which could take a port that was found free. */
const FIRST_PORT = 20_000;
/** How many ports each of the parallel test processes has. */
const PORTS_OF_A_PROCESS = 2000;
const PROCESSES = 6;
const ownPorts = FIRST_PORT + (Number(process.env.VITEST_POOL_ID ?? 0) % PROCESSES) * PORTS_OF_A_PROCESS;
let nextPort = Math.floor(Math.random() * PORTS_OF_A_PROCESS);

/** Ports that are free, and that no other caller gets soon. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = ownPorts + (nextPort++ % PORTS_OF_A_PROCESS);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
