import { z } from 'zod';
import { isPrime, MAXIMUM_RING_SIZE, MAXIMUM_TABLE_SIZE, nextPrime } from '../../placement/index.ts';
import { address, beginsWithSlash, count, duration, exactlyOne, file, identifier, positiveDuration } from './values.ts';

const ringHash = z
  .strictObject({
    minimumRingSize: z.int().min(1).max(MAXIMUM_RING_SIZE).default(1024).describe('Entries on the ring, at least.'),
    maximumRingSize: z.int().min(1).max(MAXIMUM_RING_SIZE).default(MAXIMUM_RING_SIZE).describe('Entries, at most.'),
    hashFunction: z
      .enum(['xxHash64', 'murmurHash2'])
      .default('xxHash64')
      .describe('What places the shards on the ring.'),
  })
  .superRefine((ring, context) => {
    if (ring.minimumRingSize > ring.maximumRingSize)
      context.addIssue({
        code: 'custom',
        path: ['minimumRingSize'],
        message: `${ring.minimumRingSize} is more than maximumRingSize, ${ring.maximumRingSize}`,
      });
  });

const maglev = z.strictObject({
  tableSize: z
    .int()
    .min(2)
    .max(MAXIMUM_TABLE_SIZE)
    .superRefine((size, context) => {
      if (!isPrime(size)) context.addIssue(`${size} is not a prime number; the next one is ${nextPrime(size)}`);
    })
    .default(65537)
    .describe('Slots of the table, a prime number; some hundred times the number of shards.'),
});

const PLACEMENTS = ['ringHash', 'maglev', 'fixedRing', 'ketama', 'slots'] as const;

const placementSchema = z
  .strictObject({
    ringHash: ringHash.optional().describe("Envoy's ring hash, bit for bit."),
    maglev: maglev.optional().describe("Envoy's Maglev, bit for bit."),
    fixedRing: z
      .strictObject({
        entriesPerWeight: z.int().min(1).max(65536).default(256).describe('Entries per unit of weight.'),
      })
      .optional()
      .describe('A ring on which a join moves the least share of keys.'),
    ketama: z.strictObject({}).optional().describe("memcached's ketama."),
    slots: z.strictObject({}).optional().describe("Redis Cluster's 16384 slots."),
  })
  .superRefine((placement, context) => exactlyOne(placement, context, PLACEMENTS))
  .describe('How keys are placed on shards: exactly one of these.');

const shard = z.strictObject({
  id: identifier.describe('The name of the shard, unique in its cluster.'),
  address: address.describe('Where its node listens, host:port.'),
  hostname: z
    .string()
    .min(1)
    .optional()
    .describe("What is hashed with hashOn: hostname; the address's host by default."),
  weight: z.int().min(1).max(1_000_000).default(1).describe("Its part of the keys, relative to the others'."),
  slots: z.string().optional().describe('Slot ranges such as "0-5460 5500", for placement slots.'),
});

const clientTls = z
  .strictObject({
    authorities: file.optional().describe("PEM file of the authorities that shards' certificates are of."),
    certificate: file.optional().describe('PEM file of the certificate to show to shards.'),
    key: file.optional().describe('PEM file of its key.'),
    serverName: z.string().min(1).optional().describe("The name in the shards' certificates."),
  })
  .superRefine(({ certificate, key }, context) => {
    if ((certificate === undefined) !== (key === undefined)) context.addIssue('certificate and key go together');
  })
  .describe('TLS to the shards; an empty mapping trusts the authorities of the system.');

const upstream = z
  .strictObject({
    tls: clientTls.optional(),
    protocol: z
      .enum(['http2', 'http1', 'auto'])
      .default('http2')
      .describe('What the shards speak; auto asks each of them.'),
  })
  .describe('How the shards are spoken to.');

const CHECKS = ['grpc', 'http', 'tcp'] as const;

const activeHealth = z
  .strictObject({
    grpc: z
      .strictObject({ service: z.string().max(127).default('') })
      .optional()
      .describe("gRPC's health protocol."),
    http: z.strictObject({ path: beginsWithSlash }).optional().describe('A GET that has to be answered by 2xx.'),
    tcp: z.strictObject({}).optional().describe('A connection that has to be made, with TLS where it is on.'),
    intervalMs: positiveDuration.default(5000),
    timeoutMs: positiveDuration.default(1000),
    unhealthyAfter: count(1000).default(3).describe('Failures in a row that make a shard sick.'),
    healthyAfter: count(1000).default(1).describe('Successes in a row that make it well.'),
  })
  .superRefine((check, context) => exactlyOne(check, context, CHECKS))
  .describe('Each worker asks each shard: exactly one of grpc, http and tcp.');

const passiveHealth = z
  .strictObject({
    consecutiveFailures: z.int().min(0).max(100_000).default(5).describe('Failures in a row; 0: not looked at.'),
    successRate: z
      .strictObject({
        minimumRequests: count(1_000_000).default(100).describe('Shards with fewer are left out.'),
        standardDeviations: z.number().positive().max(10).default(1.9).describe('How far below the mean is too far.'),
        intervalMs: positiveDuration.default(10_000),
      })
      .optional()
      .describe("A share of successes far below the other shards'; with three shards or more."),
    ejectionMs: positiveDuration.default(30_000).describe('The first time; the second time twice as long, and so on.'),
    maxEjectionMs: positiveDuration.default(300_000),
  })
  .describe('What becomes of requests tells: lost connections, resets, 502, 503, 504, UNAVAILABLE.');

const health = z
  .strictObject({ active: activeHealth.optional(), passive: passiveHealth.optional() })
  .describe('When a shard is sick. Its requests fail at once, or wait; they never go to another shard.');

const shardLimits = z
  .strictObject({
    connections: count(65535).optional().describe('Connections of one worker to one shard.'),
    requests: count(1_000_000).optional().describe('Requests in flight from one worker to one shard.'),
    pending: z.int().min(0).max(1_000_000).optional().describe('Requests of one worker that wait for one shard.'),
  })
  .describe('What one shard is asked of at once. Beyond it: 503, UNAVAILABLE.');

export const cluster = z.strictObject({
  health: health.default({}),
  limits: shardLimits.default({}),
  waitForOwnerMs: duration.default(0).describe('How long requests wait for a shard that is down or sick.'),
  placement: placementSchema.default({ ringHash: ringHash.parse({}) }),
  hashOn: z
    .enum(['address', 'id', 'hostname'])
    .default('address')
    .describe("What stands for a shard in the hash. With id, a shard's new address moves no key."),
  upstream: upstream.prefault({}),
  shards: z.array(shard).min(1).describe('In the order that ringHash takes them, as Envoy takes its hosts.'),
});
