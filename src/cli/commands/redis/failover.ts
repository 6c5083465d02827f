import { Command } from 'commander';
import { orderFailover } from '../../../controller/index.ts';
import { machine } from '../../../runtime/machine-clock.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { nameOption } from '../../options/options.ts';
import { inRegistry } from '../../options/registry-option.ts';
import { writeOut } from '../../output/terminal.ts';
import { type LedClusterFlags, slottedTopology, withLedCluster } from './led-cluster-options.ts';

interface FailoverFlags extends LedClusterFlags {
  readonly to?: string;
}

/** `keyway redis failover`: has a replica take over from a primary that is well. */
export function failoverCommand(): Command {
  return withLedCluster(new Command('failover').description('have a replica take over from a primary that is well'))
    .argument('<shard>', 'the shard', nameOption)
    .option('--to <node>', 'the id or address of the replica; by default the one that has most of the data')
    .addHelpText('after', '\nExample:\n  keyway redis failover cache s0 --to 10.0.1.1:7000')
    .action((cluster: string, shard: string, flags: FailoverFlags) =>
      inRegistry(flags, async (registry) => {
        const { namespace } = flags;
        const { shards } = await slottedTopology(registry, namespace, cluster);
        if (!shards.some(({ id }) => id === shard))
          throw new UsageError(`there is no shard ${shard}; there are ${shards.map(({ id }) => id).join(', ')}`);
        const name = { namespace, cluster };
        const { timeOfDayMs } = machine;
        const never = new AbortController().signal;
        const { outcome } = await orderFailover(registry, name, shard, flags.to ?? null, timeOfDayMs, never);
        writeOut(`${outcome.text}\n`);
      }),
    );
}
