import type { Exception } from './rooms.ts';

const POOLS = 'an owner makes its own pools';
const HEADERS = 'a request may bring its header section along as it was received';

/** None is to be added: give the one who needs something an interface of its own. */
export const exceptions: readonly Exception[] = [
  { from: 'proxy/core/owner/outgoing-request.ts', to: 'http/index.ts', because: HEADERS },
  { from: 'proxy/core/owner/pool.ts', to: 'http/index.ts', because: HEADERS },
  { from: 'proxy/core/owner/upstream.ts', to: 'http/index.ts', because: HEADERS },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/pools/auto-pool.ts', because: POOLS },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/pools/http1-pool.ts', because: POOLS },
  { from: 'proxy/core/owner/upstream.ts', to: 'proxy/http/pools/http2-pool.ts', because: POOLS },
];
