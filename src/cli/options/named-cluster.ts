import type { Command } from 'commander';
import { DEFAULT_NAMESPACE, type Registry } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { type Topology, type TopologyName, topologyText } from '../../topology/index.ts';
import { nameOption } from './options.ts';
import { type RegistryFlag, withRegistryOption } from './registry-option.ts';

export interface ClusterFlags extends RegistryFlag {
  readonly namespace: string;
  readonly cluster?: string;
}

/** Gives a command the options that say which cluster it is about. */
export function withClusterOptions(command: Command): Command {
  return withRegistryOption(command)
    .option('--namespace <name>', 'the namespace of the cluster', nameOption, DEFAULT_NAMESPACE)
    .option('--cluster <name>', 'the cluster; optional if the namespace has only one', nameOption);
}

/** The cluster that is meant. @throws UsageError where none is, or several may be */
export async function namedCluster(registry: Registry, { namespace, cluster }: ClusterFlags): Promise<TopologyName> {
  if (cluster !== undefined) return { namespace, cluster };
  const clusters = await registry.topologies.list(namespace);
  const [only, another] = clusters;
  if (only === undefined) throw new UsageError(`the namespace ${namespace} has no cluster`);
  if (another === undefined) return { namespace, cluster: only.cluster };
  const names = clusters.map((each) => each.cluster).join(', ');
  throw new UsageError(`the namespace ${namespace} has several clusters; choose one with --cluster: ${names}`);
}

/** The topology of the cluster that is meant. @throws UsageError where there is none */
export async function currentTopology(registry: Registry, flags: ClusterFlags): Promise<Topology> {
  const name = await namedCluster(registry, flags);
  const topology = await registry.topologies.read(name);
  if (topology === null) throw new UsageError(`there is no cluster ${topologyText(name)}`);
  return topology;
}
