import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { vi } from 'vitest';
import { namedListeners } from '../../src/io/listeners.ts';
import type { RouteDescription, RoutedCluster } from '../../src/proxy/index.ts';
import { Router } from '../../src/proxy/threads/router.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import {
  checkTopology,
  type SharedCluster,
  type StagedCluster,
  shareCluster,
  type TopologyVersion,
} from '../../src/topology/index.ts';
import type { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { routerSettings } from '../support/router-settings.ts';

/** A request as a shard got it. */
export interface ShardRequest {
  readonly stream: ServerHttp2Stream;
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly version: string;
  /** What has come of its content. */
  content: string;
  isComplete: boolean;
}

/** So many requests a shard takes on a connection. */
const STREAMS = 10;

/** A shard that knows nothing of Keyway: writes down what comes, and answers 200 with its name unless a test answers. */
export class PlainShard {
  readonly requests: ShardRequest[] = [];
  /** Told of each request when it begins. */
  onBegin: (request: ShardRequest) => void = () => {};
  /** Answers a request whose content is complete. */
  answer: (request: ShardRequest) => void = ({ stream }) => {
    stream.respond({ ':status': 200 });
    stream.end(this.id);
  };
  readonly id: string;
  port = 0;
  /** Ends it, with its connections. */
  end: () => void = () => {};

  private constructor(id: string) {
    this.id = id;
  }

  /** @param port where it was before it ended, if it is another process of the same shard */
  static async start(scope: Scope, id: string, port = 0): Promise<PlainShard> {
    const shard = new PlainShard(id);
    const server = createServer({ settings: { enableConnectProtocol: true, maxConcurrentStreams: STREAMS } });
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session));
    shard.end = () => {
      server.close();
      for (const session of sessions) session.destroy();
    };
    scope.defer(() => shard.end());
    server.on('stream', (stream, headers) => {
      const { ':method': method = '', ':path': path = '' } = headers;
      const [key, version] = [String(headers['x-shard-key']), String(headers['x-keyway-version'])];
      const request: ShardRequest = {
        stream: stream as ServerHttp2Stream,
        method,
        path,
        key,
        version,
        content: '',
        isComplete: false,
      };
      shard.requests.push(request);
      shard.onBegin(request);
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => {
        request.content += chunk.toString();
      });
      stream.on('end', () => {
        // Node ends what was cut, too.
        if (stream.aborted || stream.destroyed) return;
        request.isComplete = true;
        shard.answer(request);
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    shard.port = (server.address() as AddressInfo).port;
    return shard;
  }
}

/** A call, and what came of it. */
export class CallInProgress {
  readonly stream: ClientHttp2Stream;
  status = 0;
  content = '';
  /** Resolves to the status and the content once it is over, however it ended. */
  readonly over: Promise<string>;
  isOver = false;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on('response', (headers) => {
      this.status = headers[':status'] ?? 0;
    });
    stream.on('data', (chunk: Buffer) => {
      this.content += chunk.toString();
    });
    stream.on('error', () => {});
    this.over = new Promise((resolve) => {
      stream.on('close', () => {
        this.isOver = true;
        resolve(`${this.status} ${this.content}`.trim());
      });
    });
  }
}

interface RouterSetup {
  readonly route?: object;
  readonly upstream?: object;
  readonly options?: object;
  /** Where a test has a shard s1 of its own. */
  readonly oldPort?: number;
}

const VERSIONS = [1, 2] as readonly number[] as readonly TopologyVersion[];

/** A cluster's version, in which a shard owns all keys that begin with `moves/`. */
export function tableOf(
  shards: ReadonlyArray<{ readonly id: string; readonly port: number }>,
  version: 1 | 2,
  owner: string,
): SharedCluster {
  const topology = checkTopology(
    {
      namespace: 'default',
      cluster: 'docs',
      placement: { fixedRing: {} },
      shards: shards.map(({ id, port }) => ({ id, address: `127.0.0.1:${port}` })),
      pins: [
        { prefix: 'moves/', shard: owner },
        { prefix: 'stays/', shard: 's0' },
      ],
    },
    'the test',
  );
  return shareCluster(topology, VERSIONS[version - 1] as TopologyVersion);
}

/**
 * A router of this process for a cluster `docs` of shards s0 and s1, whose versions, lease and clock a test sets by hand. All
 * keys that begin with `moves/` are s1's by version 1, and s0's by version 2; all others are s0's.
 */
export class RouterInProcess {
  readonly router: Router;
  readonly shards: readonly [PlainShard, PlainShard];
  readonly tables: readonly [SharedCluster, SharedCluster];
  /** Until when it may serve, and when it cuts what is in flight. */
  readonly until: Float64Array<SharedArrayBuffer>;
  readonly session: ClientHttp2Session;
  /** How long the process has been stopped: its clock has gone on, its timers have not. */
  readonly stopped: { forMs: number };
  #attempt = 1;

  private constructor(parts: Pick<RouterInProcess, 'router' | 'shards' | 'tables' | 'until' | 'session' | 'stopped'>) {
    this.router = parts.router;
    this.shards = parts.shards;
    this.tables = parts.tables;
    this.until = parts.until;
    this.session = parts.session;
    this.stopped = parts.stopped;
  }

  static async start(
    scope: Scope,
    { route = {}, upstream = {}, options = {}, oldPort }: RouterSetup = {},
  ): Promise<RouterInProcess> {
    const shards = [await PlainShard.start(scope, 's0'), await PlainShard.start(scope, 's1')] as const;
    if (oldPort !== undefined) shards[1].port = oldPort;
    const tables = [tableOf(shards, 1, 's1'), tableOf(shards, 2, 's0')] as const;
    const until = new Float64Array(new SharedArrayBuffer(16)).fill(Number.POSITIVE_INFINITY);
    const stopped = { forMs: 0 };
    const routes: RouteDescription[] = [
      { match: { path: { prefix: '/' } }, cluster: 'docs', shardKey: [{ header: 'x-shard-key' }], ...route },
    ];
    const cluster: RoutedCluster = {
      name: 'docs',
      table: tables[0],
      servesUntil: until,
      upstream: { protocol: 'http2', ...upstream },
    };
    const router = await Router.start({
      ...routerSettings(routes, [cluster]),
      clock: () => machineClock() + stopped.forMs,
      random: () => 0.5,
      timeOfDay: () => '',
      connections: null,
      ...options,
    });
    scope.defer(() => router.shutdown(0));
    const [port] = await router.listen(namedListeners([{ host: '127.0.0.1', port: 0 }]), false);
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    scope.defer(() => session.destroy());
    return new RouterInProcess({ router, shards, tables, until, session, stopped });
  }

  /** Begins a call, and leaves it open where there is no content. */
  call(key: string, method = 'GET', content?: string, headers: object = {}): CallInProgress {
    const stream = this.session.request(
      { ':method': method, ':path': '/', 'x-shard-key': key, ...headers },
      { endStream: method === 'GET' },
    );
    const call = new CallInProgress(stream);
    if (content !== undefined) stream.end(content);
    return call;
  }

  /** Has the router go to a step of the change to version 2. @param attempt the first, or a later one */
  begin(step: StagedCluster['step'], attempt = 1): void {
    this.#attempt = attempt;
    this.router.publish('docs', this.tables[0], {
      to: VERSIONS[1] as TopologyVersion,
      attempt,
      step,
      watchesEnd: 'drain',
      shardsGiveUp: false,
      table: this.tables[1],
      losing: ['s1'],
    });
  }

  /** Resolves once the router is done with the step that it is at. */
  settled(step: StagedCluster['step']): Promise<boolean> {
    return this.router.settled('docs', this.#attempt, step);
  }

  /** Has the change made. */
  commit(): void {
    this.router.publish('docs', this.tables[1], null);
  }

  /** Takes all steps up to one, each once the one before is done. */
  async reach(last: StagedCluster['step']): Promise<void> {
    for (const step of ['stage', 'drain', 'hold'] as const) {
      this.begin(step);
      await this.settled(step);
      if (step === last) return;
    }
  }

  /** Resolves once so many requests have come to a shard. */
  came(shard: 0 | 1, count: number): Promise<readonly ShardRequest[]> {
    const { requests } = this.shards[shard];
    return vi.waitFor(() => {
      if (requests.length < count) throw new Error(`${requests.length} requests have come to s${shard}`);
      return requests;
    }, PATIENCE);
  }
}
