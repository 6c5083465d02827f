import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { Scope } from '../support/processes.ts';
import { clock } from '../support/registries.ts';

/** What one backend did for one request. */
export interface Served {
  readonly shard: string;
  readonly key: string;
  readonly begin: number;
  end: number;
  readonly version: number;
  readonly token: number;
  readonly headers: IncomingMessage['headers'];
  /** Its client went before the answer. */
  abandoned: boolean;
  /** It was carried out: a content that was cut off is none. */
  isDone: boolean;
}

/** What several backends share: a plain store, and what each of them did. */
export class SharedStore {
  /** Where each shard's backend calls the owners of other keys, `host:port`. */
  readonly egress = new Map<string, string>();
  readonly served: Served[] = [];
  readonly values = new Map<string, string>();
  /** What backends were told of keys that leave. */
  readonly left: Array<{ readonly shard: string; readonly keys: readonly string[] }> = [];
}

/**
 * A plain store server, over HTTP/1.1, that knows nothing of Keyway: `GET` and `PUT /docs/KEY`, `?delay=` milliseconds of work, `?call=` a key whose
 * owner it calls before it answers, and WebSockets that tell who serves. It carries out what it has begun, whether or not anybody waits.
 */
export async function startStoreBackend(scope: Scope, shard: string, store: SharedStore): Promise<number> {
  const server = createServer((request, response) => void answer(shard, store, request, response));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.send(shard));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as { port: number }).port;
}

async function answer(
  shard: string,
  { served, values, left, egress }: SharedStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://backend');
  if (url.pathname === '/healthz') {
    response.end('ok');
    return;
  }
  if (url.pathname === '/keys-leave') {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    left.push(JSON.parse(Buffer.concat(parts).toString()));
    response.end();
    return;
  }
  const { headers } = request;
  const key = url.pathname.replace(/^\/docs\//, '');
  const [version, token] = [Number(headers['x-keyway-version']), Number(headers['x-keyway-token'])];
  const one: Served = {
    shard,
    key,
    begin: clock(),
    end: Number.POSITIVE_INFINITY,
    version,
    token,
    headers,
    abandoned: false,
    isDone: false,
  };
  served.push(one);
  response.on('close', () => {
    if (!response.writableEnded) one.abandoned = true;
  });
  request.on('error', () => {});
  const parts: Buffer[] = [];
  try {
    for await (const part of request) parts.push(part as Buffer);
  } catch {
    one.end = clock();
    return;
  }
  await pause(Number(url.searchParams.get('delay') ?? 0));
  const called = url.searchParams.get('call');
  if (called !== null) {
    // With all of the request's headers, as a tracing library hands them on.
    const { 'x-keyway-egress': trace = '' } = headers;
    const { status } = await fetch(`http://${egress.get(shard)}/docs/${called}`, {
      headers: { 'x-shard-key': called, 'x-keyway-egress': String(trace) },
    });
    if (status !== 200) response.statusCode = status;
  }
  if (request.method === 'PUT') values.set(key, Buffer.concat(parts).toString());
  one.isDone = true;
  one.end = clock();
  response.setHeader('x-backend', shard);
  response.end(values.get(key) ?? '');
}
