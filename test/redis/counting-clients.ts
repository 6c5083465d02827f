import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { textOf } from '../../src/resp/index.ts';
import type { Scope } from '../support/processes.ts';
import { askNode } from './redis-cluster.ts';

/** A counter that one client counts up. */
export interface Counter {
  readonly key: string;
  /** When each value was acknowledged first. */
  readonly acknowledgedAt: Map<number, number>;
  /** When values were acknowledged that came again later: they were lost in between. */
  readonly lostAt: number[];
  /** Increments whose answer was an error: they may have been carried out. */
  unknown: number;
}

/** Clients that count, each its own keys, for as long as they are told to. */
export class CountingClients {
  readonly counters: Counter[];
  readonly errors: string[] = [];
  #isOver = false;
  readonly #work: Promise<unknown>;

  constructor(scope: Scope, port: number, clients: number, keysEach: number) {
    this.counters = Array.from({ length: clients * keysEach }, (_, i) => ({
      key: `counter:${i}`,
      acknowledgedAt: new Map(),
      lostAt: [],
      unknown: 0,
    }));
    const all = Array.from({ length: clients }, (_, c) => {
      const client = new Redis(port, { maxRetriesPerRequest: 0 });
      scope.defer(() => client.disconnect());
      return this.#count(client, this.counters.slice(c * keysEach, (c + 1) * keysEach));
    });
    this.#work = Promise.all(all);
    // One that cannot reach anybody any more would ask without a pause.
    scope.defer(() => {
      this.#isOver = true;
    });
  }

  async #count(client: Redis, counters: readonly Counter[]): Promise<void> {
    while (!this.#isOver)
      for (const counter of counters)
        try {
          const value = await client.incr(counter.key);
          const before = counter.acknowledgedAt.get(value);
          if (before !== undefined) counter.lostAt.push(before);
          counter.acknowledgedAt.set(value, performance.now());
        } catch (error) {
          counter.unknown++;
          this.errors.push((error as Error).message);
        }
  }

  get acknowledged(): number {
    return this.counters.reduce((sum, { acknowledgedAt }) => sum + acknowledgedAt.size, 0);
  }

  /** Resolves once every key was counted so often more. */
  async goesOn(times: number): Promise<void> {
    const wanted = this.counters.map(({ acknowledgedAt }) => acknowledgedAt.size + times);
    const all = (): boolean => this.counters.every(({ acknowledgedAt }, i) => acknowledgedAt.size >= (wanted[i] ?? 0));
    await expect.poll(all, { timeout: 30_000, interval: 50 }).toBe(true);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }
}

/** Sees that nothing was done twice, and that what is gone was never acknowledged since. @returns how many acknowledgements were taken back */
export async function lostOf(clients: CountingClients, port: number): Promise<number> {
  let lost = 0;
  for (const { key, acknowledgedAt, lostAt, unknown } of clients.counters) {
    const value = Number(textOf(await askNode(port, 'GET', key)));
    expect(value).toBeGreaterThanOrEqual(acknowledgedAt.size);
    expect(value).toBeLessThanOrEqual(acknowledgedAt.size + unknown);
    lost += lostAt.length;
  }
  return lost;
}
