import { defaultLimits } from '../http/index.ts';
import type { ClientTlsDescription } from '../io/index.ts';
import {
  defaultDrain,
  defaultHold,
  defaultRouterLimits,
  type RouterSettings,
  type UpstreamDescription,
} from '../proxy/index.ts';

/** How a backend's calls to the owners of other keys go out. */
export interface EgressDescription {
  /** Whose backend calls. */
  readonly shard: string;
  /** The name of the cluster, for people. */
  readonly cluster: string;
  /** Paths of calls that stay open, `*` for anything. */
  readonly watch: readonly string[];
  /** Connections of the backend that the process has room for. */
  readonly maxConnections: number;
}

/** How long a call waits for an owner that cannot be reached: the next sidecar takes over within that. */
const WAIT_FOR_OWNER_MS = 1000;

/**
 * Where slow calls are waited for, new calls to their keys are held one by one; and a call that other routers wait for may itself call by the
 * egress. Slow calls of the backend are waited for while all is held, as short ones are; only those that end too late for that have new calls to their keys wait.
 */
const NO_CALL_IS_SLOW = Number.POSITIVE_INFINITY;

/** How the shards are reached. @param tls where their sidecars speak it */
export function egressUpstream(tls: ClientTlsDescription | undefined): UpstreamDescription {
  return { protocol: 'auto', tls, waitForOwnerMs: WAIT_FOR_OWNER_MS };
}

/** The settings of a router whose one client is the backend, which says the key in `x-shard-key`. */
export function egressSettings(egress: EgressDescription): Omit<RouterSettings, 'clusters'> {
  const { shard, cluster, watch, maxConnections } = egress;
  const limits = { ...defaultLimits, ...defaultRouterLimits };
  const route = {
    name: 'egress',
    match: { path: { prefix: '/' } },
    cluster,
    shardKey: [{ header: 'x-shard-key' }],
    watch,
  };
  const edge = { trustedHops: 0, requestIds: 'pass', egressOf: shard } as const;
  return {
    limits,
    drain: { ...defaultDrain, slowAfterMs: NO_CALL_IS_SLOW },
    hold: defaultHold,
    logLevel: 'info',
    maxConnections,
    families: { http: { routes: [route], edge, limits, observe: {} }, redis: { entries: {} } },
  };
}
