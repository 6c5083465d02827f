import { type MessageHead, type ResetCause, type Stream, transientField } from '../../src/http/index.ts';
import { ShardCounters } from '../../src/proxy/core/counters.ts';
import type { OutgoingRequest } from '../../src/proxy/core/owner/outgoing-request.ts';
import type { ShardEndpoint, UpstreamLimits } from '../../src/proxy/core/owner/pool.ts';
import type { HttpPool } from '../../src/proxy/http/pools/http-pool.ts';
import type { RouterContext } from '../../src/proxy/http/router-context.ts';
import { routerContext } from './router-context.ts';
import { StubRequest } from './stub-request.ts';

/** A request that a spec sends by a pool, and what became of it: its status, or why it has none. */
export class AskedRequest extends StubRequest {
  outcome: string | null = null;

  override onHeaders(_stream?: Stream, head?: MessageHead): void {
    this.outcome = head?.status?.text ?? null;
  }

  override onReset(_stream?: Stream, _code?: number, cause?: ResetCause): void {
    this.outcome = `reset ${cause}`;
  }
}

/** A pool with its endpoint, and a clock that the spec sets. */
export class PoolUnderTest<Kind extends HttpPool> {
  readonly pool: Kind;
  readonly context: RouterContext;
  nowMs = 0;
  /** What was reported to the endpoint about connections. */
  readonly reached: string[] = [];
  /** Connections on which the shard said that it leaves. */
  leaving = 0;
  /** What it was told about the protocol, where the pool reports it: whether others have been served over the pool. */
  readonly doubts: boolean[] = [];

  /** @param make by the pool's own constructor */
  constructor(
    port: number,
    limits: Partial<UpstreamLimits>,
    make: (context: RouterContext, endpoint: ShardEndpoint, onDoubt: (mayServe: boolean) => void) => Kind,
  ) {
    this.context = routerContext(() => this.nowMs, { onShardLeaving: () => void this.leaving++ });
    const endpoint: ShardEndpoint = {
      login: null,
      isReplica: false,
      target: { host: '127.0.0.1', port },
      certificates: null,
      label: 'docs/s0',
      counters: new ShardCounters(),
      limits: { connections: null, requests: 1000, pending: 1000, ...limits },
      onReached: () => void this.reached.push('reached'),
      onConnectFailed: (reason) => void this.reached.push(reason),
      onSending: () => {},
      unavailable: (request, cause, reason) => end(request, `${cause}: ${reason}`),
      refuse: (request, cause) => end(request, cause),
    };
    this.pool = make(this.context, endpoint, (mayServe) => void this.doubts.push(mayServe));
  }

  /** Sends a request, and again whenever its wait is over. */
  ask(path: string, settings: Partial<StubRequest> = {}): AskedRequest {
    const request = new AskedRequest(settings);
    request.block.replace(2, transientField(':path', path));
    request.onProceed = () => this.#dispatch(request);
    this.#dispatch(request);
    return request;
  }

  #dispatch(request: AskedRequest): void {
    this.context.turn.begin();
    this.pool.dispatch(request.cleared, null);
  }
}

function end(request: OutgoingRequest, outcome: string): void {
  if (request instanceof AskedRequest) request.outcome = outcome;
}
