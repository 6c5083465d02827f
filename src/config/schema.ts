import { z } from 'zod';
import { defaultLimits } from '../http2/index.ts';
import { isPrime, MAXIMUM_RING_SIZE, MAXIMUM_TABLE_SIZE, nextPrime } from '../placement/index.ts';
import { defaultRouterLimits, patternFault } from '../router/index.ts';

/** `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets. */
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):([0-9]{1,5})$/;

const address = z.string().superRefine((text, context) => {
  const port = ADDRESS.exec(text)?.[2];
  if (port === undefined) context.addIssue(`"${text}" is no address; write host:port, such as 127.0.0.1:8080`);
  else if (Number(port) > 65535) context.addIssue(`port ${port} is beyond the last one, 65535`);
});

const identifier = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'write a name of letters, digits, ".", "_" and "-", at most 63 long');

const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'is no name of a header');

/** Of several alternatives, each a field, exactly one has to be there. */
function exactlyOne(
  value: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
  names: readonly string[],
): void {
  const given = names.filter((name) => value[name] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
    context.addIssue(`give exactly one of ${names.join(', ')}; ${found}`);
  }
}

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

const file = z.string().min(1);

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

const serverTls = z
  .strictObject({
    certificates: z
      .array(z.strictObject({ certificate: file, key: file }))
      .min(1)
      .describe('PEM files; the one that has the name that the client asks for is shown, else the first.'),
    clientAuthorities: file
      .optional()
      .describe('PEM file of authorities. With it every client has to show a certificate of theirs.'),
    minimumVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
  })
  .describe('TLS for clients. Files that change are read again; open connections go on.');

const upstream = z
  .strictObject({
    tls: clientTls.optional(),
    protocol: z
      .enum(['http2', 'http1', 'auto'])
      .default('http2')
      .describe('What the shards speak; auto asks each of them.'),
  })
  .describe('How the shards are spoken to.');

const cluster = z.strictObject({
  placement: placementSchema.default({ ringHash: ringHash.parse({}) }),
  hashOn: z
    .enum(['address', 'id', 'hostname'])
    .default('address')
    .describe("What stands for a shard in the hash. With id, a shard's new address moves no key."),
  upstream: upstream.prefault({}),
  shards: z.array(shard).min(1).describe('In the order that ringHash takes them, as Envoy takes its hosts.'),
});

const pattern = z.string().superRefine((text, context) => {
  const fault = patternFault(text);
  if (fault !== null) context.addIssue(`is no regular expression of RE2: ${fault}`);
});

const KEY_SOURCES = ['header', 'value', 'path', 'query', 'cookie', 'clientAddress'] as const;

const keySource = z
  .strictObject({
    header: headerName.optional().describe('The header that holds the key.'),
    value: z.string().min(1).optional().describe('One key for all.'),
    path: pattern.optional().describe('A pattern of the path, without its query.'),
    query: z.string().min(1).optional().describe('A parameter of the query.'),
    cookie: z.string().min(1).optional().describe('A cookie.'),
    clientAddress: z.literal(true).optional().describe("The client's address."),
    pattern: pattern
      .optional()
      .describe('Of a header, parameter or cookie: the first group, or the match, is the key.'),
  })
  .superRefine((source, context) => {
    exactlyOne(source, context, KEY_SOURCES);
    if (source.pattern !== undefined && (source.header ?? source.query ?? source.cookie) === undefined)
      context.addIssue('a pattern goes with header, query or cookie');
  })
  .describe('Where the key comes from: exactly one of these.');

const keySources = z.array(keySource).min(1);

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

const beginsWithSlash = z.string().startsWith('/', 'begin it with /');
const method = z.string().regex(/^[A-Z]+$/, 'write a method in capitals, such as POST');

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

const route = z.strictObject({
  match,
  cluster: identifier.describe('The cluster that its requests go to.'),
  shardKey: shardKey.default([{ header: 'x-shard-key' }]),
  timeoutMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .optional()
    .describe('Time for a request, from its beginning to the end of its answer.'),
  headers: z
    .strictObject({
      request: headerRules.optional().describe('On the way to the shard.'),
      response: headerRules.optional().describe('On the way to the client.'),
    })
    .default({}),
});

const count = (most: number) => z.int().min(1).max(most);

const duration = z.int().min(0).max(2_147_483_647);

const limits = z
  .strictObject({
    maxConcurrentStreams: count(1_000_000)
      .default(defaultLimits.maxConcurrentStreams)
      .describe('Streams open at once on a client connection.'),
    maxHeaderListBytes: count(1_048_576)
      .default(defaultLimits.maxHeaderListBytes)
      .describe('Bytes of one header list.'),
    maxContinuations: count(1000)
      .default(defaultLimits.maxContinuations)
      .describe('CONTINUATION frames behind one HEADERS frame.'),
    streamWindowBytes: z
      .int()
      .min(65535)
      .max(2147483647)
      .default(defaultLimits.streamWindowBytes)
      .describe('Flow-control window of a stream.'),
    connectionWindowBytes: z
      .int()
      .min(65535)
      .max(2147483647)
      .default(defaultLimits.connectionWindowBytes)
      .describe('That of a connection.'),
    resetBurst: count(1_000_000).default(defaultLimits.resetBurst).describe('Streams that a client may reset at once.'),
    resetsPerSecond: count(1_000_000)
      .default(defaultLimits.resetsPerSecond)
      .describe('How many more resets it earns a second.'),
    controlFrameBurst: count(10_000_000)
      .default(defaultLimits.controlFrameBurst)
      .describe('PING, SETTINGS and such frames without a message.'),
    controlFramesPerSecond: count(10_000_000)
      .default(defaultLimits.controlFramesPerSecond)
      .describe('How many more it earns a second.'),
    requestHeadTimeoutMs: count(600_000)
      .default(defaultLimits.requestHeadTimeoutMs)
      .describe("Time for a connection's first bytes, or for the head of an HTTP/1.1 request."),
    stalledWindowMs: count(3_600_000)
      .default(defaultLimits.stalledWindowMs)
      .describe('How long output waits for a window that does not move.'),
    maxUnsentBytes: count(2147483647)
      .default(defaultLimits.maxUnsentBytes)
      .describe('Output kept for a client that does not read.'),
    maxConnectionsPerShard: count(10_000)
      .default(defaultRouterLimits.maxConnectionsPerShard)
      .describe('Connections from one worker to one shard.'),
    maxHttp1ConnectionsPerShard: count(65535)
      .default(defaultRouterLimits.maxHttp1ConnectionsPerShard)
      .describe('The same where a shard speaks HTTP/1.1, and each request takes one.'),
    maxPendingRequests: count(1_000_000)
      .default(defaultRouterLimits.maxPendingRequests)
      .describe('Requests that wait for a stream to one shard.'),
    connectTimeoutMs: count(600_000)
      .default(defaultRouterLimits.connectTimeoutMs)
      .describe('Time for a connection to a shard to be made.'),
    idleConnectionMs: duration
      .default(defaultRouterLimits.idleConnectionMs)
      .describe('Time without a stream; 0: no limit.'),
    maxConnectionAgeMs: duration
      .default(defaultRouterLimits.maxConnectionAgeMs)
      .describe('Age of a client connection; 0: no limit.'),
    maxConnectionAgeGraceMs: duration
      .default(defaultRouterLimits.maxConnectionAgeGraceMs)
      .describe('Time for the streams of one that is too old.'),
    maxDownstreamConnections: count(1_000_000)
      .default(defaultRouterLimits.maxDownstreamConnections)
      .describe('Client connections of one worker.'),
  })
  .describe('What one peer may ask of a worker.');

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
    .strictObject({ address })
    .default({ address: '127.0.0.1:9901' })
    .describe('Where /healthz, /readyz and /metrics are served. Keep it on loopback.'),
  workers: z.int().min(1).max(256).default(1).describe('Threads that route; one uses one core.'),
  drainSeconds: z.int().min(0).max(3600).default(30).describe('How long streams in flight may go on after SIGTERM.'),
  limits: limits.prefault({}),
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
