import type { Command } from 'commander';
import { DEFAULT_NAMESPACE, type Registry } from '../../../registry/index.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { type Topology, topologyText } from '../../../topology/index.ts';
import { integerOption, nameOption } from '../../options/options.ts';
import { type RegistryFlag, withRegistryOption } from '../../options/registry-option.ts';

export interface LedClusterFlags extends RegistryFlag {
  readonly namespace: string;
}

export interface ExecuteFlags extends LedClusterFlags {
  readonly execute?: true;
}

/** Gives a command its cluster, as its first argument, and the registry's options. */
export function withLedCluster(command: Command): Command {
  return withRegistryOption(command.argument('<cluster>', 'its name in the registry', nameOption)).option(
    '--namespace <name>',
    'the namespace of the cluster',
    nameOption,
    DEFAULT_NAMESPACE,
  );
}

/** The option without which a command shows its plan, and does nothing. */
export function withExecuteOption(command: Command): Command {
  return command.option('-e, --execute', 'carry the plan out; without it the plan is shown, and nothing is done');
}

export interface PaceFlag {
  readonly keysPerSecond?: number;
}

/** The option that bounds how fast keys move. */
export function withPaceOption(command: Command): Command {
  const pace = integerOption(1, 1_000_000);
  return command.option(
    '--keys-per-second <number>',
    'move no more keys than this in a second, of each pair of shards',
    pace,
  );
}

export interface SlotsOnlyFlag {
  readonly slotsOnly?: true;
}

/** The option by which no key moves. */
export function withSlotsOnlyOption(command: Command): Command {
  return command.option('--slots-only', 'move slots that have no keys; a slot with keys is refused');
}

/** @throws UsageError where there is no such cluster, or its keys are not placed by slots */
export async function slottedTopology(registry: Registry, namespace: string, cluster: string): Promise<Topology> {
  const topology = await registry.topologies.read({ namespace, cluster });
  if (topology === null) throw new UsageError(`there is no cluster ${topologyText({ namespace, cluster })}`);
  if (topology.placement.name !== 'slots')
    throw new UsageError(`${cluster} places keys by ${topology.placement.name}: only slots can be moved`);
  return topology;
}
