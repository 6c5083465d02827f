import { z } from 'zod';
import {
  beginsWithSlash,
  count,
  duration,
  exactlyOne,
  headerName,
  identifier,
  method,
  pattern,
  size,
} from './values.ts';

const missing = z
  .union([z.literal('reject'), z.strictObject({ value: z.string().min(1) })])
  .describe('What becomes of a request without a key: reject, or the key that it gets.');

const KEY_SOURCES = ['header', 'value', 'path', 'query', 'cookie', 'clientAddress'] as const;

const keySource = z
  .strictObject({
    header: headerName.optional().describe('The header that holds the key.'),
    value: z.string().min(1).optional().describe('One key for all.'),
    path: pattern.optional().describe('A pattern of the path, without its query.'),
    query: z
      .string()
      .min(1)
      .optional()
      .describe('A parameter of the query, as it is encoded, which is what Envoy hashes.'),
    decoded: z
      .literal(true)
      .optional()
      .describe('Of a query: the key is what the parameter stands for, %2F and / the same.'),
    cookie: z.string().min(1).optional().describe('A cookie.'),
    clientAddress: z.literal(true).optional().describe("The client's address."),
    pattern: pattern
      .optional()
      .describe('Of a header, parameter or cookie: the first group, or the match, is the key.'),
    missing: missing.optional(),
  })
  .superRefine((source, context) => {
    exactlyOne(source, context, KEY_SOURCES);
    if (source.pattern !== undefined && (source.header ?? source.query ?? source.cookie) === undefined)
      context.addIssue('a pattern goes with header, query or cookie');
    if (source.decoded !== undefined && source.query === undefined) context.addIssue('decoded goes with query');
  })
  .describe('Where the key comes from: exactly one of these.');

export const keySources = z.array(keySource).min(1);

// One source may stand without the list. (A union would tell of a fault in either form, and of its place in neither.)
const shardKey = z
  .preprocess((given) => (Array.isArray(given) ? given : [given]), keySources)
  .describe('Where the key comes from; of several the first that has one. Without a key a request is refused.');

const PATH_MATCHES = ['prefix', 'path', 'regex'] as const;

const headerMatch = z
  .strictObject({
    exact: z.string().optional(),
    prefix: z.string().min(1).optional(),
    regex: pattern.optional(),
    present: z.boolean().optional(),
  })
  .superRefine((match, context) => exactlyOne(match, context, ['exact', 'prefix', 'regex', 'present']));

const match = z
  .strictObject({
    prefix: beginsWithSlash.optional().describe('What the path begins with.'),
    path: beginsWithSlash.optional().describe('The path, without its query.'),
    regex: pattern.optional().describe('What the path, without its query, matches; RE2 syntax.'),
    hosts: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Host names, without a port; *.example.com for all below.'),
    methods: z.array(method).min(1).optional().describe('HTTP methods.'),
    headers: z.record(headerName, headerMatch).optional().describe('Headers that have to match, by name.'),
  })
  .superRefine((given, context) => exactlyOne(given, context, PATH_MATCHES))
  .describe('Which requests: exactly one of prefix, path and regex, and whatever else is given.');

/** What HTTP/2 or the router itself decides on (RFC 9113, 8.2.2). */
const UNTOUCHABLE =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade|te|content-length|host|x-keyway-.*)$/i;

/** Whether a header may not be set, added or removed by a rule. */
export function isUntouchable(name: string): boolean {
  return name.startsWith(':') || UNTOUCHABLE.test(name);
}

const changedHeader = headerName.superRefine((name, context) => {
  if (isUntouchable(name)) context.addIssue(`${name} is not a rule's to change`);
});

const headerValue = z
  .string()
  .regex(/^[^\p{Cc}]*$/u, 'has a control character')
  .refine((text) => text.trim() === text, {
    error: 'begins or ends with a space',
  });

const headerRules = z
  .strictObject({
    remove: z.array(changedHeader).optional().describe('Names of headers to take out.'),
    set: z.record(changedHeader, headerValue).optional().describe('Headers to set, whatever stood there.'),
    add: z.record(changedHeader, headerValue).optional().describe('Headers to add to those that there are.'),
  })
  .describe('What is done to headers.');

const originMatch = z
  .strictObject({
    exact: z.string().min(1).optional(),
    prefix: z.string().min(1).optional(),
    regex: pattern.optional(),
  })
  .superRefine((given, context) => exactlyOne(given, context, ['exact', 'prefix', 'regex']));

const cors = z
  .strictObject({
    allowOrigins: z
      .array(originMatch)
      .min(1)
      .describe('Origins that may call; {regex: .*} for all. The answer names the one that asked.'),
    allowMethods: z.array(method).default([]).describe('Methods that they may use.'),
    allowHeaders: z.array(headerName).default([]).describe('Headers that they may send.'),
    exposeHeaders: z.array(headerName).default([]).describe('Headers of answers that they may read.'),
    maxAge: duration({ most: 86_400_000 }).optional().describe("How long a browser may keep a preflight's answer."),
    allowCredentials: z.boolean().default(false).describe('Whether cookies may be sent.'),
  })
  .describe("Which pages of other origins may call, as Istio's corsPolicy has it. Preflights are answered here.");

const retries = z
  .strictObject({
    attempts: z.int().min(0).max(10).default(1).describe('How often a request is sent again, always to its shard.'),
    idempotent: z
      .boolean()
      .default(false)
      .describe('Repeat also what may have been processed: after a lost connection, 502, 503, 504 or UNAVAILABLE.'),
  })
  .describe('When a request is sent again. A shard has a budget for it: one for five requests.');

const rateLimit = z
  .strictObject({
    by: z.enum(['client', 'key']).describe('Whose requests are counted.'),
    perSecond: z.number().positive().max(1_000_000).describe('Requests that a second earns.'),
    burst: count(1_000_000).describe('Requests that may come at once.'),
  })
  .describe('Requests of one client address, or for one key, in each worker. Beyond it: 429, RESOURCE_EXHAUSTED.');

const fieldNumbers = z.array(z.int().min(1).max(536_870_911)).min(1);
const memberNames = z.array(z.string().min(1)).min(1);

const resume = z
  .strictObject({
    protobuf: z
      .strictObject({
        seen: fieldNumbers.describe('Numbers of fields, from an answer down to what it can be resumed from.'),
        into: fieldNumbers.describe('The same in the request.'),
        absent: z.int().min(0).optional().describe('What it means that the field is left out, such as 0.'),
      })
      .optional(),
    json: z
      .strictObject({
        seen: memberNames.describe('Names of members, from an answer down to what it can be resumed from.'),
        into: memberNames.describe('The same in the request.'),
      })
      .optional(),
    header: z
      .strictObject({
        seen: headerName.describe("A header of the shard's answer."),
        into: headerName.describe('The header of the request that takes it.'),
      })
      .optional(),
  })
  .superRefine((rule, context) => exactlyOne(rule, context, ['protobuf', 'json', 'header']))
  .describe('Where a watch goes on that is made anew: the last value seen in its answers goes into the new request.');

const onMove = z
  .strictObject({
    how: z
      .enum(['goaway', 'end', 'replay'])
      .default('goaway')
      .describe(
        'goaway: over HTTP/2 the client is told to make a new connection too; end: the stream ends, and no more; ' +
          'replay: the stream stays, and the call, of one request message, is made anew at the new owner.',
      ),
    resume: resume.optional(),
    status: z
      .enum(['unavailable', 'ok'])
      .default('unavailable')
      .describe('What the stream ends with; ok for clients that take the end for "come again".'),
    message: z.string().min(1).max(1000).optional().describe('In place of one that names the versions.'),
  })
  .describe('How a stream ends whose key has moved to another shard.');

export const route = z.strictObject({
  name: identifier.optional().describe('For metrics and logs; what it matches where it has none.'),
  match,
  cluster: identifier.describe('The cluster that its requests go to.'),
  shardKey: shardKey.default([{ header: 'x-shard-key' }]),
  timeout: duration({ least: 1, most: 86_400_000 })
    .optional()
    .describe('Time for a request, from its beginning to the end of its answer.'),
  missing: missing.default('reject'),
  idleStream: duration({ least: 1 }).optional().describe('Time for a stream on which nothing moves, either way.'),
  maxRequestSize: size().optional().describe("Size of a request's content."),
  retries: retries.prefault({}),
  rateLimit: rateLimit.optional(),
  cors: cors.optional(),
  watch: z
    .array(beginsWithSlash)
    .optional()
    .describe(
      'Paths of calls that stay open, * for anything; others are such once they are open for drain.longLivedAfter.',
    ),
  onMove: onMove.prefault({}),
  grpcWeb: z
    .enum(['pass', 'translate'])
    .default('pass')
    .describe('gRPC-Web goes to shards as it is, or as gRPC, for those that speak no other.'),
  headers: z
    .strictObject({
      request: headerRules.optional().describe('On the way to the shard.'),
      response: headerRules.optional().describe('On the way to the client.'),
    })
    .default({}),
});
