import { namedListeners } from '../../src/io/index.ts';
import type { RedisEntryDescription, UpstreamDescription } from '../../src/proxy/index.ts';
import { Router } from '../../src/proxy/threads/router.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import type { SharedCluster, StagedCluster, TopologyVersion } from '../../src/topology/index.ts';
import { tableOf } from '../handoff/router-in-process.ts';
import type { Scope } from '../support/processes.ts';
import { routerSettings } from '../support/router-settings.ts';
import { FakeRedis } from './fake-redis.ts';
import { RedisClient } from './redis-client.ts';

interface Setup {
  readonly password?: string;
  readonly upstream?: Partial<UpstreamDescription>;
  readonly settings?: object;
  /** The cluster's servers tell the owners: nothing is handed over. */
  readonly isDiscovered?: boolean;
  /** What clients see. */
  readonly entry?: Partial<RedisEntryDescription>;
  /** The owners of the keys, in place of those by prefixes. */
  readonly tableOf?: (shards: RedisRouter['shards']) => SharedCluster;
  /** The same for version 2. */
  readonly nextTableOf?: (shards: RedisRouter['shards']) => SharedCluster;
}

/**
 * A router of this process before two fake servers: keys that begin with `stays/` are s0's, those that begin with `moves/` s1's by version 1
 * and s0's by version 2.
 */
export class RedisRouter {
  readonly shards: readonly [FakeRedis, FakeRedis];
  readonly router: Router;
  readonly port: number;
  readonly #tables: readonly [SharedCluster, SharedCluster];
  readonly #scope: Scope;
  readonly #prepare: (entry: Partial<RedisEntryDescription>) => ReturnType<Router['prepare']>;

  private constructor(
    scope: Scope,
    shards: RedisRouter['shards'],
    tables: readonly [SharedCluster, SharedCluster],
    router: Router,
    port: number,
    prepare: (entry: Partial<RedisEntryDescription>) => ReturnType<Router['prepare']>,
  ) {
    this.#scope = scope;
    this.#prepare = prepare;
    this.shards = shards;
    this.#tables = tables;
    this.router = router;
    this.port = port;
  }

  static async start(
    scope: Scope,
    { password, upstream = {}, settings = {}, entry = {}, ...setup }: Setup = {},
  ): Promise<RedisRouter> {
    const shards = [await FakeRedis.start(scope, 's0'), await FakeRedis.start(scope, 's1')] as const;
    const tables = [
      setup.tableOf?.(shards) ?? tableOf(shards, 1, 's1'),
      setup.nextTableOf?.(shards) ?? tableOf(shards, 2, 's0'),
    ] as const;
    const served = new Float64Array(new SharedArrayBuffer(16)).fill(Number.POSITIVE_INFINITY);
    const servesUntil = setup.isDiscovered === true ? undefined : served;
    const clusters = [{ name: 'cache', upstream: { protocol: 'redis', ...upstream }, table: tables[0], servesUntil }];
    const all = routerSettings([], clusters);
    const settingsWith = (more: Partial<RedisEntryDescription>) => ({
      ...all,
      drain: { ...all.drain, windowMs: 0 },
      ...settings,
      families: { ...all.families, redis: { entries: { here: { cluster: 'cache', password, ...entry, ...more } } } },
    });
    const surroundings = { clock: machineClock, random: () => 0.5, timeOfDay: () => '', connections: null };
    const router = await Router.start({ ...settingsWith({}), ...surroundings });
    scope.defer(() => router.shutdown(0));
    const listen = namedListeners([{ host: '127.0.0.1', port: 0, only: { family: 'redis', entry: 'here' } }]);
    const [port = 0] = await router.listen(listen, false);
    const prepare = (more: Partial<RedisEntryDescription>) => router.prepare(settingsWith(more), listen, false);
    return new RedisRouter(scope, shards, tables, router, port, prepare);
  }

  /** Has the address be another from now on, as a reload of the config does. */
  async reconfigure(entry: Partial<RedisEntryDescription>): Promise<void> {
    (await this.#prepare(entry)).apply();
  }

  client(): RedisClient {
    return new RedisClient(this.#scope, this.port);
  }

  /**
   * Has the router go to a step of the change to version 2; resolves once it is done.
   * @param lost shards that are dead
   */
  step(step: StagedCluster['step'], lost: readonly string[] = []): Promise<boolean> {
    const [now, next] = this.#tables;
    const to = 2 as TopologyVersion;
    const shared = { watchesEnd: 'drain', shardsGiveUp: false, table: next, losing: ['s1'], lost } as const;
    this.router.publish('cache', now, { to, attempt: 1, step, ...shared });
    return this.router.settled('cache', 1, step);
  }

  commit(): void {
    this.router.publish('cache', this.#tables[1], null);
  }
}
