import type { Member, Registry } from '../registry/index.ts';
import type { TopologyName } from '../topology/index.ts';

/**
 * What the routers say of a cluster, while that is needed. Nobody has to hear at once of what routers say while no handoff is under way, and an
 * installation has many clusters: each driver that watched would get each router's entry, with the names of all clusters, whenever that router says
 * something of any of them.
 */
export class WatchedRouters {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #onNews: () => void;
  #known: readonly Member[] = [];
  #isNeeded = false;
  #onNeeded: () => void = () => {};
  #over = new AbortController();

  /** @param onNews called when something else is known, or the registry has been reached, or is away */
  constructor(registry: Registry, name: TopologyName, onNews: () => void) {
    this.#registry = registry;
    this.#name = name;
    this.#onNews = onNews;
  }

  /** Those of which the watch has last heard; none where it is not needed, or has just begun. */
  get known(): readonly Member[] {
    return this.#known;
  }

  set isNeeded(isNeeded: boolean) {
    if (this.#isNeeded === isNeeded) return;
    this.#isNeeded = isNeeded;
    if (isNeeded) this.#onNeeded();
    else this.#over.abort();
  }

  /** Watches whenever that is needed, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#needed(signal);
      if (!this.#isNeeded) continue;
      this.#over = new AbortController();
      const until = AbortSignal.any([signal, this.#over.signal]);
      for await (const routers of this.#registry.routers.of(this.#name, until)) {
        if (routers !== null) this.#known = routers;
        this.#onNews();
      }
      this.#known = [];
      // The registry was closed.
      if (!until.aborted) return;
    }
  }

  /** Resolves once it is, or `signal` is aborted. */
  #needed(signal: AbortSignal): Promise<void> {
    if (this.#isNeeded || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end);
        this.#onNeeded = () => {};
        resolve();
      };
      this.#onNeeded = end;
      signal.addEventListener('abort', end);
    });
  }
}
