import type { Exception } from './rooms.ts';

const REQUEST = 'it asks more of a request than an interface of its own has yet';
const CONTEXT = "a thread's context has what HTTP needs beside what the core does";
const SNAPSHOT = "the snapshot holds HTTP's routes beside the owners";
const POOLS = 'an owner makes its own pools';
const REFUSAL = "a cause is put into HTTP's words where it comes up";
const FLOODS = "the causes that are counted are those of HTTP's connections";
const HEADERS = 'a request may bring its header section along as it was received';

/** None is to be added: give the one who needs something an interface of its own. */
export const exceptions: readonly Exception[] = [
  { from: 'proxy/core/counters.ts', to: 'http/index.ts', because: FLOODS },
  { from: 'proxy/core/owner/pool.ts', to: 'http/index.ts', because: HEADERS },
  { from: 'proxy/core/owner/upstream.ts', to: 'http/index.ts', because: HEADERS },
  { from: 'proxy/core/drain/drainer.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/drain/drainer.ts', to: 'proxy/http/router-context.ts', because: CONTEXT },
  { from: 'proxy/core/gate/change.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/gate/change.ts', to: 'proxy/http/routing.ts', because: SNAPSHOT },
  { from: 'proxy/core/gate/gate.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/gate/gate.ts', to: 'proxy/http/router-context.ts', because: CONTEXT },
  { from: 'proxy/core/gate/gate.ts', to: 'proxy/http/routing.ts', because: SNAPSHOT },
  { from: 'proxy/core/gate/waiting-room.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/gate/waiting-room.ts', to: 'proxy/http/local-reply.ts', because: REFUSAL },
  { from: 'proxy/core/gate/waiting-room.ts', to: 'proxy/http/router-context.ts', because: CONTEXT },
  { from: 'proxy/core/owner/held-requests.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/owner/pool.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/failure.ts', because: REFUSAL },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/pools/auto-pool.ts', because: POOLS },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/pools/http1-pool.ts', because: POOLS },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/pools/http2-pool.ts', because: POOLS },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/router-context.ts', because: CONTEXT },
  { from: 'proxy/core/owner/upstreams.ts', to: 'proxy/http/router-context.ts', because: CONTEXT },
  { from: 'proxy/core/owner/upstreams.ts', to: 'proxy/http/routing.ts', because: SNAPSHOT },
  { from: 'proxy/core/retries.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
  { from: 'proxy/core/waiting-place.ts', to: 'proxy/http/exchange.ts', because: REQUEST },
];
