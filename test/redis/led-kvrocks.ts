import { type KvrocksProcess, lineOf, said, startKvrocks, tellNodes } from '../support/kvrocks/kvrocks-cluster.ts';
import type { Scope } from '../support/processes.ts';
import { served } from '../support/registries.ts';
import { LedServers } from './led-servers.ts';

/** The nodes have been told of their cluster before a controller leads it. */
export const FIRST_VERSION = 7;
const PASSWORD = 'kvrocks-secret';

/** A cluster of reference nodes of Kvrocks, three shards of two nodes, led by real controllers, before a router. */
export class LedKvrocks extends LedServers<KvrocksProcess> {
  /** What a router's config has of its upstream besides. */
  upstream: object = {};

  static async start(scope: Scope): Promise<LedKvrocks> {
    const nodes = await startKvrocks(scope, 6, PASSWORD);
    const masters = nodes.slice(0, 3);
    const slots = ['0-5460', '5461-10922', '10923-16383'];
    const lines = nodes.map((node, i) => lineOf(node, slots[i] ?? (masters[i - 3] as KvrocksProcess)));
    await tellNodes(nodes, FIRST_VERSION, lines);
    return LedKvrocks.of(scope, nodes);
  }

  /** Nodes of no cluster. */
  static async empty(scope: Scope, count: number): Promise<LedKvrocks> {
    return LedKvrocks.of(scope, await startKvrocks(scope, count, PASSWORD));
  }

  private static async of(scope: Scope, nodes: readonly KvrocksProcess[]): Promise<LedKvrocks> {
    const login = { passwordFile: scope.file('password', PASSWORD) };
    const led = new LedKvrocks(scope, nodes, await served(scope), { engine: 'kvrocks', login });
    led.upstream = { login };
    return led;
  }

  /** Starts a node of no cluster, that is empty. */
  async add(scope: Scope, count: number): Promise<KvrocksProcess[]> {
    const added = await startKvrocks(scope, count, PASSWORD);
    this.nodes.push(...added);
    return added;
  }

  /** The versions that the nodes have, of those that answer. */
  async versions(): Promise<number[]> {
    const all = await Promise.all(this.nodes.map((node) => said(node, 'CLUSTERX', 'VERSION').catch(() => null)));
    return all.flatMap((version) => (version === null ? [] : [Number(version)]));
  }
}
