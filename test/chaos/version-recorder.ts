import type { Registry } from '../../src/registry/index.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import type { Topology } from '../../src/topology/index.ts';
import { ownersIn } from './changes.ts';
import type { Version } from './history.ts';
import { NAME } from './world.ts';

/** The registry's times of day are whole milliseconds, and that clock may be slewed a little beside the machine's other one. */
const CLOCKS_DIFFER_MS = 5;

/** Writes down when each version came to be current, as one sees it who is never cut off. */
export class VersionRecorder {
  readonly #registry: Registry;
  readonly #seen: Array<{ readonly topology: Topology; readonly at: number }> = [];
  readonly #stopping = new AbortController();
  readonly #offsetMs = machineClock() - Date.now();
  readonly #following: Promise<void>;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#following = this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const event of this.#registry.topologies.watch(NAME, null, this.#stopping.signal))
      if (event.kind === 'topology') this.#seen.push({ topology: event.topology, at: machineClock() });
  }

  /** Every version so far, with who owned some keys by it. Who committed one wrote down the time right before. */
  async versions(keys: readonly string[]): Promise<Version[]> {
    const committed = new Map((await this.#registry.topologies.history(NAME)).map(({ version, at }) => [version, at]));
    return this.#seen.map(({ topology, at }) => {
      const committedAt = committed.get(topology.version);
      const since = committedAt === undefined ? 0 : Date.parse(committedAt) + this.#offsetMs - CLOCKS_DIFFER_MS;
      return { version: topology.version, ...ownersIn(topology, keys), since, seen: at };
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }
}
