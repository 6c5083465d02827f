import { execFile } from 'node:child_process';
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

  run(...args: string[]): Promise<Outcome> {
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
