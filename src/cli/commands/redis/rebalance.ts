import { Command } from 'commander';
import { evenMoves } from '../../../controller/index.ts';
import { inRegistry } from '../../options/registry-option.ts';
import {
  type ExecuteFlags,
  type PaceFlag,
  slottedTopology,
  withExecuteOption,
  withLedCluster,
  withPaceOption,
} from './led-cluster-options.ts';
import { planned } from './planned.ts';

/** `keyway redis rebalance`: gives all shards equally many slots. */
export function rebalanceCommand(): Command {
  const command = withLedCluster(
    new Command('rebalance').description(
      'give all shards of a cluster equally many slots, by as few moves as possible',
    ),
  );
  return withExecuteOption(withPaceOption(command))
    .addHelpText('after', '\nExample:\n  keyway redis rebalance cache --execute')
    .action((cluster: string, flags: ExecuteFlags & PaceFlag) =>
      inRegistry(flags, async (registry) => {
        const { namespace } = flags;
        const { shards } = await slottedTopology(registry, namespace, cluster);
        const moves = evenMoves(shards, new Set(shards.map(({ id }) => id)));
        await planned(registry, { namespace, cluster }, { steps: [], moves }, flags);
      }),
    );
}
