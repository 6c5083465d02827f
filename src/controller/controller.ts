import type { Registry } from '../registry/index.ts';
import { engines } from './engines/index.ts';
import type { ClusterLog, Leader } from './leader.ts';
import { LedCluster } from './led-cluster.ts';
import { MadeClusters } from './made-clusters.ts';
import type { ControllerSettings, LedClusterSettings } from './settings.ts';

/** What is reported to people of a cluster, and of who leads it. */
export interface ControllerLog extends ClusterLog {
  onTerm(leads: boolean): void;
}

/** The name of the election of a cluster's controller. */
export function controllerElection({ namespace, cluster }: LedClusterSettings['name']): string {
  return `controller/${namespace}/${cluster}`;
}

/** One whose leading has failed is led again so long after: others may lead it meanwhile. */
const AGAIN_MS = 1000;

/**
 * Leads clusters: of any number of controllers one leads each cluster at a time, and another takes over where it dies. One whose term has ended
 * stands for election again; so does one that has failed at one cluster, and goes on leading the others.
 * @param random between 0 and 1
 */
export async function runController(
  registry: Registry,
  { clusters, leaseMs, api }: Pick<ControllerSettings, 'clusters' | 'leaseMs' | 'api'>,
  leader: Leader & { readonly random: () => number },
  logOf: (cluster: LedClusterSettings) => ControllerLog,
  signal: AbortSignal,
): Promise<void> {
  const { random, ...who } = leader;
  const lead = async (settings: LedClusterSettings, until: AbortSignal): Promise<void> => {
    const log = logOf(settings);
    const election = controllerElection(settings.name);
    const campaign = () => registry.elections.campaign(election, who.candidate, leaseMs, until);
    for (let term = await campaign(); term !== null; term = await campaign()) {
      log.onTerm(true);
      log.onEvent({ event: 'leader-changed', leader: who.candidate });
      const nodes = engines[settings.engine].connect({ ...settings.access, random, clock: who.clock });
      try {
        await new LedCluster(registry, settings, nodes, who, log).lead(term, until);
      } finally {
        await term.resign();
        log.onTerm(false);
      }
    }
  };
  const leadAgain = async (settings: LedClusterSettings, until: AbortSignal): Promise<void> => {
    while (!until.aborted)
      try {
        return await lead(settings, until);
      } catch (error) {
        if (until.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        logOf(settings).onFault(`leading it has failed, and begins again: ${why}`);
        await registry.pause(AGAIN_MS, until, 0);
      }
  };
  const named = clusters.map(({ name }) => name);
  await Promise.all([
    ...clusters.map((settings) => leadAgain(settings, signal)),
    ...(api === null ? [] : [new MadeClusters(registry).leadAll(api.clusters, named, leadAgain, signal)]),
  ]);
}
