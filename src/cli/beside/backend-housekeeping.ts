import { processName } from '../../app/process-name.ts';
import type { HousekeepingMetrics } from '../../housekeeping/index.ts';
import { callHousekeeping, type NodeHousekeepingSettings, nodeHousekeepingSchema } from '../../node/index.ts';
import type { Registry } from '../../registry/index.ts';
import type { Log } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { parseYaml, readDocument } from '../../yaml/index.ts';
import { loggedListener } from '../output/housekeeping-output.ts';
import type { BackendFlags } from './backend-options.ts';

/** The tasks that a file names. @returns null where none is given */
export function housekeepingOf({ housekeeping: file }: BackendFlags): NodeHousekeepingSettings | null {
  return file === undefined ? null : parseYaml(readDocument(file), file, nodeHousekeepingSchema, (value) => value);
}

/** Has the backend's tasks called, from when it begins on. */
export function prepareHousekeeping(
  settings: NodeHousekeepingSettings,
  { namespace, cluster, shard }: BackendFlags,
  registry: Registry,
  metrics: HousekeepingMetrics,
  log: Log,
): { begin(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  const surroundings = {
    registry,
    name: { namespace, cluster },
    shard,
    node: `${shard}@${processName()}`,
    ...machine,
    listener: loggedListener(metrics, log),
  };
  let running: Promise<void> = Promise.resolve();
  return {
    begin: () => {
      if (!stopping.signal.aborted) running = callHousekeeping(settings, surroundings, stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      await running;
      await registry.close();
    },
  };
}
