import { Participant } from '../../src/node/index.ts';
import { derivedNodeId } from '../../src/topology/index.ts';
import { Commands } from '../support/commands.ts';
import type { Scope } from '../support/processes.ts';
import { clock, registryOn, served } from '../support/registries.ts';
import type { HttpBackend } from './http-backend.ts';

/** What of a participant a test may look at. */
export interface AgentUnderTest {
  readonly participant: Participant;
  readonly faults: Array<string | null>;
}

/** A registry without routers, so that commands carry changes out, and backends of a cluster `docs` that take part by themselves. */
export class Participants {
  readonly commands: Commands;
  readonly #scope: Scope;
  readonly #open: () => ReturnType<typeof registryOn>;

  private constructor(scope: Scope, address: string, open: () => ReturnType<typeof registryOn>) {
    this.#scope = scope;
    this.commands = new Commands(address);
    this.#open = open;
  }

  static async start(scope: Scope): Promise<Participants> {
    const store = await served(scope);
    return new Participants(scope, store.address, () => registryOn(store.open(), scope));
  }

  /** Registers a backend as a shard, in this process. */
  async agent(shard: string, backend: Pick<HttpBackend, 'address' | 'url'>, leaseMs = 30_000): Promise<AgentUnderTest> {
    const faults: Array<string | null> = [];
    const participant = new Participant({
      registry: this.#open(),
      name: { namespace: 'default', cluster: 'docs' },
      shard,
      nodeId: derivedNodeId('docs', shard),
      address: backend.address,
      leaseMs,
      process: { host: 'here', pid: process.pid },
      backend: { url: new URL(backend.url), caFile: null, tokenFile: null },
      ask: { host: '127.0.0.1', port: 0, certificate: null },
      health: undefined,
      onHealth: () => {},
      onFault: (fault) => faults.push(fault),
      clock,
      timeOfDayMs: Date.now,
      random: Math.random,
    });
    await participant.start();
    this.#scope.defer(() => participant.leave());
    return { participant, faults };
  }

  /** Commits, or hands over to, a topology of shards by their addresses. */
  async apply(shards: Readonly<Record<string, string>>, ...options: string[]): Promise<void> {
    await this.commands.done('topology', 'apply', this.file(shards), ...options);
  }

  file(shards: Readonly<Record<string, string>>): string {
    const list = Object.entries(shards).map(([id, address]) => ({ id, address }));
    const document = { cluster: 'docs', placement: { fixedRing: {} }, hashOn: 'id', shards: list };
    return this.#scope.file('docs.json', JSON.stringify(document));
  }
}

/** Asks as a backend does. @returns `lostBy`, and the sequence; null: it is to ask again */
export async function ask(
  url: string,
  keys: readonly string[],
): Promise<{ lostBy: number[]; sequence: number } | null> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ keys }) });
  return response.status === 503 ? null : ((await response.json()) as { lostBy: number[]; sequence: number });
}
