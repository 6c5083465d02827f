import { type ChildProcess, fork } from 'node:child_process';

/**
 * A shard that ended by itself is started again after this long: a user who kills one has the time to see, by hand and
 * on a busy machine too, what its clients see meanwhile.
 */
const RESTART_MS = 10_000;

/** What the shards of a cluster have in common. */
export interface ShardProcessOptions {
  /** The file of the `keyway` command. */
  readonly command: string;
  readonly cluster: string;
  /** Where the registry is served. */
  readonly registry: string;
  /** The database that the shards share. */
  readonly file: string;
  /** Called with what becomes of a shard that ends by itself. */
  readonly onNews: (news: string) => void;
}

/** A reference shard in a process of its own, started again when it ends by itself after it has come up. */
export class ShardProcess {
  readonly id: string;
  readonly address: string;
  readonly #options: ShardProcessOptions;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | undefined;
  #hasListened = false;
  #stopping = false;

  constructor(id: string, port: number, options: ShardProcessOptions) {
    this.id = id;
    this.address = `127.0.0.1:${port}`;
    this.#options = options;
  }

  /** Of the process that runs, or ran last. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves once it listens. */
  start(): Promise<void> {
    const { command, cluster, registry, file } = this.#options;
    const where = ['--id', this.id, '--listen', this.address, '--data', file];
    const child = fork(command, ['backend', ...where, '--cluster', cluster, '--registry', registry], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // A Ctrl-C goes to the whole foreground group: the shards have to outlive the router's draining.
      detached: true,
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      child.once('message', () => {
        this.#hasListened = true;
        resolve();
      });
      child.once('exit', (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        reject(new Error(`shard ${this.id} ${how}`));
        if (this.#hasListened && !this.#stopping) this.#startAgain(`shard ${this.id} (pid ${child.pid}) ${how}`);
      });
    });
  }

  #startAgain(why: string): void {
    this.#options.onNews(`${why}; it is started again in ${RESTART_MS / 1000} s`);
    this.#restart = setTimeout(() => {
      this.start().then(
        () => this.#options.onNews(`shard ${this.id} is back, pid ${this.pid}`),
        () => {
          // Its exit has said so already, and the next attempt is under way.
        },
      );
    }, RESTART_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    });
  }
}
