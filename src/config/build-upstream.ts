import type { UpstreamDescription } from '../proxy/index.ts';
import type { ConfigFile } from './schema/index.ts';
import { withoutUndefined } from './without-undefined.ts';

type Cluster = ConfigFile['clusters'][string];

/** How a cluster's shards are spoken to, and when they count as unhealthy. */
export function buildUpstream({ upstream, health, limits, waitForOwner }: Cluster): UpstreamDescription {
  return {
    ...upstream,
    limits: withoutUndefined(limits),
    activeHealth: activeHealthOf(health.active),
    passiveHealth: passiveHealthOf(health.passive),
    waitForOwnerMs: waitForOwner,
  };
}

function activeHealthOf(active: Cluster['health']['active']): UpstreamDescription['activeHealth'] {
  if (active === undefined) return undefined;
  const { grpc, http, tcp = {}, interval, timeout, ...counts } = active;
  const check = grpc !== undefined ? { grpc } : http !== undefined ? { http } : { tcp };
  return { ...counts, intervalMs: interval, timeoutMs: timeout, check };
}

function passiveHealthOf(passive: Cluster['health']['passive']): UpstreamDescription['passiveHealth'] {
  if (passive === undefined) return undefined;
  const { consecutiveFailures, successRate, ejection, maxEjection } = passive;
  return {
    consecutiveFailures,
    successRate: successRate && successRateOf(successRate),
    ejectionMs: ejection,
    maxEjectionMs: maxEjection,
  };
}

function successRateOf({
  minimumRequests,
  standardDeviations,
  interval,
}: NonNullable<NonNullable<Cluster['health']['passive']>['successRate']>) {
  return { minimumRequests, standardDeviations, intervalMs: interval };
}
