import { Command, Option } from 'commander';
import {
  evenMoves,
  levelMoves,
  type PlannedMove,
  type ShardLoad,
  type SlotWeights,
  weighSlots,
} from '../../../controller/index.ts';
import type { SlotTrafficReport } from '../../../proxy/index.ts';
import { secretIn } from '../../../runtime/named-file.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import type { Topology } from '../../../topology/index.ts';
import { type AdminFlags, askRouter, withAdminOptions } from '../../options/admin-option.ts';
import { integerOption } from '../../options/options.ts';
import { inRegistry } from '../../options/registry-option.ts';
import { listing } from '../../output/table.ts';
import { writeOut } from '../../output/terminal.ts';
import {
  type ExecuteFlags,
  type PaceFlag,
  slottedTopology,
  withExecuteOption,
  withLedCluster,
  withPaceOption,
} from './led-cluster-options.ts';
import { planned } from './planned.ts';

/** For a connection to a node, and for each of its answers. */
const NODE_MS = 5000;

interface RebalanceFlags extends ExecuteFlags, PaceFlag, Pick<AdminFlags, 'admin'> {
  readonly adminTokenFile?: string;
  readonly by: 'slots' | 'keys' | 'memory' | 'traffic';
  readonly threshold: number;
  readonly user: string;
  readonly passwordFile?: string;
  readonly for: number;
}

/** `keyway redis rebalance`: gives all shards equally many slots, or about equally much of something. */
export function rebalanceCommand(): Command {
  const command = withLedCluster(
    new Command('rebalance').description('give all shards equally many slots, or keys, memory or commands'),
  )
    .addOption(
      new Option('--by <what>', 'what they have equally much of')
        .choices(['slots', 'keys', 'memory', 'traffic'])
        .default('slots'),
    )
    .option('--threshold <percent>', 'by how much a shard may differ from the mean', integerOption(0, 100), 2)
    .option('--user <name>', 'the user as whom the nodes are asked, for keys and memory', 'default')
    .option('--password-file <file>', 'a file with the password of that user')
    .option('--for <seconds>', 'how long commands are counted for traffic, up to 30', integerOption(1, 30), 10);
  return withExecuteOption(withPaceOption(withAdminOptions(command, 'admin-token-file')))
    .addHelpText(
      'after',
      '\nExample:\n  keyway redis rebalance cache --execute\n  keyway redis rebalance cache --by memory\n  keyway redis rebalance cache --by traffic --admin 127.0.0.1:9902 --for 30',
    )
    .action((cluster: string, flags: RebalanceFlags) =>
      inRegistry(flags, async (registry) => {
        const { namespace } = flags;
        const topology = await slottedTopology(registry, namespace, cluster);
        const moves = flags.by === 'slots' ? evenMovesOf(topology) : await levelMovesOf(topology, flags);
        await planned(registry, { namespace, cluster }, { steps: [], moves }, flags);
      }),
    );
}

function evenMovesOf({ shards }: Topology): readonly PlannedMove[] {
  return evenMoves(shards, new Set(shards.map(({ id }) => id)));
}

async function levelMovesOf(topology: Topology, flags: RebalanceFlags): Promise<readonly PlannedMove[]> {
  const weights = await weightsOf(topology, flags);
  const { moves, loads } = levelMoves(topology.shards, weights, flags.threshold / 100);
  const unit = flags.by === 'memory' ? 'BYTES' : flags.by === 'traffic' ? 'COMMANDS' : 'KEYS';
  const columns = {
    SHARD: ({ id }: ShardLoad) => id,
    [unit]: ({ before }: ShardLoad) => Math.round(before),
    THEN: ({ after }: ShardLoad) => Math.round(after),
  };
  writeOut(`${listing(loads, columns, false)}\n`);
  return moves;
}

async function weightsOf(topology: Topology, flags: RebalanceFlags): Promise<SlotWeights> {
  const { by, user: username, passwordFile } = flags;
  if (by === 'traffic') return trafficOf(topology, flags);
  const login = passwordFile === undefined ? null : { username, password: secretIn(passwordFile) };
  return weighSlots(topology.shards, { by: by === 'memory' ? by : 'keys', login, timeoutMs: NODE_MS });
}

/** @throws UsageError where the router has counted nothing */
async function trafficOf({ name }: Topology, flags: RebalanceFlags): Promise<SlotWeights> {
  const { admin, adminTokenFile } = flags;
  const router = adminTokenFile === undefined ? { admin } : { admin, tokenFile: adminTokenFile };
  const { clusters } = (await askRouter(router, `/redis/slots?seconds=${flags.for}`)) as SlotTrafficReport;
  const found = clusters.find(({ cluster }) => cluster === name);
  if (found === undefined)
    throw new UsageError(`no command for a key of ${name} has come to the router within ${flags.for} s`);
  return new Map(found.slots.map(({ slot, commands }) => [slot, commands]));
}
