import { metrics, text } from './answer.ts';
import { GuardedServer } from './guarded-server.ts';

/** Serves the metrics of a process that is no router: `/metrics`, and `/healthz`. */
export class MetricsServer {
  readonly #server: GuardedServer;

  /** @param all what Prometheus reads */
  constructor(all: () => Promise<string>) {
    this.#server = new GuardedServer(
      {
        bearsToken: () => false,
        answer: async ({ path }) => {
          if (path === '/healthz') return text(200, 'ok');
          return path === '/metrics' ? metrics(await all()) : text(404, 'there are /metrics, /healthz');
        },
      },
      [],
    );
  }

  /** @returns the port */
  listen(host: string, port: number): Promise<number> {
    return this.#server.listen(host, port);
  }

  close(): void {
    this.#server.close();
  }
}
