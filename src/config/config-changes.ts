import { isDeepStrictEqual } from 'node:util';
import { type Config, type ConfiguredCluster, shownConfig } from './build-config.ts';
import { changedPaths } from './changed-paths.ts';
import type { ConfigFile } from './schema/index.ts';
import { withoutUndefined } from './without-undefined.ts';

/** What becomes of another config while a router runs. */
export interface ConfigChanges {
  /** By which the router goes from then on: the new one, but for what needs a restart. */
  readonly config: Config;
  /** Where the file has changed and that counts from now on, such as `routes.0.timeoutMs`. */
  readonly applied: readonly string[];
  /** Where it has changed and the router has to be started again for it. */
  readonly needsRestart: readonly string[];
  /** Fields of the file in which nothing has changed. */
  readonly unchanged: readonly string[];
}

/**
 * Compares the config that a router runs with and the next one.
 * @param followsRegistry whether the router is registered somewhere: its registry stays the same then
 */
export function configChanges(running: Config, next: Config, followsRegistry: boolean): ConfigChanges {
  const config = inEffect(running, next, followsRegistry);
  const needsRestart = changedPaths(config.file, next.file);
  const applied = changedPaths(running.file, config.file);
  if (running.adminToken !== config.adminToken && !applied.includes('admin.tokenFile')) applied.push('admin.tokenFile');
  const changed = new Set([...applied, ...needsRestart].map((path) => /^\w+/.exec(path)?.[0]));
  const unchanged = Object.keys(next.file).filter((name) => !changed.has(name));
  return { config, applied, needsRestart, unchanged };
}

/** The next config with what cannot change as it is now. */
function inEffect(running: Config, next: Config, followsRegistry: boolean): Config {
  const file: ConfigFile = {
    ...next.file,
    workers: running.file.workers,
    admin: { ...next.file.admin, address: running.file.admin.address },
    tracing: running.file.tracing,
    ...(mayLead(running, next, followsRegistry) ? sameSources(running, next) : elsewhere(running)),
  };
  const kept = isDeepStrictEqual(file.registry, next.file.registry) ? next : running;
  return {
    ...next,
    file,
    shown: shownConfig(file),
    workers: running.workers,
    admin: running.admin,
    observe: { ...next.observe, tracing: running.observe.tracing },
    registry: kept.registry,
    routes: kept.routes,
    redis: kept.redis,
    clusters: kept === running ? running.clusters : next.clusters.map((cluster) => sameSource(running, cluster)),
  };
}

/** Whether clusters may be routed to as the next config has them: none is looked for in a registry that is not its own. */
function mayLead(running: Config, next: Config, followsRegistry: boolean): boolean {
  if (!followsRegistry || isDeepStrictEqual(running.file.registry, next.file.registry)) return true;
  return next.clusters.every(({ source }) => source.kind !== 'registry');
}

/** Routes lead to clusters, and clusters come from the registry: the three stay as they are, together. */
function elsewhere({
  file: { registry, routes, clusters },
}: Config): Pick<ConfigFile, 'registry' | 'routes' | 'clusters'> {
  return { registry, routes, clusters };
}

/** Where a cluster's shards come from does not change while it is routed to. */
function sameSources(running: Config, { file }: Config): Pick<ConfigFile, 'clusters'> {
  const clusters = Object.entries(file.clusters).map(([name, cluster]) => {
    const before = running.file.clusters[name];
    if (before === undefined || isDeepStrictEqual(topologyOf(name, before), topologyOf(name, cluster)))
      return [name, cluster];
    const { fromRegistry, discover, shards, placement, hashOn, pins } = before;
    return [name, { ...cluster, fromRegistry, discover, shards, placement, hashOn, pins }];
  });
  return { clusters: Object.fromEntries(clusters) };
}

/** What a cluster is called in the registry, or who is asked for it; null where its shards stand in the file. */
function topologyOf(name: string, { fromRegistry, discover }: ConfigFile['clusters'][string]): object | null {
  if (discover !== undefined) return discover;
  return fromRegistry === undefined ? null : { cluster: name, ...withoutUndefined(fromRegistry) };
}

function sameSource(running: Config, cluster: ConfiguredCluster): ConfiguredCluster {
  const before = running.clusters.find(({ name }) => name === cluster.name);
  if (before === undefined) return cluster;
  const { source } = before;
  if (source.kind === 'config' && cluster.source.kind === 'config') return cluster;
  return isDeepStrictEqual(source, cluster.source) ? cluster : { ...cluster, source };
}
