import { expect, vi } from 'vitest';
import { stringify } from 'yaml';
import { Commands } from '../support/commands.ts';
import type { Running, Scope } from '../support/processes.ts';
import { PATIENCE, served } from '../support/registries.ts';

/** Once in four years: a task that runs when it is told to, and not by itself. */
export const RARE = { cron: '0 0 29 2 *' };

/** A registry, and `keyway node register` beside backends of a cluster `docs`, as tests of a node's housekeeping use them. */
export class HousekeepingNodes {
  readonly commands: Commands;
  readonly #scope: Scope;
  readonly #registry: string;

  private constructor(scope: Scope, registry: string) {
    this.#scope = scope;
    this.#registry = registry;
    this.commands = new Commands(registry);
  }

  static async start(scope: Scope): Promise<HousekeepingNodes> {
    return new HousekeepingNodes(scope, (await served(scope)).address);
  }

  /** Waits until `keyway housekeeping list` prints what matches. */
  listed(pattern: RegExp, ...more: string[]): Promise<void> {
    return vi.waitFor(
      async () => expect(await this.commands.done('housekeeping', 'list', ...more)).toMatch(pattern),
      PATIENCE,
    );
  }

  /** `keyway node register` beside a backend. */
  sidecar(shard: string, address: string, settings: object, ...command: string[]): Running {
    const file = this.#scope.file('housekeeping.yaml', stringify(settings));
    const node = ['--cluster', 'docs', '--shard', shard, '--address', address, '--registry', this.#registry];
    return this.#scope.keyway(['node', 'register', ...node, '--housekeeping', file, '--', ...command].filter(Boolean));
  }
}
