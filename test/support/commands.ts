import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { KEYWAY } from './processes.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** The `keyway` command, with a registry in the environment. */
export class Commands {
  readonly #registry: string;

  constructor(registry: string) {
    this.#registry = registry;
  }

  /** In this process, which takes milliseconds: for commands that end by themselves. */
  run(...args: string[]): Promise<Outcome> {
    return runHere(args, this.#registry);
  }

  /** In a process of its own: where its start, its end or its costs are what counts. */
  runApart(...args: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const env = { ...process.env, KEYWAY_REGISTRY: this.#registry };
      execFile(process.execPath, [KEYWAY, ...args], { env }, (error, out, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, error: stderr }),
      );
    });
  }

  /** Where it has to succeed. @returns what it prints */
  async done(...args: string[]): Promise<string> {
    const { code, out, error } = await this.run(...args);
    expect(error).toBe('');
    expect(code).toBe(0);
    return out;
  }
}

/** What a command that runs in this process has written, and how it ends early. */
interface Inside {
  stdout: string;
  stderr: string;
  readonly exit: (code: number) => void;
}

/** Thrown where a command ends its process. */
class Exited extends Error {}

const STREAMS = ['stdout', 'stderr'] as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Several may run side by side: the asynchronous context shows which command writes, or ends. */
const inside = new AsyncLocalStorage<Inside>();
let running = 0;
let keyway: Promise<(argv: readonly string[]) => Promise<number>> | undefined;

/** Loads the command: the same that `KEYWAY` starts. */
async function load(): Promise<(argv: readonly string[]) => Promise<number>> {
  const source = new URL('./run.ts', pathToFileURL(KEYWAY));
  const built = new URL('../../dist/cli/run.js', source);
  module.enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/keyway', source)));
  const { run } = (await import(
    fileURLToPath(existsSync(source) ? source : built)
  )) as typeof import('../../src/cli/run.ts');
  for (const name of STREAMS) {
    const stream = process[name];
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (part: string | Uint8Array, ...more: unknown[]) => {
      const here = inside.getStore();
      if (here === undefined) return write(part, ...more);
      here[name] += String(part);
      return true;
    };
  }
  return run;
}

let exit = process.exit;

/** Ends a command in place of the process. */
const endHere: typeof process.exit = (code) => {
  const here = inside.getStore();
  if (here === undefined) return exit(code);
  here.exit(Number(code ?? process.exitCode ?? 0));
  throw new Exited();
};

async function runHere(args: readonly string[], registry: string): Promise<Outcome> {
  keyway ??= load();
  const run = await keyway;
  const signals = SIGNALS.map((signal) => [signal, process.listeners(signal)] as const);
  const before = { registry: process.env.KEYWAY_REGISTRY, exitCode: process.exitCode };
  running++;
  // The test runner puts its own in place for each file.
  if (process.exit !== endHere) {
    exit = process.exit;
    process.exit = endHere;
  }
  process.env.KEYWAY_REGISTRY = registry;
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      const here: Inside = {
        stdout: '',
        stderr: '',
        exit: (code) => resolve({ code, out: here.stdout, error: here.stderr }),
      };
      inside.run(here, () =>
        run([process.execPath, KEYWAY, ...args]).then(
          (code) => here.exit(code || Number(process.exitCode ?? 0)),
          reject,
        ),
      );
    });
  } finally {
    running--;
    process.exitCode = before.exitCode;
    for (const [signal, listeners] of signals)
      for (const listener of process.listeners(signal))
        if (!listeners.includes(listener)) process.removeListener(signal, listener);
    if (running === 0) {
      if (before.registry === undefined) delete process.env.KEYWAY_REGISTRY;
      else process.env.KEYWAY_REGISTRY = before.registry;
    }
  }
}
