import { setTimeout } from 'node:timers/promises';
import { Command } from 'commander';
import { StoredOrder } from '../../../controller/index.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { nameOption } from '../../options/options.ts';
import { inRegistry } from '../../options/registry-option.ts';
import { writeOut } from '../../output/terminal.ts';
import { type LedClusterFlags, slottedTopology, withLedCluster } from './led-cluster-options.ts';

const LOOK_MS = 200;
/** A controller that has died is replaced within its lease, which is 10 s by default. */
const LONGEST_LOOKS = 300;
/** What has not been begun by then is not begun. */
const LONGEST_MS = LONGEST_LOOKS * LOOK_MS;

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
        const orders = new StoredOrder(registry, { namespace, cluster });
        const { id } = await orders.give(shard, flags.to ?? null, Date.now() + LONGEST_MS);
        for (let look = 0; look < LONGEST_LOOKS; look++) {
          const order = await orders.read();
          if (order?.id !== id) throw new Error('another failover has been asked for meanwhile');
          if (order.outcome?.isDone === true) {
            writeOut(`${order.outcome.text}\n`);
            return;
          }
          if (order.outcome !== null) throw new Error(order.outcome.text);
          await setTimeout(LOOK_MS);
        }
        throw new Error(`no controller has answered; does keyway controller lead ${cluster}?`);
      }),
    );
}
