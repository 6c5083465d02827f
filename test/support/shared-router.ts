import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll } from 'vitest';
import type { ReloadOutcome } from '../../src/admin/index.ts';
import { configOf, fetchText, type RouterSetup, type RouterUnderTest, startRouter } from './cluster.ts';
import { Scope } from './processes.ts';

/**
 * One router for the tests of a file that differ in routes, clusters and limits, and not in what happens to the process: each has it reload a
 * config of its own, which costs little beside a start.
 */
export class SharedRouter {
  /** What all tests of the file share. It is released behind the last one. */
  readonly scope = new Scope();
  #router: RouterUnderTest | null = null;

  constructor() {
    afterAll(() => this.scope.release());
  }

  /** The router as one that has just been started with this config, but that its connections may be older: its counts begin now. */
  async configured(setup: RouterSetup): Promise<RouterUnderTest> {
    if (this.#router === null) {
      this.#router = await startRouter(this.scope, setup);
      return this.#router;
    }
    const { admin, config } = this.#router;
    const text = configOf(setup, Number(new URL(admin).port));
    if (text !== readFileSync(config, 'utf8')) {
      writeFileSync(config, text);
      const outcome = (await (await fetch(`${admin}/reload`, { method: 'POST' })).json()) as ReloadOutcome;
      if (outcome.fault !== null || outcome.needsRestart.length > 0)
        throw new Error(`a router cannot take up a config: ${JSON.stringify(outcome)}`);
    }
    return { ...this.#router, countedBefore: (await fetchText(`${admin}/metrics`)).text };
  }
}
