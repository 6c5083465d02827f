import { AdminServer } from '../admin/index.ts';
import type { Config } from '../config/index.ts';
import { type RouterThreads, routerThreads } from '../router/index.ts';
import { UsageError } from './usage-error.ts';

/** A router with its admin address, as `keyway router` and `keyway dev` run it. */
export class RouterProcess {
  readonly #config: Config;
  readonly #threads: RouterThreads;
  readonly #admin: AdminServer;
  #notReady: string | null = 'starting';

  constructor(config: Config) {
    this.#config = config;
    this.#threads = routerThreads(config.workers, {
      listen: config.listen,
      routing: config.routing,
      limits: config.limits,
      clock: () => performance.now(),
      random: Math.random,
    });
    this.#admin = new AdminServer({
      counters: () => this.#threads.counters(),
      notReadyBecause: () => this.#notReady,
    });
  }

  /** @returns the ports in the config's order, and the admin port. @throws UsageError where an address cannot be had */
  async start(): Promise<{ ports: readonly number[]; adminPort: number }> {
    try {
      const { host, port } = this.#config.admin;
      const adminPort = await this.#admin.listen(host, port);
      const ports = await this.#threads.start();
      this.#notReady = null;
      return { ports, adminPort };
    } catch (cause) {
      throw new UsageError(listenFault(cause), { cause });
    }
  }

  /** Stops in order; see `Router.shutdown`. */
  async stop(): Promise<void> {
    this.#notReady = 'shutting down';
    await this.#threads.shutdown(this.#config.drainMs);
    this.#admin.close();
  }
}

function listenFault(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.includes('EADDRINUSE') ? `${message}; choose another address or stop what uses it` : message;
}
