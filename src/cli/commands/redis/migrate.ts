import { Command, InvalidArgumentError } from 'commander';
import { movesOfSlots } from '../../../controller/index.ts';
import { parseSlotRanges, type SlotRange } from '../../../topology/index.ts';
import { nameOption } from '../../options/options.ts';
import { inRegistry } from '../../options/registry-option.ts';
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
import { planned } from './planned.ts';

interface MigrateFlags extends ExecuteFlags, PaceFlag, SlotsOnlyFlag {
  readonly slots: readonly SlotRange[];
  readonly to: string;
}

/** `keyway redis migrate`: moves slots to a shard. */
export function migrateCommand(): Command {
  const command = withLedCluster(
    new Command('migrate')
      .description('move slots to a shard, with their keys; keyway controller carries it out')
      .requiredOption('--slots <ranges>', 'the slots, such as 0-99,205', slotsOption)
      .requiredOption('--to <shard>', 'the shard that they move to', nameOption),
  );
  return withExecuteOption(withPaceOption(withSlotsOnlyOption(command)))
    .addHelpText('after', '\nExample:\n  keyway redis migrate cache --slots 0-99,205 --to s1 --execute')
    .action((cluster: string, flags: MigrateFlags) =>
      inRegistry(flags, async (registry) => {
        const topology = await slottedTopology(registry, flags.namespace, cluster);
        const moves = movesOfSlots(topology, flags.slots, flags.to);
        const name = { namespace: flags.namespace, cluster };
        await planned(registry, name, { steps: [], moves }, flags);
      }),
    );
}

function slotsOption(text: string): readonly SlotRange[] {
  const ranges = parseSlotRanges(text);
  if (typeof ranges === 'string') throw new InvalidArgumentError(`${ranges}.`);
  if (ranges.length === 0) throw new InvalidArgumentError('write slots such as 0-99,205.');
  return ranges;
}
