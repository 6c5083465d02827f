import type { Registry } from '../../registry/index.ts';
import type { Log } from '../../runtime/log.ts';

/** Logs what a process that outlives an outage meets at its registry: outages, refusals, and entries that cannot be read. */
export function logRegistry(registry: Registry, log: Log): void {
  registry.unreadable.onFound = ({ key, reason }) =>
    log.warn({ key, reason }, 'an entry of the registry cannot be read; continuing without it');
  registry.onDenied((reason) => log.error({ reason }, 'the registry refuses this process'));
  registry.onOutage((reason) => {
    if (reason === null) log.warn('the registry can be reached again');
    else log.error({ reason }, 'the registry cannot be reached; trying again');
  });
}
