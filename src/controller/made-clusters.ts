import { z } from 'zod';
import type { Registry, StoredDocument } from '../registry/index.ts';
import { identifier, nodesOf, type TopologyName, topologyText } from '../topology/index.ts';
import { ENGINE_NAMES, type EngineName } from './engines/index.ts';
import { MigrationRefused, onTheirWay } from './migration/migration.ts';
import { StoredQueue } from './migration/stored-queue.ts';
import type { LeadingSettings, LedClusterSettings } from './settings.ts';

const schema = z.object({ engine: z.enum(ENGINE_NAMES), nodes: z.array(z.string()).default([]) });

const PREFIX = 'led/';

/** Changed by whatever adds a cluster, so that no two are added by what was there before either. */
const TURN = 'led-turn';

/** A controller has connections to all nodes of all clusters. */
export const MAX_MADE = 1000;

/** How often it is tried again because others came between. */
const MAX_ATTEMPTS = 20;

/** A cluster cannot be one of those that are led. Its message is for people. */
export class MadeRefused extends Error {
  override readonly name = 'MadeRefused';
}

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

  /**
   * Has a cluster be led, from now on. Its nodes are its own: whatever is added at the same time, anywhere, is refused one that it has.
   * @param nodes their ids, which they have by whatever address
   * @throws MadeRefused where there are too many, or a node is one of another cluster
   */
  async add(name: TopologyName, engine: EngineName, nodes: readonly string[]): Promise<void> {
    const { documents } = this.#registry;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const turn = await documents.get(TURN);
      const others = (await documents.list(PREFIX)).filter((each) => each.name !== documentOf(name));
      if (others.length >= MAX_MADE) throw new MadeRefused(`${MAX_MADE} clusters are led; at most so many can be`);
      await this.#checkFree(name, others, new Set(nodes));
      const done = await documents.commit(
        [{ document: TURN, revision: turn?.revision ?? 0 }],
        [
          { name: documentOf(name), value: { engine, nodes } },
          { name: TURN, value: topologyText(name) },
        ],
      );
      if (done !== null) return;
    }
    throw new MadeRefused('others make or import clusters all the time; try again');
  }

  /** A cluster that is being made has the nodes that its document names, and from then on those of its topology. */
  async #checkFree(own: TopologyName, made: readonly StoredDocument[], wanted: ReadonlySet<string>): Promise<void> {
    const { documents, topologies } = this.#registry;
    const claimed = new Map<string, readonly string[]>();
    for (const document of made) {
      const name = nameOf(document.name);
      if (name !== null) claimed.set(topologyText(name), documents.read(document, schema)?.nodes ?? []);
    }
    // After the documents: one that has become a topology meanwhile is found here.
    for (const name of await topologies.list(null)) {
      if (topologyText(name) === topologyText(own)) continue;
      const topology = await topologies.read(name);
      if (topology !== null)
        claimed.set(
          topologyText(name),
          nodesOf(topology).map(({ id }) => id),
        );
    }
    for (const [cluster, ids] of claimed) {
      const taken = ids.find((id) => wanted.has(id));
      if (taken !== undefined) throw new MadeRefused(`already exists: the node ${taken} is one of ${cluster}`);
    }
  }

  /**
   * Has a cluster be led no more, and nothing of it be left but its topology.
   * @returns whether it was one that is led
   * @throws MigrationRefused where slots are on their way: nobody would know of them; QueueUnreadable
   */
  async remove(name: TopologyName): Promise<boolean> {
    const { documents } = this.#registry;
    const { namespace, cluster } = name;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { queue, ...stored } = await new StoredQueue(this.#registry, name).readStored();
      if (onTheirWay(queue).length > 0)
        throw new MigrationRefused(
          'slots are on their way: pause or cancel their migrations, and wait until these slots have moved',
        );
      const wasLed = (await documents.get(documentOf(name))) !== null;
      const left = [documentOf(name), stored.document, `failover/${namespace}/${cluster}`];
      const changes = left.map((each) => ({ name: each, value: null }));
      if ((await documents.commit([stored], changes)) !== null) return wasLed;
    }
    throw new MigrationRefused('its migrations change all the time: pause or cancel them first');
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
