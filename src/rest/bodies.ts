import { z } from 'zod';
import { ENGINE_NAMES } from '../controller/index.ts';
import { identifier, reachableAddress } from '../topology/index.ts';

/** As many nodes as a Redis cluster is made for. */
const MAX_NODES = 1000;

const nodes = z
  .array(reachableAddress)
  .min(1)
  .max(MAX_NODES)
  .refine((all) => new Set(all).size === all.length, 'an address stands twice');

const password = z
  .string()
  .default('')
  .describe(
    'Of the nodes. Nothing keeps it: it has to be the one in the config of the controller. It is required where that has one and does not name these nodes.',
  );

export const newNamespace = z.strictObject({ namespace: identifier });

export const newCluster = z.strictObject({
  name: identifier,
  nodes: nodes.describe('Addresses of empty nodes: of each shard first the master, then its slaves.'),
  replicas: z
    .int()
    .min(0)
    .max(MAX_NODES)
    .default(1)
    .describe('How many nodes a shard has, its master included; 0 is 1.'),
  password,
  engine: z
    .enum(ENGINE_NAMES)
    .optional()
    .describe('What the servers are; as the config of the controller has it by default.'),
});

export const importedCluster = z.strictObject({
  nodes: nodes.describe('Addresses of some nodes of the cluster.'),
  password,
  engine: newCluster.shape.engine,
});

export const newShard = z.strictObject({
  nodes: nodes.describe('Addresses of empty nodes: first the master, then its slaves.'),
  password,
  // kvctl sends it, and nothing reads it.
  name: z.string().optional().describe('Not used.'),
});

export const newNode = z.strictObject({
  addr: reachableAddress.describe('The address of an empty node.'),
  role: z.enum(['master', 'slave', '']).default('slave').describe('A shard has its master already.'),
  password,
});

export const migration = z.strictObject({
  target: z.int().min(0).describe('The number of the shard that the slots move to.'),
  slot: z
    .union([z.string().min(1).max(100_000), z.int()])
    .describe('A slot, or slots such as 0-99 or 0-99,205, of one shard or several.'),
  slot_only: z.boolean().default(false).describe('Only slots without keys move; one that has some is refused.'),
  // kvctl says it so, and as a text.
  slotOnly: z
    .union([z.boolean(), z.enum(['true', 'false'])])
    .optional()
    .describe('The same as slot_only.'),
});

export const failover = z.strictObject({
  preferred_node_id: z
    .string()
    .regex(/^(?:[0-9a-zA-Z]{40})?$/, 'write an id of 40 letters and digits')
    .default('')
    .describe('The slave that takes over; by default the one that has most of the data.'),
});

export const shownNode = z.object({
  id: z.string().describe('40 letters and digits.'),
  addr: z.string(),
  role: z.enum(['master', 'slave']),
  password: z.literal('').describe('Never shown.'),
  created_at: z.literal(0).describe('Not known.'),
});

export const shownShard = z.object({
  id: z.string().describe('Its name in the registry, which stays the same when shards before it leave.'),
  nodes: z.array(shownNode),
  slot_ranges: z.array(z.string()).describe('Such as 0-5460, or 5461.'),
  migrating_slot: z.string().nullable().describe('Slots that move away from it, one range of them; null: none.'),
  target_shard_index: z.int().describe('Where they move to; -1: no slot moves.'),
});

export const shownCluster = z.object({
  name: z.string(),
  version: z.int(),
  shards: z.array(shownShard),
});

export const nodeStatus = z.object({
  shard: z.int().describe('The number of its shard.'),
  id: z.string(),
  addr: z.string(),
  role: z.enum(['master', 'slave']),
  status: z.enum(['OK', 'Failed']).describe('Failed: it does not answer.'),
  git_sha1: z.string(),
  epoch: z.string(),
  connected: z.string().describe('Of a master how many slaves it has, of a slave whether it has its master.'),
  replication_offset: z.string(),
  clients: z.string(),
  operations_per_second: z.string(),
  memory: z.string(),
  disk: z.string(),
  input_kbps: z.string(),
  output_kbps: z.string(),
});
