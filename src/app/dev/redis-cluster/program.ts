import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { UsageError } from '../../../runtime/usage-error.ts';

/** It ends in good order within so long, or is ended. */
const STOP_MS = 10_000;

/** What is run, and what people are told of it. */
export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What it prints goes there. */
  readonly log: string;
  /** Where the command is to be had, where it is none of Keyway's. */
  readonly packages?: string;
  /** Called where it ends by itself. */
  readonly onNews: (news: string) => void;
}

/** A program of another project, or a command of Keyway, in a process of its own. */
export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  #isStopping = false;

  private constructor({ name, log, onNews }: ProgramOptions, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.once('exit', (code, signal) => {
      const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
      if (!this.#isStopping) onNews(`${name} (pid ${child.pid}) ${how}; see ${log}`);
    });
  }

  /** @throws UsageError where there is no such program */
  static async start(options: ProgramOptions): Promise<Program> {
    const { command, args, log, packages = '' } = options;
    const file = openSync(log, 'a', 0o600);
    // A Ctrl-C goes to the whole foreground group: what is here is stopped in its order.
    const child = spawn(command, args, { stdio: ['ignore', file, file], detached: true });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new UsageError(`there is no ${command} here: install ${packages}`, { cause })),
      );
    });
    return new Program(options, child);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.hasEnded) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
}
