import { defaultLimits } from '../http/index.ts';
import type {
  FencedShard,
  RouteDescription,
  RoutedCluster,
  RouterSettings,
  UpstreamDescription,
} from '../proxy/index.ts';
import { defaultDrain, defaultHold, defaultRouterLimits } from '../proxy/index.ts';
import { type SharedCluster, shareCluster, type TopologyVersion } from '../topology/index.ts';

/** Health checks of gRPC have no key (grpc/grpc doc/health-checking.md). */
const GRPC_HEALTH = '/grpc.health.v1.Health/';
/** How long a request that a router has sent by a version that is not known here yet waits for that version. */
const CATCH_UP_MS = 2000;
/** Clients are routers, each of which ends and resets thousands of streams at once where keys move. */
const RESETS_OF_A_ROUTER = { resetBurst: 100_000, resetsPerSecond: 20_000 };

/** What a sidecar carries requests to, and from. */
export interface Carried {
  readonly cluster: string;
  readonly shard: string;
  /** The backend's, `host:port`. */
  readonly address: string;
  readonly upstream: UpstreamDescription;
  /** Paths, with what is below them, of requests that have no key. */
  readonly keyless: readonly string[];
  /** Paths of calls that stay open, `*` for anything. */
  readonly watch: readonly string[];
}

/** The backend as the one owner of all keys, so that the proxy sends whatever the fence lets through to it. */
export function backendTable({ cluster, shard, address }: Carried, version: TopologyVersion | null): SharedCluster {
  const placement = { name: 'fixedRing', options: { entriesPerWeight: 1 } } as const;
  return shareCluster({ name: cluster, placement, hashOn: 'id', shards: [{ id: shard, address, weight: 1 }] }, version);
}

/** What routers believe of a sidecar is not the backend's to say. */
const responseHeaders: RouteDescription['responseHeaders'] = { remove: ['x-keyway-stale'] };

/** `/open` is no path of `/opened`. */
function pathAndBelow(path: string): Array<RouteDescription['match']['path']> {
  return path.endsWith('/') ? [{ prefix: path }] : [{ exact: path }, { prefix: `${path}/` }];
}

/** The proxy's settings: one cluster of one shard, behind a fence. */
export function sidecarSettings(carried: Carried, fenced: FencedShard, maxConnections: number): RouterSettings {
  const { cluster, upstream, keyless, watch } = carried;
  const limits = { ...defaultLimits, ...defaultRouterLimits, ...RESETS_OF_A_ROUTER };
  const table = backendTable(carried, null);
  // The backend once more, as a cluster without a fence: no cluster of a registry has such a name.
  const unfenced = `${cluster} (without keys)`;
  const clusters: RoutedCluster[] = [
    { name: cluster, upstream, table, fenced },
    { name: unfenced, upstream, table: { ...table, name: unfenced } },
  ];
  const withoutKey = [...new Set([GRPC_HEALTH, ...keyless])]
    .flatMap(pathAndBelow)
    .map(
      (path): RouteDescription => ({ match: { path }, cluster: unfenced, shardKey: [{ value: '-' }], responseHeaders }),
    );
  const routes: RouteDescription[] = [
    ...withoutKey,
    {
      match: { path: { prefix: '/' } },
      cluster,
      shardKey: [{ header: 'x-shard-key' }],
      watch,
      onMove: { how: 'end', status: 'unavailable' },
      responseHeaders,
    },
  ];
  const edge = { trustedHops: 0, requestIds: 'pass', behindRouters: true } as const;
  return {
    clusters,
    limits,
    drain: defaultDrain,
    hold: { ...defaultHold, waitMs: CATCH_UP_MS },
    logLevel: 'info',
    maxConnections,
    families: { http: { routes, edge, limits, observe: {} }, redis: { entries: {} } },
  };
}
