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
    what: "what every program needs: the clock, randomness, the log, Node's errors in plain words, private files, thread metrics. Its files are imported one by one",
    mayImport: [],
  },
  {
    folder: 'placement',
    what: 'pure: the functions from key to owner, each in a folder with the options that it takes',
    mayImport: [],
  },
  {
    folder: 'yaml',
    what: 'documents that people write: read by a schema, with the position of every error',
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
    what: 'HTTP/1.1 on the wire, with its messages presented as streams; `client/` has the connections to shards',
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
    folder: 'resp',
    what: 'the protocol of Redis and its relatives (RESP) on the wire: commands of clients, replies of servers',
    mayImport: ['io'],
  },
  {
    folder: 'topology',
    what: 'pure: a cluster at one version, its checks, text forms and table, and which keys another version moves',
    mayImport: ['placement', 'runtime', 'yaml'],
  },
  {
    folder: 'registry',
    what: 'topologies, leases, elections, documents; `store/` has the stores that keep them',
    mayImport: ['runtime', 'sqlite', 'topology', 'yaml'],
  },
  {
    folder: 'handoff',
    what: 'changes of version: driving them, following them, and replacing lost shards',
    mayImport: ['registry', 'runtime', 'topology'],
  },
  {
    folder: 'housekeeping',
    what: 'which node carries out which task for which unit, when, and with which token',
    mayImport: ['registry', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'control',
    what: "a router's control plane: follows the registry in its own thread, keeps topologies on disk, holds the lease",
    mayImport: ['handoff', 'registry', 'runtime', 'topology'],
  },
  {
    folder: 'discovery',
    what: 'keeps a topology in step with one of its `sources/`: files, DNS, nodes, or the servers of a Redis cluster; or takes it from a controller of Kvrocks (`clusterx/`)',
    mayImport: ['handoff', 'io', 'placement', 'registry', 'resp', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'controller',
    what: 'leads clusters whose servers do not decide by themselves: probes them, has replicas take over, and moves slots; `engines/` has a folder for each kind of servers',
    mayImport: ['discovery', 'handoff', 'io', 'placement', 'registry', 'resp', 'runtime', 'topology', 'yaml'],
  },
  { folder: 'proxy/health', what: 'active health checks', mayImport: ['io', 'runtime'] },
  {
    folder: 'proxy/core',
    what: 'clusters and their owners, the gate, drains, retries, deadlines, counters, front doors. Independent of wire formats and protocol families',
    mayImport: ['io', 'proxy/health', 'runtime', 'topology'],
  },
  {
    folder: 'proxy/http',
    what: 'the HTTP family: sessions with clients, routes, keys, the exchange, replay, the edge, pools of connections to shards',
    mayImport: ['http', 'http1', 'http2', 'io', 'proxy/core', 'rpc', 'runtime'],
  },
  {
    folder: 'proxy/redis',
    what: 'the Redis family: sessions with clients, the commands and their keys, answers in order, connections to shards',
    mayImport: ['io', 'placement', 'proxy/core', 'resp', 'runtime', 'topology'],
  },
  {
    folder: 'proxy/threads',
    what: "a router's threads, and the parts of each thread; `families.ts` alone names the protocol families",
    mayImport: ['io', 'proxy/core', 'proxy/http', 'proxy/redis', 'runtime', 'topology'],
  },
  {
    folder: 'proxy',
    what: "the proxy's public interface",
    mayImport: ['proxy/core', 'proxy/health', 'proxy/http', 'proxy/redis', 'proxy/threads'],
  },
  {
    folder: 'ownership',
    what: 'what a shard that takes part in handoffs may serve, by the registry and its lease',
    mayImport: ['handoff', 'registry', 'topology'],
  },
  {
    folder: 'node',
    what: 'nodes that register themselves, have their tasks called, or take part in handoffs by themselves (`participant/`)',
    mayImport: ['housekeeping', 'io', 'ownership', 'proxy/health', 'registry', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'sidecar',
    what: 'what stands before a backend that knows nothing of Keyway, and takes part in handoffs in its place',
    mayImport: ['http', 'io', 'ownership', 'proxy', 'registry', 'runtime', 'topology'],
  },
  {
    folder: 'shard',
    what: 'the reference backend: documents with watches, on a shared SQLite database; takes part in handoffs and does housekeeping',
    mayImport: ['housekeeping', 'ownership', 'registry', 'runtime', 'sqlite', 'topology', 'yaml'],
  },
  {
    folder: 'load',
    what: 'the load generator: `calls/` (what is sent), `transport/`, `run/` (when it is sent, and watches), `record/`, `check/` (split brain), `report/`',
    mayImport: ['http', 'http1', 'http2', 'io', 'rpc', 'yaml'],
  },
  { folder: 'admin', what: 'health and metrics', mayImport: ['proxy', 'runtime'] },
  {
    folder: 'rest',
    what: "a controller's REST interface, with the paths and bodies of kvrocks-controller: its operations, and the OpenAPI document made of their schemas",
    mayImport: [
      'admin',
      'controller',
      'discovery',
      'handoff',
      'placement',
      'registry',
      'resp',
      'runtime',
      'topology',
      'yaml',
    ],
  },
  {
    folder: 'config',
    what: 'turns YAML into checked, typed values',
    mayImport: ['http', 'io', 'proxy', 'registry', 'runtime', 'topology', 'yaml'],
  },
  {
    folder: 'app',
    what: 'the router process, the only place that joins `control` with `proxy`; reloads and replacement; a served registry; `egress/`, the router within a sidecar; `dev/`, a cluster to try things on',
    mayImport: ['admin', 'config', 'control', 'discovery', 'io', 'proxy', 'registry', 'runtime', 'sqlite', 'topology'],
  },
  {
    folder: 'cli',
    what: '`commands/`, one file each, with their `options/` and `output/`; the only place that reads arguments and the environment',
    mayImport: [
      'admin',
      'app',
      'config',
      'controller',
      'discovery',
      'handoff',
      'housekeeping',
      'io',
      'load',
      'node',
      'placement',
      'proxy',
      'registry',
      'rest',
      'runtime',
      'shard',
      'sidecar',
      'topology',
      'yaml',
    ],
  },
  {
    folder: 'library',
    what: 'entry points for programs; each says which Node it needs',
    mayImport: ['http', 'http2', 'placement', 'topology'],
  },
  { folder: '.', what: "the library's entry points", mayImport: ['node', 'registry', 'runtime'] },
];
