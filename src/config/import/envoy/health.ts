import { readDuration } from '../durations.ts';
import type { Fields } from '../fields.ts';
import { given, givenDuration } from '../given.ts';

/** Reads a cluster's health checks, outlier detection and circuit breakers, in the terms of our config. */
export function readHealth(cluster: Fields): object {
  const active = readChecks(cluster);
  const passive = cluster.has('outlier_detection') ? readOutliers(cluster.mapping('outlier_detection')) : undefined;
  const limits = readBreakers(cluster);
  if (active !== undefined || passive !== undefined)
    cluster.change(
      active === undefined ? 'outlier_detection' : 'health_checks',
      'requests for an unhealthy shard wait or fail; Envoy gives its keys to others',
    );
  return {
    ...((active ?? passive) !== undefined && { health: { ...(active && { active }), ...(passive && { passive }) } }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

function readChecks(cluster: Fields): object | undefined {
  const [check, ...others] = cluster.list('health_checks');
  for (const other of others) other.leaveOut('', 'Keyway makes one health check per cluster: the first');
  if (check === undefined) return undefined;
  const kind = readCheck(check);
  if (kind === null) {
    check.leaveOut('', 'Keyway checks only by gRPC, by HTTP or by a connection');
    return undefined;
  }
  return {
    ...kind,
    ...givenDuration('interval', readDuration(check, 'interval')),
    ...givenDuration('timeout', readDuration(check, 'timeout')),
    ...given('unhealthyAfter', check.number('unhealthy_threshold')),
    ...given('healthyAfter', check.number('healthy_threshold')),
  };
}

function readCheck(check: Fields): object | null {
  if (check.has('http_health_check')) {
    const http = check.mapping('http_health_check');
    return { http: { path: http.text('path') ?? '/' } };
  }
  if (check.has('grpc_health_check')) {
    const service = check.mapping('grpc_health_check').text('service_name');
    return { grpc: service === undefined ? {} : { service } };
  }
  if (!check.has('tcp_health_check')) return null;
  check.mapping('tcp_health_check');
  return { tcp: {} };
}

function readOutliers(outliers: Fields): object {
  const failures = outliers.number('consecutive_5xx');
  outliers.change(
    outliers.has('consecutive_5xx') ? 'consecutive_5xx' : '',
    'Keyway counts lost connections, resets, 502, 503, 504 and UNAVAILABLE, but not 500',
  );
  return {
    ...given('consecutiveFailures', failures),
    ...givenDuration('ejection', readDuration(outliers, 'base_ejection_time')),
    ...givenDuration('maxEjection', readDuration(outliers, 'max_ejection_time')),
    ...(outliers.number('enforcing_success_rate') !== 0 && {
      successRate: {
        ...given('minimumRequests', outliers.number('success_rate_request_volume')),
        ...given('standardDeviations', thousandths(outliers.number('success_rate_stdev_factor'))),
        ...givenDuration('interval', readDuration(outliers, 'interval')),
      },
    }),
  };
}

/** Envoy counts a thousand for one. */
function thousandths(count: number | undefined): number | undefined {
  return count === undefined ? undefined : count / 1000;
}

function readBreakers(cluster: Fields): object {
  const thresholds = cluster.mapping('circuit_breakers').list('thresholds');
  const [usual] = thresholds.filter((each) => (each.text('priority') ?? 'DEFAULT') === 'DEFAULT');
  for (const each of thresholds) if (each !== usual) each.leaveOut('', "Keyway's requests have no priorities");
  if (usual === undefined) return {};
  const limits = {
    ...given('connections', usual.number('max_connections')),
    ...given('requests', usual.number('max_requests')),
    ...given('pending', usual.number('max_pending_requests')),
  };
  if (Object.keys(limits).length > 0)
    usual.change('', "Keyway's limits apply to one worker and one shard, Envoy's to the whole cluster");
  return limits;
}
