import { Cluster, checkTopology, type TopologyDraft } from '../../src/topology/index.ts';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { freePorts, type Running, type Scope } from '../support/processes.ts';
import { type RemoteStoreUnderTest, served } from '../support/registries.ts';
import { type Served, SharedStore, startStoreBackend } from './store-backend.ts';

export const KEYS = Array.from({ length: 40 }, (_, i) => `d${i}`);

/** Keys that two backends served at once, where somebody waited for both. */
export function doubleServed(served: readonly Served[]): string[] {
  return served.flatMap((one) =>
    served.some(
      (other) => other.key === one.key && other.shard !== one.shard && other.begin < one.end && one.begin < other.end,
    )
      ? [`${one.key} by ${one.shard}`]
      : [],
  );
}

/** A sidecar in a process of its own. */
export interface SidecarUnderTest {
  readonly id: string;
  readonly address: string;
  readonly process: Running;
}

/** A registry, and backends behind sidecars. */
export class Sidecars {
  readonly registry: string;
  readonly under: RemoteStoreUnderTest;
  readonly commands: Commands;
  readonly store = new SharedStore();
  readonly all: SidecarUnderTest[] = [];
  readonly #scope: Scope;
  readonly #lease: string;

  private constructor(scope: Scope, under: RemoteStoreUnderTest, lease: string) {
    this.#lease = lease;
    this.#scope = scope;
    this.under = under;
    this.registry = under.address;
    this.commands = new Commands(under.address);
  }

  /** @param shards how many; @param failover how long a lost shard is waited for, with short leases */
  static async start(scope: Scope, shards: number, failover?: string): Promise<Sidecars> {
    const sidecars = new Sidecars(scope, await served(scope), failover === undefined ? '10s' : '2s');
    for (let i = 0; i < shards; i++) {
      const port = await startStoreBackend(scope, `s${i}`, sidecars.store);
      await sidecars.add(`s${i}`, `127.0.0.1:${port}`);
    }
    if (shards > 0) await sidecars.apply(shards, failover);
    return sidecars;
  }

  /** Starts one before a backend. Resolves once it serves. */
  async add(id: string, backend: string, more: readonly string[] = [], command: readonly string[] = []) {
    const address = `127.0.0.1:${(await freePorts(1))[0]}`;
    const process = this.run(id, address, backend, more, command);
    await process.printed(/serving on/);
    const sidecar: SidecarUnderTest = { id, address, process };
    this.all.push(sidecar);
    return sidecar;
  }

  run(
    id: string,
    address: string,
    backend: string,
    more: readonly string[] = [],
    command: readonly string[] = [],
  ): Running {
    const where = ['--shard', id, '--listen', address, '--backend', backend, '--registry', this.registry];
    const how = ['--cluster', 'docs', '--check', '100ms', '--lease', this.#lease, ...more];
    const behind = command.length === 0 ? [] : ['--', ...command];
    return this.#scope.keyway(['sidecar', ...where, ...how, ...behind]);
  }

  /** The topology of the first so many. */
  draft(shards: number): TopologyDraft {
    return checkTopology(this.#document(shards), 'the test');
  }

  #document(shards: number, failover?: string): object {
    const list = this.all.slice(0, shards).map(({ id, address }) => ({ id, address }));
    const more = failover === undefined ? {} : { failover: { after: failover } };
    return { cluster: 'docs', placement: { fixedRing: {} }, hashOn: 'id', shards: list, ...more };
  }

  async apply(shards: number, failover?: string): Promise<void> {
    const file = this.#scope.file('docs.json', JSON.stringify(this.#document(shards, failover)));
    await this.commands.done('topology', 'apply', file);
  }

  ownerOf(key: string, shards: number): string {
    const draft = this.draft(shards);
    const bytes = Buffer.from(key);
    return draft.shards[new Cluster(draft).locate(bytes, 0, bytes.length)]?.id as string;
  }

  /** A key that the first so many shards give to this one. */
  keyOf(id: string, shards: number): string {
    return KEYS.find((key) => this.ownerOf(key, shards) === id) as string;
  }

  /** A router whose keys stand in paths, and one whose clients say them. */
  async router(more: object = {}): Promise<RouterUnderTest> {
    const registry = { remote: { address: this.registry }, lease: this.#lease };
    const byPath = { match: { prefix: '/docs/' }, cluster: 'docs', shardKey: { path: '^/docs/([^/?]+)' } };
    const byHeader = { match: { prefix: '/' }, cluster: 'docs' };
    return startRouter(this.#scope, { shards: [], registry, routes: [byPath, byHeader], ...more });
  }
}
