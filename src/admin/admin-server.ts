import {
  type CountersSnapshot,
  hiddenKey,
  type OpenStream,
  Outcome,
  type RedisQuestion,
  shardIn,
} from '../proxy/index.ts';
import { bearsToken } from '../runtime/bearer-token.ts';
import { type Answer, json, metrics, text } from './answer.ts';
import { Busy, GuardedServer, type Method, type Question } from './guarded-server.ts';
import { type AdminRegistry, renderMetrics, sumCounters } from './metrics.ts';
import { type ProcessVitals, renderProcess } from './process-metrics.ts';
import { hotKeys, slotTraffic, slowLog } from './redis-reports.ts';
import type { AdminReloads } from './reloads.ts';

/** What the admin address reports. */
export interface AdminSource {
  counters(): Promise<readonly CountersSnapshot[]>;
  vitals(): Promise<ProcessVitals>;
  /** Streams that are open, at most `limit`. */
  openStreams(limit: number): Promise<readonly OpenStream[]>;
  /** What each thread says of its Redis clients' commands; see `inspect` of the family. */
  redis(question: RedisQuestion, seconds: number): Promise<ReadonlyArray<object | null>>;
  /** Null while requests are taken; else why not. */
  notReadyBecause(): string | null;
  /** What is known of the registry; null where topologies come from the config alone. */
  registry(): AdminRegistry | null;
  /** The clusters as they are routed to. */
  topology(): readonly AdminCluster[];
  /** A hash over the owners of this many keys, for each routing thread. */
  fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<object | null>>;
  /** The owner of a key, in each cluster or in one. */
  explain(key: string, cluster: string | null): readonly object[];
  /** The config in effect, without secrets. */
  config(): object;
  /** Null where there is no file to be read again. */
  reloads(): AdminReloads | null;
  /**
   * Hands all sockets that are listened on to another router of this user, and ends once that one takes connections.
   * @param path where it waits for them. @param workers its threads
   */
  handOver(path: string, workers: number): Promise<void>;
}

export interface AdminCluster {
  readonly name: string;
  /** Null where the cluster comes from a config, or the version is unknown. */
  readonly version: number | null;
  readonly shards: ReadonlyArray<{ readonly id: string; readonly address: string }>;
}

const MAX_STREAMS = 10_000;
const STREAMS = 1000;
const FINGERPRINT_KEYS = 10_000;
const MAX_FINGERPRINT_KEYS = 1_000_000;

type Handler = (source: AdminSource, query: URLSearchParams) => Answer | Promise<Answer>;

/** Health, metrics, and what is going on, for people and monitors. */
export class AdminServer {
  readonly #server: GuardedServer;
  readonly #source: AdminSource;
  #token: string | null;

  /**
   * @param token what a request has to bear, health apart; null where any client may ask
   * @param names by which it is asked on loopback, besides localhost
   */
  constructor(source: AdminSource, token: string | null, names: readonly string[] = []) {
    // A thread counts for one who asks at a time.
    const counted = oneAtATime(source.redis);
    const redis = { slowlog: oneAtATime(source.redis), hotkeys: counted, slots: counted };
    this.#source = {
      ...source,
      fingerprints: oneAtATime(source.fingerprints),
      redis: (question, seconds) => redis[question](question, seconds),
    };
    this.#token = token;
    const bears = (authorization: string | undefined): boolean =>
      this.#token !== null && bearsToken(authorization, this.#token);
    const answer = (question: Question): Answer | Promise<Answer> => this.#answer(question);
    this.#server = new GuardedServer({ bearsToken: bears, answer, methods: methodsOf }, names);
  }

  /** Others may ask from now on; see the constructor. */
  setAccess(token: string | null, names: readonly string[]): void {
    this.#token = token;
    this.#server.setNames(names);
  }

  #answer({ path, query, bearsToken: bears }: Question): Answer | Promise<Answer> {
    const handler = HANDLERS.get(path);
    if (handler === undefined) return text(404, `there are ${[...HANDLERS.keys()].join(', ')}`);
    if (this.#token !== null && !OPEN.has(path) && !bears)
      return text(401, 'a bearer token is required: authorization: Bearer …', { 'www-authenticate': 'Bearer' });
    return handler(this.#source, query);
  }

  /** @param socket one that listens there already, by its descriptor. @returns the port */
  listen(host: string, port: number, socket?: number): Promise<number> {
    return this.#server.listen(host, port, socket);
  }

  /** The descriptor of the socket that it listens on. */
  get socket(): number {
    return this.#server.socket;
  }

  close(): void {
    this.#server.close();
  }
}

/** The routing threads have work of their own: what takes seconds of theirs is done for one asker at a time. */
function oneAtATime<Args extends unknown[], Result>(
  action: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  let isUnderWay = false;
  return async (...args) => {
    if (isUnderWay) throw new Busy('another request is in progress; try again');
    isUnderWay = true;
    try {
      return await action(...args);
    } finally {
      isUnderWay = false;
    }
  };
}

/** Probes ask without a token: they show nothing but whether the router is there. */
const OPEN: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['/healthz', () => text(200, 'ok')],
  [
    '/readyz',
    (source) => {
      const reason = source.notReadyBecause();
      return reason === null ? text(200, readyText(source.registry())) : text(503, reason);
    },
  ],
  ['/metrics', async (source) => metrics(await allMetrics(source))],
  ['/topology', (source) => json(source.topology())],
  ['/registry', (source) => json(source.registry())],
  ['/clusters', async (source) => json(await clusterStates(source))],
  ['/streams', (source, query) => streams(source, query)],
  ['/explain', (source, query) => explain(source, query)],
  ['/fingerprint', (source, query) => fingerprints(source, query)],
  ['/redis/slowlog', async (source) => json(await slowLog(source))],
  ['/redis/hotkeys', (source, query) => hotKeys(source, query)],
  ['/redis/slots', (source, query) => slotTraffic(source, query)],
  ['/config', (source) => json(source.config())],
  ['/reload', (source) => reload(source)],
  ['/hand-over', (source, query) => handOver(source, query)],
]);

/** What changes something, and so is asked for by POST. */
const CHANGING: ReadonlySet<string> = new Set(['/reload', '/hand-over']);

function methodsOf(path: string): readonly Method[] {
  return CHANGING.has(path) ? ['POST'] : ['GET'];
}

async function handOver(source: AdminSource, query: URLSearchParams): Promise<Answer> {
  const path = query.get('path');
  const workers = Number(query.get('workers'));
  if (path === null || !Number.isInteger(workers) || workers < 1)
    return text(400, 'name the socket and the number of threads: /hand-over?path=…&workers=…');
  try {
    await source.handOver(path, workers);
    return json({});
  } catch (error) {
    return text(409, error instanceof Error ? error.message : String(error));
  }
}

async function reload(source: AdminSource): Promise<Answer> {
  const reloads = source.reloads();
  if (reloads === null) return text(409, 'this router has no config file to read again');
  const outcome = await reloads.reload('admin');
  return json(outcome, outcome.result === 'refused' ? 422 : 200);
}

/** A router goes on without its registry, and says so. */
function readyText(registry: AdminRegistry | null): string {
  if (registry === null || registry.outage === null) return 'ready';
  const served = registry.clusters.map(({ name, version, from }) => `${name} at version ${version}, from ${from}`);
  const seconds = Math.round(registry.outage.forMs / 1000);
  return `ready, without the registry for ${seconds} s (${registry.outage.reason}): ${served.join('; ')}`;
}

async function allMetrics(source: AdminSource): Promise<string> {
  const [counters, vitals] = await Promise.all([summed(source), source.vitals()]);
  return (await renderProcess(vitals)) + (await renderMetrics(counters, source.registry(), source.reloads()));
}

async function summed(source: AdminSource): Promise<CountersSnapshot> {
  return sumCounters(await source.counters());
}

async function clusterStates(source: AdminSource): Promise<object[]> {
  const counters = await summed(source);
  return source.topology().map(({ name, shards }) => ({
    name,
    shards: shards.map(({ id, address }) => {
      const {
        requests,
        outcomes,
        connections,
        streams: open,
        held,
        unhealthy,
        ejections,
        retries,
        connectFailures,
      } = shardIn(counters, name, id);
      const failed = outcomes[Outcome.ServerError] ?? 0;
      return {
        id,
        address,
        unhealthy: unhealthy > 0,
        requests,
        failed,
        retries,
        connections,
        streams: open,
        held,
        ejections,
        connectFailures,
      };
    }),
  }));
}

function explain(source: AdminSource, query: URLSearchParams): Answer {
  const [key, cluster] = [query.get('key'), query.get('cluster')];
  if (key === null) return text(400, 'name a key: /explain?key=…');
  const owners = source.explain(key, cluster);
  return owners.length === 0 && cluster !== null ? noTopology(cluster) : json(owners);
}

function noTopology(cluster: string): Answer {
  return text(404, `there is no topology of a cluster ${cluster}; /topology shows those that there are`);
}

/** Whether routers, and the threads of one, place keys alike. */
async function fingerprints(source: AdminSource, query: URLSearchParams): Promise<Answer> {
  const cluster = query.get('cluster');
  const keys = Number(query.get('keys') ?? FINGERPRINT_KEYS);
  if (cluster === null) return text(400, 'name a cluster: /fingerprint?cluster=…');
  if (!Number.isInteger(keys) || keys < 1 || keys > MAX_FINGERPRINT_KEYS)
    return text(400, `keys is a number from 1 to ${MAX_FINGERPRINT_KEYS}`);
  const found = await source.fingerprints(cluster, keys);
  return found.length > 0 && found.every((each) => each === null) ? noTopology(cluster) : json(found);
}

/** Open streams, the oldest first; those of one key, shard, cluster or route where it is asked for. */
async function streams(source: AdminSource, query: URLSearchParams): Promise<Answer> {
  const limit = Number(query.get('limit') ?? STREAMS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_STREAMS)
    return text(400, `limit is a number from 1 to ${MAX_STREAMS}`);
  const wanted = (['key', 'shard', 'cluster', 'route'] as const).filter((name) => query.has(name));
  const open = await source.openStreams(wanted.length > 0 ? Number.POSITIVE_INFINITY : limit);
  const hidden = hiddenKey(Buffer.from(query.get('key') ?? '', 'utf8').toString('latin1'));
  const found = open.filter((stream) =>
    wanted.every((name) => stream[name] === query.get(name) || (name === 'key' && stream.key === hidden)),
  );
  return json([...found].sort((a, b) => b.ageMs - a.ageMs).slice(0, limit));
}
