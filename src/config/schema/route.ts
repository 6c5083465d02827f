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
  .describe('What happens to a request without a key: reject, or the key that it gets.');

const KEY_SOURCES = ['header', 'value', 'path', 'query', 'cookie', 'clientAddress'] as const;

const keySource = z
  .strictObject({
    header: headerName.optional().describe('The header that holds the key.'),
    value: z.string().min(1).optional().describe('One key for all requests.'),
    path: pattern.optional().describe('A pattern for the path without its query.'),
    query: z.string().min(1).optional().describe('A query parameter as it is encoded, which is what Envoy hashes.'),
    decoded: z
      .literal(true)
      .optional()
      .describe('For a query: the key is the decoded parameter, so that %2F and / are the same.'),
    cookie: z.string().min(1).optional().describe('A cookie.'),
    clientAddress: z.literal(true).optional().describe("The client's address."),
    pattern: pattern
      .optional()
      .describe('For a header, parameter or cookie: the first group, or else the whole match, is the key.'),
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

// One source may stand without the list. (A union would report a fault in either form, and its place in neither.)
const shardKey = z
  .preprocess((given) => (Array.isArray(given) ? given : [given]), keySources)
  .describe('Where the key comes from; the first source with a key applies. A request without a key is refused.');

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
    prefix: beginsWithSlash.optional().describe('The prefix of the path.'),
    path: beginsWithSlash.optional().describe('The path, without its query.'),
    regex: pattern.optional().describe('A regular expression for the path without its query, in RE2 syntax.'),
    hosts: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Host names without a port; *.example.com for all subdomains.'),
    methods: z.array(method).min(1).optional().describe('HTTP methods.'),
    headers: z.record(headerName, headerMatch).optional().describe('Headers that must match, by name.'),
  })
  .superRefine((given, context) => exactlyOne(given, context, PATH_MATCHES))
  .describe('Which requests match: exactly one of prefix, path and regex, together with any other conditions.');

/** What HTTP/2 or the router itself decides on (RFC 9113, 8.2.2). */
const RESERVED_HEADER =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade|te|content-length|host|x-keyway-.*)$/i;

/** Whether a header may not be set, added or removed by a rule. */
export function isReservedHeader(name: string): boolean {
  return name.startsWith(':') || RESERVED_HEADER.test(name);
}

const changedHeader = headerName.superRefine((name, context) => {
  if (isReservedHeader(name)) context.addIssue(`${name} cannot be changed by a rule`);
});

const headerValue = z
  .string()
  .regex(/^[^\p{Cc}]*$/u, 'has a control character')
  .refine((text) => text.trim() === text, {
    error: 'begins or ends with a space',
  });

const headerRules = z
  .strictObject({
    remove: z.array(changedHeader).optional().describe('Names of headers to remove.'),
    set: z.record(changedHeader, headerValue).optional().describe('Headers to set, replacing existing ones.'),
    add: z.record(changedHeader, headerValue).optional().describe('Headers to add to existing ones.'),
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
      .describe('Origins that may call; {regex: .*} for all. The answer names the requesting origin.'),
    allowMethods: z.array(method).default([]).describe('Methods that pages may use.'),
    allowHeaders: z.array(headerName).default([]).describe('Headers that pages may send.'),
    exposeHeaders: z.array(headerName).default([]).describe('Headers of answers that pages may read.'),
    maxAge: duration({ most: 86_400_000 })
      .optional()
      .describe('How long a browser may cache the answer to a preflight request.'),
    allowCredentials: z.boolean().default(false).describe('Whether pages may send cookies.'),
  })
  .describe(
    "Which pages of other origins may call, with the same fields as Istio's corsPolicy. The router answers preflight requests.",
  );

const retries = z
  .strictObject({
    attempts: z
      .int()
      .min(0)
      .max(10)
      .default(1)
      .describe('How many times a request is sent again, always to the same shard.'),
    idempotent: z
      .boolean()
      .default(false)
      .describe(
        'Also repeats requests that may have been processed: after a lost connection, 502, 503, 504 or UNAVAILABLE.',
      ),
  })
  .describe('When a request is sent again. Each shard has a budget for retries: one for every five requests.');

const rateLimit = z
  .strictObject({
    by: z.enum(['client', 'key']).describe('Whether requests are counted by client or by key.'),
    perSecond: z.number().positive().max(1_000_000).describe('How many requests are allowed per second.'),
    burst: count(1_000_000).describe('How many requests may come at once.'),
  })
  .describe(
    'Limits requests from one client address, or for one key, in each worker. Beyond that: 429, RESOURCE_EXHAUSTED.',
  );

const fieldNumbers = z.array(z.int().min(1).max(536_870_911)).min(1);
const memberNames = z.array(z.string().min(1)).min(1);

const resume = z
  .strictObject({
    protobuf: z
      .strictObject({
        seen: fieldNumbers.describe(
          'Numbers of fields, from an answer down to the value from which it can be resumed.',
        ),
        into: fieldNumbers.describe('Numbers of fields in the request, down to the one that receives the value.'),
        absent: z.int().min(0).optional().describe('The value that a missing field stands for, such as 0.'),
      })
      .optional(),
    json: z
      .strictObject({
        seen: memberNames.describe('Names of members, from an answer down to the value from which it can be resumed.'),
        into: memberNames.describe('Names of members in the request, down to the one that receives the value.'),
      })
      .optional(),
    header: z
      .strictObject({
        seen: headerName.describe("A header of the shard's answer."),
        into: headerName.describe('The request header that receives the value.'),
      })
      .optional(),
  })
  .superRefine((rule, context) => exactlyOne(rule, context, ['protobuf', 'json', 'header']))
  .describe('Where a replayed watch resumes: the last value seen in its answers goes into the new request.');

const onMove = z
  .strictObject({
    how: z
      .enum(['goaway', 'end', 'replay'])
      .default('goaway')
      .describe(
        'goaway: over HTTP/2 the client is also asked to open a new connection; end: the stream ends, nothing more; ' +
          'replay: the stream stays, and the router makes the call, which has one request message, again at the new owner.',
      ),
    resume: resume.optional(),
    status: z
      .enum(['unavailable', 'ok'])
      .default('unavailable')
      .describe('The status that ends the stream; ok for clients that reconnect when a stream ends normally.'),
    message: z.string().min(1).max(1000).optional().describe('Replaces the message that names the versions.'),
  })
  .describe('How a stream ends when its key has moved to another shard.');

export const route = z.strictObject({
  name: identifier.optional().describe('The name in metrics and logs; by default, what the route matches.'),
  match,
  cluster: identifier.describe("The cluster that the route's requests go to."),
  shardKey: shardKey.default([{ header: 'x-shard-key' }]),
  timeout: duration({ least: 1, most: 86_400_000 })
    .optional()
    .describe('The time limit for a request, from its beginning to the end of its answer.'),
  missing: missing.default('reject'),
  idleStream: duration({ least: 1 })
    .optional()
    .describe('The time limit for a stream on which nothing moves in either direction.'),
  maxRequestSize: size().optional().describe("The maximum size of a request's content."),
  retries: retries.prefault({}),
  rateLimit: rateLimit.optional(),
  cors: cors.optional(),
  watch: z
    .array(beginsWithSlash)
    .optional()
    .describe(
      'Paths of calls that stay open, with * for anything. Other calls count as watches once they have been open for drain.longLivedAfter.',
    ),
  onMove: onMove.prefault({}),
  grpcWeb: z
    .enum(['pass', 'translate'])
    .default('pass')
    .describe('Passes gRPC-Web to shards unchanged, or translates it to gRPC for shards that speak only gRPC.'),
  headers: z
    .strictObject({
      request: headerRules.optional().describe('Changes to headers on the way to the shard.'),
      response: headerRules.optional().describe('Changes to headers on the way to the client.'),
    })
    .default({}),
});
