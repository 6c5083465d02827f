import { pausesBy } from '../../../runtime/pause.ts';
import { formatSlotRanges, type Shard } from '../../../topology/index.ts';
import type { FoundShard, ShardSource } from '../../found-shards.ts';
import { type Agreed, agreedOf, isMostOf } from './agreed.ts';
import { type AskedHow, AskedNodes } from './asked-nodes.ts';
import { isBehind } from './is-behind.ts';
import { namedShards } from './named-shards.ts';
import type { NodeView } from './node-view.ts';

/** What is asked of a Redis cluster. */
export interface RedisQuery extends AskedHow {
  /** `host:port` of some of its nodes: the others are learnt from these. */
  readonly seeds: readonly string[];
  readonly refreshMs: number;
  /** Between 0 and 1; spreads refreshes, and which nodes are asked. */
  readonly random: () => number;
}

/** So many nodes are asked each time: one that has missed something is outvoted, and a large cluster is spared. */
const ASKED_NODES = 5;

/** More are tried only while these do not answer. */
const MAX_TRIED = 20;

/** Refreshes are spread by this share, so that many routers do not ask at once. */
const REFRESH_JITTER = 0.2;

/**
 * Shards as the nodes of a Redis, Valkey or Kvrocks cluster have them among themselves: their primaries with slots and replicas. Some nodes are
 * asked again and again; those that are named in their answers are the ones to ask next, and the seeds where none of them answers.
 * A shard's id is the node id of its first primary, and stays when a replica takes over.
 * @param known the shards that the cluster had last, whose ids stay
 */
export function redisSource(query: RedisQuery, known: () => Promise<readonly Shard[]>): ShardSource {
  const pause = pausesBy(query.random);
  return async function* (signal, onFault) {
    const cluster = new FollowedNodes(query, await known());
    const end = (): void => cluster.close();
    signal.addEventListener('abort', end);
    const told = new ToldFaults(onFault);
    let last = '';
    try {
      while (!signal.aborted) {
        const { shards, faults } = await cluster.look().catch(nothingFrom);
        if (signal.aborted) break;
        const text = JSON.stringify(shards);
        if (shards !== null && text !== last) {
          last = text;
          yield shards;
        }
        told.tell(faults);
        await pause(query.refreshMs, signal, REFRESH_JITTER);
      }
    } finally {
      signal.removeEventListener('abort', end);
      cluster.close();
    }
  };
}

/** Nodes may find something new to be wrong each time: of that so much is told at once, and then one thing each time. */
const MAX_FAULTS_AT_ONCE = 20;

/** Tells of each fault once, until it is over. */
class ToldFaults {
  readonly #onFault: (fault: string) => void;
  #told: ReadonlySet<string> = new Set();
  #left = MAX_FAULTS_AT_ONCE;

  constructor(onFault: (fault: string) => void) {
    this.#onFault = onFault;
  }

  /** @param faults all that there are now */
  tell(faults: readonly string[]): void {
    this.#left = Math.min(MAX_FAULTS_AT_ONCE, this.#left + 1);
    const told = new Set<string>();
    for (const fault of new Set(faults)) {
      if (!this.#told.has(fault)) {
        if (this.#left === 0) continue;
        this.#left--;
        this.#onFault(fault);
      }
      told.add(fault);
    }
    this.#told = told;
  }
}

/** Whatever nodes say, it ends nobody who follows them. */
function nothingFrom({ message }: Error): { readonly shards: null; readonly faults: readonly string[] } {
  return { shards: null, faults: [`what the nodes say cannot be used: ${message}`] };
}

/** A cluster that is followed: where its nodes are, and what they have said last. */
class FollowedNodes {
  readonly #query: RedisQuery;
  readonly #asked: AskedNodes;
  #shards: ReadonlyArray<Pick<Shard, 'id' | 'nodeId' | 'replicas'>>;
  #agreed: Agreed | null = null;

  constructor(query: RedisQuery, shards: readonly Shard[]) {
    this.#query = query;
    this.#asked = new AskedNodes(query);
    this.#shards = shards;
  }

  /** What the nodes say now; null where none says it, or what is said is of another cluster, or older than what was said before. */
  async look(): Promise<{ readonly shards: readonly FoundShard[] | null; readonly faults: readonly string[] }> {
    const faults: string[] = [];
    const { agreed, isOurs } = await this.#agreedNow(faults);
    if (agreed === null) return { shards: null, faults: [...faults, 'no node of the cluster answers'] };
    faults.push(...agreed.faults);
    const asked = agreed.asked.join(', ');
    if (!isOurs) return { shards: null, faults: [...faults, `${asked}: is of another cluster, and not followed`] };
    if (this.#agreed !== null && isBehind(agreed, this.#agreed))
      return { shards: null, faults: [...faults, `${asked}: is behind what other nodes have said, and not followed`] };
    this.#agreed = agreed;
    const shards = namedShards(agreed, this.#shards);
    this.#shards = shards;
    return { shards: shards.map(foundOf), faults };
  }

  #ids(): Set<string> {
    return new Set(
      this.#shards.flatMap(({ nodeId: primary, replicas = [] }) => [
        ...(primary === undefined ? [] : [primary as string]),
        ...replicas.map(({ id }) => id as string),
      ]),
    );
  }

  /**
   * Asks nodes that are known; the seeds, whose names may stand for others by now, where none of the cluster answers. Where most of the seeds say
   * something else than what was known, another cluster has the place of the one before: seeds are what people have written.
   */
  async #agreedNow(faults: string[]): Promise<{ readonly agreed: Agreed | null; readonly isOurs: boolean }> {
    const known = this.#ids();
    const tried = new Set<string>();
    const views = await this.#ask(this.#candidates(), tried, faults);
    let agreed = agreedOf(views, known);
    let isOurs = views.length > 0 && isMostOf(known, agreed.familiar);
    if (!isOurs) {
      const seeds = await this.#seeds(faults);
      views.push(...(await this.#ask(seeds, tried, faults)));
      agreed = agreedOf(views, known);
      const saying = agreed.asked.filter((address) => seeds.includes(address)).length;
      isOurs = isMostOf(known, agreed.familiar) || 2 * saying > Math.min(new Set(seeds).size, ASKED_NODES);
    }
    this.#asked.keepOnly(new Set(agreed.asked));
    return { agreed: views.length === 0 ? null : agreed, isOurs };
  }

  /** Asks nodes, and those that they name, until enough have answered. */
  async #ask(addresses: readonly string[], tried: Set<string>, faults: string[]): Promise<NodeView[]> {
    const views: NodeView[] = [];
    const candidates = new Set(addresses);
    for (let left = MAX_TRIED; left > 0 && views.length < ASKED_NODES; ) {
      const next = [...candidates].filter((address) => !tried.has(address)).slice(0, ASKED_NODES - views.length);
      if (next.length === 0) break;
      left -= next.length;
      for (const address of next) tried.add(address);
      const answers = await Promise.all(next.map((address) => this.#viewOf(address, faults)));
      for (const view of answers) {
        if (view === null) continue;
        views.push(view);
        for (const { address } of view.nodes) candidates.add(address);
      }
    }
    return views;
  }

  /** Primaries first, which know of their own slots, in another order each time. */
  #candidates(): string[] {
    const { random } = this.#query;
    const primaries = this.#agreed?.primaries.map(({ address }) => address) ?? [];
    const first = Math.floor(random() * primaries.length);
    return [...primaries.slice(first), ...primaries.slice(0, first), ...(this.#agreed?.addresses ?? [])];
  }

  async #seeds(faults: string[]): Promise<string[]> {
    const found: string[] = [];
    for (const seed of this.#query.seeds) {
      try {
        found.push(...(await this.#asked.resolved(seed)));
      } catch (error) {
        faults.push(`${seed}: the name cannot be resolved: ${(error as NodeJS.ErrnoException).code ?? error}`);
      }
    }
    return found;
  }

  async #viewOf(address: string, faults: string[]): Promise<NodeView | null> {
    try {
      return await this.#asked.view(address);
    } catch (error) {
      faults.push(`${address}: ${(error as Error).message}`);
      return null;
    }
  }

  close(): void {
    this.#asked.keepOnly(new Set());
  }
}

function foundOf({ id, address, nodeId: primary, slots = [], replicas = [] }: Shard): FoundShard {
  return { id, address, nodeId: primary, slots: formatSlotRanges(slots), replicas };
}
