import { createServer, type Server } from 'node:http';
import { listening } from './listening.ts';

/** Serves the metrics of a process that is no router: `/metrics`, and `/healthz`. */
export class MetricsServer {
  readonly #server: Server;

  /** @param text what Prometheus reads */
  constructor(text: () => Promise<string>) {
    this.#server = createServer((request, response) => {
      const answer = async (): Promise<readonly [status: number, body: string]> => {
        if (request.url === '/healthz') return [200, 'ok\n'];
        return request.url === '/metrics' ? [200, await text()] : [404, 'there are /metrics, /healthz\n'];
      };
      answer().then(
        ([status, body]) =>
          response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(body),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }

  /** @returns the port */
  listen(host: string, port: number): Promise<number> {
    return listening(this.#server, host, port);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
