import { once } from 'node:events';
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, createSecureServer as createSecureHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { Scope } from './processes.ts';

export interface SeenRequest {
  readonly backend: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
}

export interface HttpBackend {
  readonly port: number;
  readonly requests: SeenRequest[];
  /** Requests whose client went before the answer was complete. */
  readonly aborted: string[];
}

/**
 * A backend of Node's own: `/echo` gives the content back as it comes, with a trailer; `/bytes/N` so many bytes; `/hang`
 * a first piece and never the rest; `/silent` nothing; `/cut` a first piece and the end of the connection; any other path
 * what it saw of the request, as JSON. `?status=` gives a status of its own.
 */
export async function startHttpBackend(
  scope: Scope,
  name: string,
  protocol: 'http1' | 'http2',
  atPort = 0,
  tls: SecureContextOptions & TlsOptions = {},
): Promise<HttpBackend> {
  const requests: SeenRequest[] = [];
  const aborted: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://backend');
    const status = Number(url.searchParams.get('status') ?? 200);
    request.on('aborted', () => aborted.push(url.pathname));
    request.on('error', () => {});
    response.on('error', () => {});
    response.statusCode = status;
    response.setHeader('x-backend', name);
    if (url.pathname === '/echo') {
      if (protocol === 'http1') response.setHeader('trailer', 'x-trailer');
      response.addTrailers({ 'x-trailer': 'end' });
      request.pipe(response);
    } else if (url.pathname.startsWith('/bytes/')) response.end(Buffer.alloc(Number(url.pathname.slice(7)), 'k'));
    else if (url.pathname === '/hang') response.write('first');
    else if (url.pathname === '/cut') response.write('first', () => setImmediate(() => request.socket.destroy()));
    else if (url.pathname !== '/silent') {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => {
        const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
        const seen = { backend: name, method: request.method ?? '', url: request.url ?? '', headers, bytes };
        requests.push(seen);
        const body = JSON.stringify(seen);
        response.setHeader('content-type', 'application/json');
        response.setHeader('content-length', Buffer.byteLength(body));
        response.end(request.method === 'HEAD' ? undefined : body);
      });
    }
  };
  const server = serverOf(protocol, tls, answer);
  server.listen(atPort, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    server.close();
    (server as Partial<{ closeAllConnections(): void }>).closeAllConnections?.();
  });
  return { port: (server.address() as { port: number }).port, requests, aborted };
}

type Answerer = (request: IncomingMessage, response: ServerResponse) => void;

function serverOf(protocol: 'http1' | 'http2', tls: SecureContextOptions & TlsOptions, answer: Answerer): Server {
  // Node's HTTP/2 answers with the same methods, of a type of its own.
  const overHttp2 = answer as unknown as Parameters<typeof createHttp2>[1] & object;
  if (tls.cert === undefined) return protocol === 'http1' ? createHttp1(answer) : createHttp2(overHttp2);
  return protocol === 'http1' ? createHttps(tls, answer) : createSecureHttp2(tls, overHttp2);
}
