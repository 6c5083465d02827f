import type { Unreadable } from '../registry/index.ts';
import type { Log } from '../runtime/log.ts';
import type { RegistryState } from './registry-state.ts';

/** What a router cannot have of its registry at the moment: it is lost, or has what cannot be read. */
export class RegistryFaults {
  readonly #log: Log;
  readonly #clock: () => number;
  /** The clusters whose watch has lost the registry. */
  readonly #lost = new Map<string, { readonly sinceMs: number; readonly reason: string }>();
  #outages = 0;
  #unreadable: readonly Unreadable[] = [];

  constructor(log: Log, clock: () => number) {
    this.#log = log;
    this.#clock = clock;
  }

  get isLost(): boolean {
    return this.#lost.size > 0;
  }

  /** @param versions of all clusters, which are served on */
  onOutage(cluster: string, reason: string, versions: () => Readonly<Record<string, number | null>>): void {
    if (!this.isLost) {
      this.#outages++;
      const served = versions();
      this.#log.error({ reason, versions: served }, 'the registry cannot be reached; routing by the last topologies');
    }
    this.#lost.set(cluster, { sinceMs: this.#clock(), reason });
  }

  onRecovered(cluster: string): void {
    this.forget(cluster);
    if (!this.isLost) this.#log.info('the registry is reached again');
  }

  /** A cluster is followed no more. */
  forget(cluster: string): void {
    this.#lost.delete(cluster);
  }

  /** Reports each once, for as long as it stays as it is. */
  onUnreadable(entries: readonly Unreadable[]): void {
    for (const { key, revision, reason } of entries)
      if (!this.#unreadable.some((known) => known.key === key && known.revision === revision))
        this.#log.warn({ key, reason }, 'an entry of the registry cannot be read; continuing without it');
    this.#unreadable = entries;
  }

  get state(): Pick<RegistryState, 'outage' | 'outages' | 'unreadable'> {
    const [outage = null] = [...this.#lost.values()].sort((a, b) => a.sinceMs - b.sinceMs);
    return { outage, outages: this.#outages, unreadable: this.#unreadable };
  }
}
