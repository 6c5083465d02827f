import { Command } from 'commander';
import { scalePlan } from '../../../controller/index.ts';
import { addressesOption, integerOption } from '../../options/options.ts';
import { inRegistry } from '../../options/registry-option.ts';
import { writeOut } from '../../output/terminal.ts';
import {
  type ExecuteFlags,
  type PaceFlag,
  type SlotsOnlyFlag,
  slottedTopology,
  withExecuteOption,
  withLedCluster,
  withPaceOption,
  withSlotsOnlyOption,
} from './led-cluster-options.ts';
import { planned, stepsText } from './planned.ts';

/** Redis Cluster is made for up to a thousand nodes. */
const MOST_SHARDS = 1000;

interface ScaleFlags extends ExecuteFlags, PaceFlag, SlotsOnlyFlag {
  readonly shards: number;
  readonly nodes?: readonly string[];
}

/** `keyway redis scale`: makes a cluster larger or smaller. */
export function scaleCommand(): Command {
  const command = withLedCluster(
    new Command('scale')
      .description('add shards to a cluster or remove some, and divide the slots evenly by as few moves as possible')
      .requiredOption('--shards <number>', 'how many shards there are to be', integerOption(1, MOST_SHARDS)),
  ).option('--nodes <addresses>', 'empty nodes for new shards: first the primaries, then replicas', addressesOption);
  return withExecuteOption(withPaceOption(withSlotsOnlyOption(command)))
    .addHelpText(
      'after',
      '\nExample:\n  keyway redis scale cache --shards 4 --nodes 10.0.0.4:7000,10.0.1.4:7000\n  keyway redis scale cache --shards 3 --execute',
    )
    .action((cluster: string, flags: ScaleFlags) =>
      inRegistry(flags, async (registry) => {
        const { namespace } = flags;
        const topology = await slottedTopology(registry, namespace, cluster);
        const plan = scalePlan(topology, flags.shards, flags.nodes ?? []);
        writeOut(stepsText(plan.steps));
        await planned(registry, { namespace, cluster }, plan, flags);
      }),
    );
}
