import type { MetricsServer } from '../../admin/index.ts';
import { processVitals } from '../../app/process-vitals.ts';
import type { HousekeepingListener, HousekeepingMetrics } from '../../housekeeping/index.ts';
import type { CountersSnapshot } from '../../proxy/index.ts';
import type { HostPort } from '../../runtime/address.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import type { Log } from '../../runtime/log.ts';
import { VitalsMonitor } from '../../runtime/thread-vitals.ts';
import { UsageError } from '../../runtime/usage-error.ts';

/** Has housekeeping counted, and reported where it went wrong. */
export function loggedListener(metrics: HousekeepingMetrics, log: Log): HousekeepingListener {
  return {
    onTerm: (election, leads) => {
      metrics.onTerm(election, leads);
      log.info({ election }, leads ? 'leads' : 'no longer leads');
    },
    onUnits: (count) => metrics.onUnits(count),
    onRun: (task, unit, record, lagMs) => {
      metrics.onRun(task, unit, record, lagMs);
      const { outcome, error, tookMs } = record;
      if (outcome === 'failed' || outcome === 'overran' || outcome === 'stale')
        log.warn({ task: task.name, unit, outcome, error, tookMs }, 'a run of housekeeping');
    },
    onFault: (what, error) => log.warn({ error: error instanceof Error ? error.message : String(error) }, what),
  };
}

/**
 * Serves a process's metrics. @param at where to serve; if it is not given, nothing is served. @param metrics of its housekeeping, if it does any.
 * @param counters of the traffic that it carries, if it carries any
 * @returns what to close in the end. @throws UsageError where the address cannot be had
 */
export async function serveMetrics(
  at: HostPort | undefined,
  metrics: HousekeepingMetrics | null,
  counters: () => Promise<readonly CountersSnapshot[]> = async () => [],
): Promise<MetricsServer | null> {
  if (at === undefined) return null;
  // Most processes serve none: it takes long to load.
  const { MetricsServer, renderProcess, renderTraffic } = await import('../../admin/index.ts');
  const monitor = new VitalsMonitor();
  const vitals = processVitals();
  const ofProcess = (): Promise<string> => renderProcess(vitals([{ name: 'main', vitals: monitor.read() }]));
  const ofTraffic = async (): Promise<string> => {
    const carried = await counters();
    return carried.length === 0 ? '' : renderTraffic(carried);
  };
  const server = new MetricsServer(
    async () => (await ofProcess()) + (await ofTraffic()) + ((await metrics?.text()) ?? ''),
  );
  try {
    await server.listen(at.host, at.port);
  } catch (cause) {
    throw new UsageError(listenFault(cause, '--metrics'), { cause });
  }
  return server;
}
