import { Command } from 'commander';
import { processName } from '../../app/process-name.ts';
import { removeDead } from '../../handoff/index.ts';
import { machineClock } from '../../runtime/machine-clock.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import {
  checkTopology,
  type Shard,
  type Topology,
  type TopologyDraft,
  topologyDocument,
} from '../../topology/index.ts';
import { changed } from '../change-topology.ts';
import { type ClusterFlags, currentTopology, namedCluster, withClusterOptions } from '../options/named-cluster.ts';
import { integerOption, nameOption, reachableTextOption } from '../options/options.ts';
import { inRegistry } from '../options/registry-option.ts';
import { writeOut } from '../output/terminal.ts';

const HEAVIEST = 1_000_000;

/** `keyway shard`: changes of a cluster, each of which is a new version of its topology. */
export function shardCommand(): Command {
  const command = new Command('shard')
    .description('add and remove the shards of a cluster, and change their weights')
    .addHelpText(
      'after',
      '\nExample:\n  keyway shard add s3 10.0.0.4:9101\n  keyway shard weight s3 2\n  keyway shard remove s3',
    );
  withClusterOptions(
    command
      .command('add')
      .description('add a shard')
      .addHelpText('after', '\nExample:\n  keyway shard add s3 10.0.0.4:9101 --weight 2')
      .argument('<id>', '', nameOption)
      .argument('<address>', 'host:port', reachableTextOption)
      .option('--weight <number>', 'its share of the keys, relative to the others', integerOption(1, HEAVIEST), 1),
  ).action((id: string, address: string, flags: ClusterFlags & { weight: number }) =>
    change(flags, `shard ${id} is added`, (shards) => {
      const other = shards.find((shard) => shard.id === id);
      if (other !== undefined)
        throw new UsageError(`the shard ${id} exists already, at ${other.address}, with weight ${other.weight}`);
      return [...shards, { id, address, weight: flags.weight }];
    }),
  );
  withClusterOptions(
    command
      .command('remove')
      .description('remove a shard')
      .addHelpText('after', '\nExample:\n  keyway shard remove s3')
      .argument('<id>', '', nameOption)
      .option('--dead', 'it is known to be dead: nothing waits for it to give up its keys'),
  ).action((id: string, flags: ClusterFlags & { dead?: true }) =>
    change({ ...flags, ...(flags.dead && { lost: id }) }, `shard ${id} is removed`, (shards) => {
      found(shards, id);
      return shards.filter((shard) => shard.id !== id);
    }),
  );
  withClusterOptions(
    command
      .command('weight')
      .description('change the weight of a shard')
      .addHelpText('after', '\nExample:\n  keyway shard weight s3 2')
      .argument('<id>', '', nameOption)
      .argument('<weight>', 'a whole number', integerOption(1, HEAVIEST)),
  ).action((id: string, weight: number, flags: ClusterFlags) =>
    change(flags, `shard ${id} has a new weight`, (shards) => {
      found(shards, id);
      return shards.map((shard) => (shard.id === id ? { ...shard, weight } : shard));
    }),
  );
  return command;
}

function found(shards: readonly Shard[], id: string): void {
  if (!shards.some((shard) => shard.id === id))
    throw new UsageError(`there is no shard ${id}; there are ${shards.map((shard) => shard.id).join(', ')}`);
}

/**
 * Commits what becomes of the shards. Where the topology was changed in between, nothing is done, and that is reported.
 * @param flags `lost`: a shard that is removed because it is dead
 */
async function change(
  flags: ClusterFlags & { lost?: string },
  reason: string,
  edit: (shards: readonly Shard[]) => readonly Shard[],
): Promise<void> {
  await inRegistry(flags, async (registry) => {
    const { lost } = flags;
    const name = await namedCluster(registry, flags);
    const who = { candidate: processName(), clock: machineClock };
    let version = lost === undefined ? null : await removeDead(registry, name, lost, who);
    if (version === null) {
      const topology = await currentTopology(registry, flags);
      const draft = checked({ ...topology, shards: edit(topology.shards) });
      version = (await changed(registry, draft, { expected: topology.version, lost }, reason)).version;
    }
    writeOut(`${name.cluster} is at version ${version}\n`);
  });
}

/** As whole as a document has to be. @throws DocumentError */
function checked(topology: Topology): TopologyDraft {
  return checkTopology(topologyDocument({ ...topology, version: null }), 'the changed topology');
}
