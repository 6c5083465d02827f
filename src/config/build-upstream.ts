import type { UpstreamDescription } from '../proxy/index.ts';
import { NamedFileFault, secretIn } from '../runtime/named-file.ts';
import type { Report } from '../yaml/index.ts';
import type { ConfigFile } from './schema/index.ts';
import { withoutUndefined } from './without-undefined.ts';

type Cluster = ConfigFile['clusters'][string];

/** How a cluster's shards are spoken to, and when they count as unhealthy. */
export function buildUpstream(
  name: string,
  { upstream, health, limits, waitForOwner }: Cluster,
  report: Report,
): UpstreamDescription {
  const { login, ...same } = upstream;
  const at = ['clusters', name, 'upstream', 'login'];
  if (login !== undefined && upstream.protocol !== 'redis') report(at, 'is for shards that speak redis');
  return {
    ...same,
    login: login && {
      username: login.username,
      password: secretOf(login.passwordFile, [...at, 'passwordFile'], report),
    },
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

/** The secret in a file that a field names; the empty text where there is none, which was reported. */
export function secretOf(file: string, at: readonly (string | number)[], report: Report): string {
  try {
    return secretIn(file);
  } catch (error) {
    if (!(error instanceof NamedFileFault)) throw error;
    report(at, error.message);
    return '';
  }
}
