import { z } from 'zod';
import { logSettings } from '../../yaml/index.ts';
import { cluster } from './cluster.ts';
import { drain } from './drain.ts';
import { hold } from './hold.ts';
import { limits } from './limits.ts';
import { redisListener, serverTls } from './listener.ts';
import { registry } from './registry.ts';
import { keySources, route } from './route.ts';
import { address, duration, file, identifier } from './values.ts';

export const configSchema = z.strictObject({
  listen: z
    .array(
      z.strictObject({
        address,
        tls: serverTls.optional(),
        proxyProtocol: z
          .boolean()
          .default(false)
          .describe('Every connection begins with a PROXY protocol header, version 2, of the load balancer in front.'),
        redis: redisListener.optional(),
      }),
    )
    .min(1)
    .describe('Where clients connect: HTTP/1.1 and HTTP/2, unless an address is for Redis.'),
  admin: z
    .strictObject({
      address,
      tokenFile: file
        .optional()
        .describe(
          'A file with the bearer token that requests need, except for /healthz and /readyz. Required if the address is not on loopback.',
        ),
      hosts: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'Host names that requests on loopback may use, besides localhost and the address itself; for a proxy, for example.',
        ),
    })
    .prefault({ address: '127.0.0.1:9901' })
    .describe('The address that serves health, metrics and current activity.'),
  log: logSettings,
  accessLog: z
    .strictObject({
      path: file.default('-').describe('A file to append to; - for standard output.'),
      sample: z.number().min(0).max(1).default(1).describe('The share of requests that are logged.'),
      format: z
        .string()
        .min(1)
        .default('json')
        .describe('json, or a text with fields such as {method} {path} {status}.'),
    })
    .optional()
    .describe('Writes a line for each request when it ends.'),
  tracing: z
    .strictObject({
      otlp: z.url().describe('The URL that accepts OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces.'),
      sample: z
        .number()
        .min(0)
        .max(1)
        .default(0.01)
        .describe(
          "The share of requests that get a span, among those for which the caller's traceparent does not decide.",
        ),
      serviceName: z.string().min(1).default('keyway'),
    })
    .optional()
    .describe('Sends OpenTelemetry spans.'),
  workers: z.int().min(1).max(256).default(1).describe('The number of routing threads; each uses up to one core.'),
  trustedHops: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe(
      'The number of proxies in front whose x-forwarded-* headers are trusted. 0: no proxy; headers from clients are never trusted.',
    ),
  requestIds: z
    .enum(['pass', 'missing', 'always'])
    .default('pass')
    .describe('x-request-id: passed as it comes, generated if it is missing, or generated for every request.'),
  reloadOnChange: z
    .boolean()
    .default(true)
    .describe('Applies changes to this file, and to admin.tokenFile, while the router runs.'),
  drainTimeout: duration({ most: 3_600_000 })
    .prefault('30s')
    .describe('How long streams in flight may continue after SIGTERM.'),
  drain: drain.prefault({}),
  hold: hold.prefault({}),
  limits: limits.prefault({}),
  registry: registry.optional(),
  routes: z
    .array(route)
    .default([])
    .describe('The routes; the first match applies. At least one, unless all addresses are for Redis.'),
  clusters: z.record(identifier, cluster).describe('The clusters, which are sets of shards, by name.'),
});

/** A config file as it stands, defaults filled in. */
export type ConfigFile = z.output<typeof configSchema>;

let made: object | undefined;

/**
 * The JSON schema for editors. It is made once and never changed: making it is a tenth of what a router takes to start.
 */
export function configJsonSchema(): object {
  made ??= makeJsonSchema();
  return made;
}

function makeJsonSchema(): object {
  return z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema !== keySources) return;
      const { type, items, minItems } = jsonSchema;
      delete jsonSchema.type;
      delete jsonSchema.items;
      delete jsonSchema.minItems;
      const item = items as typeof jsonSchema;
      jsonSchema.anyOf = [item, { type: type as 'array', items: item, minItems: minItems ?? 1 }];
    },
  });
}
