/** A folder of `src/` that has a meaning of its own, and what it may import. */
export interface Room {
  readonly folder: string;
  readonly what: string;
  /** Other rooms. A room may always import itself. */
  readonly mayImport: readonly string[];
}

/** From the ground up: a room imports only rooms that stand above it in this list. ARCHITECTURE.md shows it as a table. */
export const rooms: readonly Room[] = [
  {
    folder: 'runtime',
    what: "what every program has: the clock, randomness, the log, errors of Node's in plain words, private files, threads' vitals. Its files are imported one by one",
    mayImport: [],
  },
  { folder: 'placement', what: 'pure: hash functions, ring hash, fixed ring, Maglev, ketama, slots', mayImport: [] },
  {
    folder: 'yaml',
    what: 'documents that people write, by a schema, every fault with its place',
    mayImport: ['runtime'],
  },
  { folder: 'sqlite', what: 'durable SQLite files and their transactions', mayImport: ['runtime'] },
  {
    folder: 'io',
    what: 'bytes between sockets and memory: turns of the event loop, output, shared reads, listeners and the PROXY protocol, TLS, dialling',
    mayImport: ['runtime'],
  },
  {
    folder: 'http',
    what: 'what both versions of HTTP share: fields, the head of a message, streams, limits',
    mayImport: ['io'],
  },
  {
    folder: 'http1',
    what: 'HTTP/1.1 on the wire, its messages shown as streams; `client/` has the connections to shards',
    mayImport: ['http', 'io', 'runtime'],
  },
  {
    folder: 'http2',
    what: "HTTP/2 on the wire: frames, HPACK, flow control, one connection's state machine",
    mayImport: ['http', 'io'],
  },
  {
    folder: 'rpc',
    what: 'calls inside HTTP: envelopes, statuses, and the dialects gRPC, gRPC-Web, Connect and plain HTTP',
    mayImport: ['http'],
  },
  {
    folder: 'topology',
    what: 'pure: a cluster at one version, its checks, text forms, table, and what another version moves',
    mayImport: ['placement', 'runtime', 'yaml'],
  },
  {
    folder: 'registry',
    what: 'topologies, leases, elections, documents; `store/` has what they are kept in',
    mayImport: ['runtime', 'sqlite', 'topology', 'yaml'],
  },
  {
    folder: 'handoff',
    what: 'changes of version: who drives them, who follows them, what becomes of lost shards',
    mayImport: ['registry', 'runtime', 'topology'],
  },
  {
    folder: 'housekeeping',
    what: 'who carries out which task for what, when, and with which token',
    mayImport: ['registry', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'control',
    what: "a router's control plane: follows the registry in a thread of its own, keeps topologies on disk, holds the lease",
    mayImport: ['handoff', 'registry', 'runtime', 'topology'],
  },
  {
    folder: 'controller',
    what: 'keeps a topology as one of its `sources/` has it: files, the DNS, or nodes',
    mayImport: ['handoff', 'registry', 'runtime', 'topology', 'yaml'],
  },
  { folder: 'proxy/health', what: 'active checks of health', mayImport: ['io', 'runtime'] },
  {
    folder: 'proxy/core',
    what: 'owners, the gate, drains, retries, deadlines, counters. Knows no wire and no family of protocols',
    mayImport: ['io', 'proxy/health', 'runtime', 'topology'],
  },
  {
    folder: 'proxy/http',
    what: 'the family HTTP: sessions with clients, routes, keys, the exchange, replay, the edge, pools of connections to shards',
    mayImport: ['http', 'http1', 'http2', 'io', 'proxy/core', 'rpc', 'runtime', 'topology'],
  },
  {
    folder: 'proxy/threads',
    what: "a router's threads, and what each of them is made of",
    mayImport: ['http', 'io', 'proxy/core', 'proxy/http', 'runtime', 'topology'],
  },
  {
    folder: 'proxy',
    what: 'what others see of the proxy',
    mayImport: ['proxy/core', 'proxy/health', 'proxy/http', 'proxy/threads'],
  },
  {
    folder: 'node',
    what: 'nodes that register themselves, and have their tasks called',
    mayImport: ['housekeeping', 'proxy/health', 'registry', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'shard',
    what: 'the reference backend: documents with watch on a shared SQLite database; takes part in handoffs, and keeps house',
    mayImport: ['handoff', 'housekeeping', 'registry', 'runtime', 'sqlite', 'topology', 'yaml'],
  },
  {
    folder: 'load',
    what: 'the load harness: `calls/` (what is asked), `transport/`, `run/` (when, and the watches), `record/`, `check/` (split brain), `report/`',
    mayImport: ['http', 'http1', 'http2', 'io', 'rpc', 'yaml'],
  },
  { folder: 'admin', what: 'health and metrics', mayImport: ['proxy', 'runtime'] },
  {
    folder: 'config',
    what: 'YAML to checked, typed values',
    mayImport: ['http', 'io', 'proxy', 'registry', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'app',
    what: "the router's process: alone joins `control` with `proxy`; its reloads, and its being replaced",
    mayImport: ['admin', 'config', 'control', 'io', 'proxy', 'registry', 'runtime', 'topology'],
  },
  {
    folder: 'cli',
    what: '`commands/`, one file each, their `options/` and `output/`; alone reads arguments and the environment',
    mayImport: [
      'admin',
      'app',
      'config',
      'controller',
      'handoff',
      'housekeeping',
      'load',
      'node',
      'proxy',
      'registry',
      'runtime',
      'shard',
      'sqlite',
      'topology',
      'yaml',
    ],
  },
  { folder: 'library', what: "what programs import that is no room's own door", mayImport: ['http', 'http2'] },
  { folder: '.', what: "the library's doors", mayImport: ['node', 'registry', 'runtime'] },
];

/** An import that the table or the rule against circles forbids, and why it stands nevertheless. */
export interface Exception {
  readonly from: string;
  readonly to: string;
  readonly because: string;
}
