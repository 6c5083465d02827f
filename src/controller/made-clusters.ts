import { z } from 'zod';
import type { Registry } from '../registry/index.ts';
import { identifier, type TopologyName } from '../topology/index.ts';
import { ENGINE_NAMES, type EngineName } from './engines/index.ts';
import type { LeadingSettings, LedClusterSettings } from './settings.ts';

const schema = z.object({ engine: z.enum(ENGINE_NAMES) });

const PREFIX = 'led/';

/** A controller has connections to all nodes of all clusters. */
export const MAX_MADE = 1000;

/** One that this process stands for election to lead, or leads. */
interface LedMade {
  readonly engine: EngineName;
  readonly stopping: AbortController;
  readonly ended: Promise<void>;
}

/** Clusters that no config names: they were made or imported by a request, and all controllers that serve an API stand for election to lead them. */
export class MadeClusters {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** What the servers of one are; null: there is no such cluster. */
  async engineOf(name: TopologyName): Promise<EngineName | null> {
    const { documents } = this.#registry;
    const document = await documents.get(documentOf(name));
    return document === null ? null : (documents.read(document, schema)?.engine ?? null);
  }

  /** Has a cluster be led, from now on. @returns false where there are too many */
  async add(name: TopologyName, engine: EngineName): Promise<boolean> {
    const { documents } = this.#registry;
    if ((await documents.list(PREFIX)).length >= MAX_MADE) return false;
    await documents.commit([], [{ name: documentOf(name), value: { engine } }]);
    return true;
  }

  /** Has a cluster be led no more, and nothing of it be left but its topology. */
  async remove(name: TopologyName): Promise<void> {
    const { namespace, cluster } = name;
    const left = [documentOf(name), `migrations/${namespace}/${cluster}`, `failover/${namespace}/${cluster}`];
    await this.#registry.documents.commit(
      [],
      left.map((each) => ({ name: each, value: null })),
    );
  }

  /**
   * Leads each of them while it is there.
   * @param named in the config: they are led by that
   * @param lead leads one until the signal is aborted, and does not fail
   */
  async leadAll(
    how: LeadingSettings,
    named: readonly TopologyName[],
    lead: (settings: LedClusterSettings, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const led = new Map<string, LedMade>();
    // Also those that are there no more, until they have ended.
    const running = new Set<Promise<void>>();
    const skipped = new Set(named.map(documentOf));
    for await (const { all, changed, deleted } of this.#registry.documents.watch(PREFIX, signal)) {
      const there = new Set(changed.map(({ name }) => name));
      const gone = all ? [...led.keys()].filter((name) => !there.has(name)) : deleted;
      for (const name of gone) {
        led.get(name)?.stopping.abort();
        led.delete(name);
      }
      for (const document of changed) {
        const engine = this.#registry.documents.read(document, schema)?.engine;
        const name = nameOf(document.name);
        const before = led.get(document.name);
        if (engine === undefined || name === null || before?.engine === engine || skipped.has(document.name)) continue;
        // It was deleted and made again since, of other servers.
        before?.stopping.abort();
        if (before === undefined && led.size >= MAX_MADE) break;
        const stopping = new AbortController();
        const settings = { ...how, engine, name, seeds: [] };
        const until = AbortSignal.any([signal, stopping.signal]);
        const ended = (before?.ended ?? Promise.resolve()).then(() => lead(settings, until));
        led.set(document.name, { engine, stopping, ended });
        running.add(ended);
        void ended.then(() => running.delete(ended));
      }
    }
    await Promise.all(running);
  }
}

function documentOf({ namespace, cluster }: TopologyName): string {
  return `${PREFIX}${namespace}/${cluster}`;
}

function nameOf(document: string): TopologyName | null {
  const [namespace, cluster, ...more] = document.slice(PREFIX.length).split('/');
  const isName = (text: string | undefined): text is string => identifier.safeParse(text).success;
  return more.length === 0 && isName(namespace) && isName(cluster) ? { namespace, cluster } : null;
}
