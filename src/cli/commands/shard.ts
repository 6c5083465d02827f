import { Command } from 'commander';
import type { Registry } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import {
  checkTopology,
  type Shard,
  type Topology,
  type TopologyDraft,
  topologyDocument,
  withoutShards,
} from '../../topology/index.ts';
import { type ChangeFlags, changed, removedDead } from '../change-topology.ts';
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
    flags.dead === true
      ? removeAsDead(id, flags)
      : change(flags, removal(id), (shards) => {
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

function removal(id: string): string {
  return `shard ${id} is removed`;
}

function found(shards: readonly Shard[], id: string): void {
  if (!shards.some((shard) => shard.id === id))
    throw new UsageError(`there is no shard ${id}; there are ${shards.map((shard) => shard.id).join(', ')}`);
}

/** Commits what becomes of the shards. Where the topology was changed in between, nothing is done, and that is reported. */
function change(
  flags: ClusterFlags,
  reason: string,
  edit: (shards: readonly Shard[]) => readonly Shard[],
): Promise<void> {
  return inRegistry(flags, async (registry) => {
    const topology = await currentTopology(registry, flags);
    await commit(registry, topology, { ...topology, shards: edit(topology.shards) }, {}, reason);
  });
}

/** What was the shard's goes to the others, its pins and slots too. */
function removeAsDead(id: string, flags: ClusterFlags): Promise<void> {
  return inRegistry(flags, async (registry) => {
    const name = await namedCluster(registry, flags);
    const version = await removedDead(registry, name, id);
    if (version !== null) {
      writeOut(`${name.cluster} is at version ${version}\n`);
      return;
    }
    const topology = await currentTopology(registry, flags);
    found(topology.shards, id);
    const left = withoutShards(topology, (shard) => shard.id === id);
    await commit(registry, topology, left, { lost: [id] }, removal(id));
  });
}

async function commit(
  registry: Registry,
  { version: expected, name }: Topology,
  next: Topology,
  flags: ChangeFlags,
  reason: string,
): Promise<void> {
  const { version } = await changed(registry, checked(next), { ...flags, expected }, reason);
  writeOut(`${name} is at version ${version}\n`);
}

/** As whole as a document has to be. @throws DocumentError */
function checked(topology: Topology): TopologyDraft {
  return checkTopology(topologyDocument({ ...topology, version: null }), 'the changed topology');
}
