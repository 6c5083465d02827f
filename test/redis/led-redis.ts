import { RespClientError } from '../../src/resp/index.ts';
import type { Scope } from '../support/processes.ts';
import { served } from '../support/registries.ts';
import { LedServers } from './led-servers.ts';
import { type ClusterNode, nodesOf as linesOf, startRedisCluster } from './redis-cluster.ts';

export { NAME, startBefore } from './led-servers.ts';

/** A cluster of real servers, led by real controllers, before a router. */
export class LedRedis extends LedServers<ClusterNode> {
  static async start(scope: Scope, program = 'redis-server'): Promise<LedRedis> {
    const nodes = await startRedisCluster(scope, { program });
    return new LedRedis(scope, nodes, await served(scope), { engine: 'redis' });
  }

  /** The nodes that say that they are the primary of a slot, by what each says of itself. */
  async primariesOf(slot: number): Promise<number[]> {
    const claims = await Promise.all(
      this.nodes.map(async ({ port }) => {
        try {
          const own = (await linesOf(port)).find(([, , flags]) => flags?.includes('myself'));
          const [, , , , , , , , ...ranges] = own ?? [];
          const has = (range: string): boolean => {
            const [first = -1, last = first] = range.split('-').map(Number);
            return first <= slot && slot <= last;
          };
          return ranges.some(has) ? [port] : [];
        } catch (error) {
          if (error instanceof RespClientError) return [];
          throw error;
        }
      }),
    );
    return claims.flat();
  }
}
