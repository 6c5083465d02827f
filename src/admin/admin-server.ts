import { createServer, type Server } from 'node:http';
import { RouterCounters } from '../router/index.ts';
import { renderMetrics, sumCounters } from './metrics.ts';

/** What the admin address tells of. */
export interface AdminSource {
  counters(): Promise<readonly RouterCounters[]>;
  /** Null while requests are taken; else why not. */
  notReadyBecause(): string | null;
}

/** Serves /healthz, /readyz and /metrics. */
export class AdminServer {
  readonly #server: Server;

  constructor(source: AdminSource) {
    this.#server = createServer((request, response) => {
      const answer = (status: number, type: string, text: string): void => {
        response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
        response.end(request.method === 'HEAD' ? undefined : text);
      };
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        answer(405, 'text/plain', 'only GET\n');
        return;
      }
      switch (request.url?.split('?')[0]) {
        case '/healthz':
          answer(200, 'text/plain', 'ok\n');
          return;
        case '/readyz': {
          const reason = source.notReadyBecause();
          answer(reason === null ? 200 : 503, 'text/plain', `${reason ?? 'ready'}\n`);
          return;
        }
        case '/metrics':
          source
            .counters()
            .then((threads) => renderMetrics(sumCounters(threads, new RouterCounters())))
            .then((text) => answer(200, 'text/plain; version=0.0.4; charset=utf-8', text))
            .catch((error: unknown) => answer(500, 'text/plain', `${String(error)}\n`));
          return;
        default:
          answer(404, 'text/plain', 'there are /healthz, /readyz and /metrics\n');
      }
    });
  }

  /** @returns the port */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
