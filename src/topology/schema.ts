import { z } from 'zod';
import { placementKinds, placements } from '../placement/index.ts';
import { formatDuration } from '../runtime/quantity.ts';
import { duration } from '../yaml/index.ts';
import { NODE_ID } from './node-id.ts';
import { defaultWaves } from './topology.ts';
import { address, exactlyOne, identifier, reachableAddress } from './values.ts';

const kinds = Object.entries(placementKinds);

const placement = z
  .strictObject(
    Object.fromEntries(kinds.map(([name, { options, about }]) => [name, options.optional().describe(about)])),
  )
  .superRefine((choice, context) =>
    exactlyOne(
      choice,
      context,
      kinds.map(([name]) => name),
    ),
  )
  .describe('How keys are placed on shards: exactly one of these.');

/** The id of a node: a shard's primary, or a replica. */
export const nodeId = z
  .string()
  .regex(NODE_ID, 'write 40 letters and digits, as Redis and Kvrocks name nodes')
  .describe('The 40-character id of the node; by default made from the names of cluster and shard.');

const shardAt = (where: typeof address) =>
  z.strictObject({
    id: identifier.describe('The name of the shard, unique in its cluster.'),
    address: where.describe("The host:port where the shard's node listens; with several nodes, the primary."),
    nodeId: nodeId.optional(),
    replicas: z
      .array(z.strictObject({ id: nodeId, address: where }))
      .optional()
      .describe("The shard's other nodes, which follow the primary. Requests go to the primary."),
    hostname: z
      .string()
      .min(1)
      .optional()
      .describe("What is hashed with hashOn: hostname; the address's host by default."),
    weight: z.int().min(1).max(1_000_000).default(1).describe("The shard's part of the keys, relative to the others'."),
    slots: z.string().optional().describe('Slot ranges such as "0-5460 5500", for the slots placement.'),
  });

const shardsAt = (where: typeof address) =>
  z
    .array(shardAt(where))
    .min(1)
    .describe('The shards; ringHash depends on their order, as Envoy does on the order of its hosts.');

const PINNED = ['key', 'prefix'] as const;

const pin = z
  .strictObject({
    key: z.string().min(1).optional().describe('This key.'),
    prefix: z.string().min(1).optional().describe('All keys with this prefix; the longest matching prefix applies.'),
    shard: identifier,
  })
  .superRefine((value, context) => exactlyOne(value, context, PINNED));

const HASH_ON = ['address', 'id', 'hostname'] as const;

/** The fields that decide ownership. */
const fields = {
  placement,
  hashOn: z.enum(HASH_ON).describe("What is hashed for a shard. With id, changing a shard's address moves no key."),
  shards: shardsAt(reachableAddress),
  pins: z.array(pin).describe('Keys that are assigned to a shard by hand, whatever the placement says.'),
};

/** The same where a cluster may get them from elsewhere. */
export const optionalClusterFields = {
  placement: fields.placement.optional(),
  hashOn: fields.hashOn.optional(),
  shards: fields.shards.optional(),
  pins: fields.pins.optional(),
};

export const DEFAULT_PLACEMENT = { ringHash: placements.ringHash.options.parse({}) };

const LONGEST_FAILOVER_MS = 86_400_000;
const LONGEST_PAUSE_MS = 3_600_000;
const FAILOVER = 'What happens to a lost shard. Without this setting nothing does: its requests fail or wait.';

const after = duration({ most: LONGEST_FAILOVER_MS }).describe(
  'A shard whose node has been lost or unhealthy for this long is removed; its keys go to the other shards.',
);

const failover = z
  .strictObject({ after })
  .transform((written) => ({ afterMs: written.after }))
  .describe(FAILOVER);

/** Named by a topology whose keys are on their way in waves. */
export const WAVES = 'waves';

/**
 * What a topology may say that changes ownership, or when it changes, beyond what the first release knew. A release adds its features here, and
 * a writer of a topology that has one names it in `requires`, so that earlier releases refuse the topology rather than misread it.
 */
const FEATURES: readonly string[] = [WAVES];

const waves = z
  .strictObject({
    streams: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(defaultWaves.streams)
      .describe('About how many open streams move in one wave, of all routers together.'),
    pause: duration({ most: LONGEST_PAUSE_MS })
      .prefault(formatDuration(defaultWaves.pauseMs))
      .describe('The time between the end of a wave and the beginning of the next.'),
  })
  .transform(({ streams, pause }) => ({ streams, pauseMs: pause }))
  .describe('How a change that moves many streams is divided: keys move in waves, one after the other.');

const requires = z
  .array(
    z.string().refine((feature) => FEATURES.includes(feature), {
      error: ({ input }) =>
        `${JSON.stringify(input)} is not known to this release; a later one can serve this topology`,
    }),
  )
  .describe(
    'Features that a router must know to serve this topology; a release that does not know them keeps the previous version.',
  );

/** A topology as a document. */
export const topologySchema = z.strictObject({
  namespace: identifier.default('default'),
  cluster: identifier.describe('The name of the cluster.'),
  version: z.int().min(1).optional().describe('The version; by default the next one.'),
  placement: fields.placement.default(DEFAULT_PLACEMENT),
  hashOn: fields.hashOn.default('id'),
  shards: fields.shards,
  pins: fields.pins.default([]),
  consistency: z
    .enum(['strict', 'eventual'])
    .default('strict')
    .describe(
      'strict: keys are handed over, so that no router sends a request to a shard that has lost its key, and no two shards that ' +
        'refuse lost keys serve a key at once; eventual: each router switches when it learns of a version.',
    ),
  failover: failover.optional(),
  waves: waves.optional(),
  requires: requires.optional(),
});

/** How releases up to this one keep it in a registry, so that they can read one another's; the form of documents is read there too. */
const storedFailover = z
  .strictObject({ afterMs: z.int().min(0).max(LONGEST_FAILOVER_MS).optional(), after: after.optional() })
  .superRefine((value, context) => exactlyOne(value, context, ['afterMs', 'after']))
  .transform((stored) => ({ afterMs: stored.afterMs ?? (stored.after as number) }));

/** As a registry keeps it; the form of documents is read there too. */
const storedWaves = z.strictObject({ streams: z.int().min(1), pauseMs: z.number().min(0) });

/** Where keys are that have not moved yet. A shard that is the same in the topology itself stands there by its id alone. */
const storedPiece = z.strictObject({
  until: z.number().gt(0).lte(1),
  placement,
  hashOn: fields.hashOn,
  shards: z.array(z.union([identifier, shardAt(address)])).min(1),
  pins: fields.pins.default([]),
});

const storedMoving = z.strictObject({
  since: z.int().min(1),
  cursor: z.number().min(0).lt(1),
  rest: z.array(storedPiece).min(1),
});

/** A topology as a registry, or a disk, keeps it. Earlier releases took port 0 as an address. */
export const storedTopologySchema = topologySchema.extend({
  shards: shardsAt(address),
  failover: storedFailover.optional(),
  waves: z.union([storedWaves, waves]).optional(),
  moving: storedMoving.optional(),
});

/** What decides ownership, with defaults filled in. */
export type ClusterFields = { readonly [Field in keyof typeof fields]: z.output<(typeof fields)[Field]> };
