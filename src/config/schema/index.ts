import { z } from 'zod';
import { cluster } from './cluster.ts';
import { drain } from './drain.ts';
import { hold } from './hold.ts';
import { limits } from './limits.ts';
import { serverTls } from './listener.ts';
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
      }),
    )
    .min(1)
    .describe('Where clients connect: HTTP/1.1 and HTTP/2.'),
  admin: z
    .strictObject({
      address,
      tokenFile: file
        .optional()
        .describe(
          'A file with the bearer token that requests need, but for /healthz and /readyz; not only on loopback.',
        ),
      hosts: z
        .array(z.string().min(1))
        .default([])
        .describe('Names by which it is asked on loopback, besides localhost and its address: by a proxy, say.'),
    })
    .prefault({ address: '127.0.0.1:9901' })
    .describe('Where health, metrics and what is going on are served.'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('The least that is told.'),
    })
    .prefault({})
    .describe('JSON lines on standard error.'),
  accessLog: z
    .strictObject({
      path: file.default('-').describe('A file, which is appended to; - for standard output.'),
      sample: z.number().min(0).max(1).default(1).describe('The share of requests that are written.'),
      format: z
        .string()
        .min(1)
        .default('json')
        .describe('json, or a text with fields such as {method} {path} {status}.'),
    })
    .optional()
    .describe('A line for each request that has ended.'),
  tracing: z
    .strictObject({
      otlp: z.url().describe('Where OTLP is taken by HTTP, such as http://127.0.0.1:4318/v1/traces.'),
      sample: z
        .number()
        .min(0)
        .max(1)
        .default(0.01)
        .describe("The share of requests that get a span, of those whose caller's traceparent does not decide it."),
      serviceName: z.string().min(1).default('keyway'),
    })
    .optional()
    .describe('Spans by OpenTelemetry.'),
  workers: z.int().min(1).max(256).default(1).describe('Threads that route; one uses one core.'),
  trustedHops: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe("Proxies in front whose x-forwarded-* headers are believed. 0: clients', which are never believed."),
  requestIds: z
    .enum(['pass', 'missing', 'always'])
    .default('pass')
    .describe('x-request-id: left as it comes, made where it is missing, or made anew for every request.'),
  reloadOnChange: z
    .boolean()
    .default(true)
    .describe('Changes of this file, and of admin.tokenFile, are taken up while the router runs.'),
  drainTimeout: duration({ most: 3_600_000 })
    .prefault('30s')
    .describe('How long streams in flight may go on after SIGTERM.'),
  drain: drain.prefault({}),
  hold: hold.prefault({}),
  limits: limits.prefault({}),
  registry: registry.optional(),
  routes: z.array(route).min(1).describe('The first that matches counts.'),
  clusters: z.record(identifier, cluster).describe('Sets of shards, by name.'),
});

/** A config file as it stands, defaults filled in. */
export type ConfigFile = z.output<typeof configSchema>;

/** The JSON schema for editors. */
export function configJsonSchema(): object {
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
