import { z } from 'zod';
import { optionalClusterFields } from '../../topology/index.ts';
import { beginsWithSlash, count, duration, exactlyOne, file, identifier, reachableAddress } from './values.ts';

const clientTls = z
  .strictObject({
    authorities: file.optional().describe("A PEM file of the authorities that may sign the shards' certificates."),
    certificate: file.optional().describe('A PEM file of the certificate to present to shards.'),
    key: file.optional().describe("A PEM file with the certificate's key."),
    serverName: z.string().min(1).optional().describe("The name in the shards' certificates."),
  })
  .superRefine(({ certificate, key }, context) => {
    if ((certificate === undefined) !== (key === undefined)) context.addIssue('certificate and key go together');
  })
  .describe("TLS to the shards; an empty mapping trusts the system's authorities.");

const upstream = z
  .strictObject({
    tls: clientTls.optional(),
    protocol: z
      .enum(['http2', 'http1', 'auto', 'redis'])
      .default('http2')
      .describe('The protocol that the shards speak; auto asks each of them which HTTP.'),
    login: z
      .strictObject({
        username: z.string().min(1).default('default'),
        passwordFile: file.describe('A file with the password.'),
      })
      .optional()
      .describe('What the router tells Redis shards with AUTH.'),
  })
  .describe('How the router connects to the shards.');

const CHECKS = ['grpc', 'http', 'tcp'] as const;

const activeHealth = z
  .strictObject({
    grpc: z
      .strictObject({ service: z.string().max(127).default('') })
      .optional()
      .describe("gRPC's health protocol."),
    http: z.strictObject({ path: beginsWithSlash }).optional().describe('A GET that must be answered with 2xx.'),
    tcp: z.strictObject({}).optional().describe('Opens a connection, with TLS if it is on.'),
    interval: duration({ least: 1 }).prefault('5s'),
    timeout: duration({ least: 1 }).prefault('1s'),
    unhealthyAfter: count(1000).default(3).describe('Failures in a row that make a shard unhealthy.'),
    healthyAfter: count(1000).default(1).describe('Successes in a row that make a shard healthy again.'),
  })
  .superRefine((check, context) => exactlyOne(check, context, CHECKS))
  .describe('Each worker checks each shard: exactly one of grpc, http and tcp.');

const passiveHealth = z
  .strictObject({
    consecutiveFailures: z
      .int()
      .min(0)
      .max(100_000)
      .default(5)
      .describe('Failures in a row that eject a shard; 0: not checked.'),
    successRate: z
      .strictObject({
        minimumRequests: count(1_000_000).default(100).describe('Shards with fewer requests are left out.'),
        standardDeviations: z
          .number()
          .positive()
          .max(10)
          .default(1.9)
          .describe('How many standard deviations below the mean a success rate must be.'),
        interval: duration({ least: 1 }).prefault('10s'),
      })
      .optional()
      .describe("Ejects a shard whose success rate is far below the other shards'; needs three shards or more."),
    ejection: duration({ least: 1 })
      .prefault('30s')
      .describe('How long the first ejection lasts; the second lasts twice as long, and so on.'),
    maxEjection: duration({ least: 1 }).prefault('5m'),
  })
  .describe('Watches how requests end: lost connections, resets, 502, 503, 504, UNAVAILABLE.');

const health = z
  .strictObject({ active: activeHealth.optional(), passive: passiveHealth.optional() })
  .describe(
    'When a shard counts as unhealthy. Its requests then fail at once, or wait; they never go to another shard.',
  );

const shardLimits = z
  .strictObject({
    connections: count(65535).optional().describe('Connections of one worker to one shard.'),
    requests: count(1_000_000).optional().describe('Requests in flight from one worker to one shard.'),
    pending: z.int().min(0).max(1_000_000).optional().describe('Requests in one worker that may wait for one shard.'),
  })
  .describe('Limits on concurrent use of one shard. Beyond that: 503, UNAVAILABLE.');

const fromRegistry = z
  .strictObject({
    namespace: identifier.default('default'),
    cluster: identifier.optional().describe('Its name there; by default the same as here.'),
  })
  .describe('Takes the shards and their placement from the registry; they change while the router runs.');

const discover = z
  .strictObject({
    redis: z
      .array(reachableAddress)
      .min(1)
      .describe(
        'Some nodes of a Redis, Valkey or Kvrocks cluster. The router learns the others, and the slots, from these.',
      ),
    refresh: duration({ least: 100, most: 3_600_000 })
      .prefault('1s')
      .describe('How often some of the nodes are asked where the slots are.'),
  })
  .describe('Takes the shards and their slots from the servers themselves; they change while the router runs.');

const SOURCES = ['shards', 'fromRegistry', 'discover'] as const;

export const cluster = z
  .strictObject({
    health: health.default({}),
    limits: shardLimits.default({}),
    waitForOwner: duration().prefault('0s').describe('How long requests wait for a shard that is down or unhealthy.'),
    upstream: upstream.prefault({}),
    fromRegistry: fromRegistry.optional(),
    discover: discover.optional(),
    ...optionalClusterFields,
  })
  .superRefine((fields, context) => {
    exactlyOne(fields, context, SOURCES);
    if (fields.shards !== undefined) return;
    const { placement, hashOn, pins } = fields;
    const besides = Object.entries({ placement, hashOn, pins }).find(([, value]) => value !== undefined);
    if (besides === undefined) return;
    const whence = fields.fromRegistry === undefined ? 'servers' : 'registry';
    context.addIssue({ code: 'custom', path: [besides[0]], message: `comes from the ${whence} with the shards` });
  });
