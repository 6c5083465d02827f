import { type ClientUnaryCall, credentials, type Metadata } from '@grpc/grpc-js';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import { DocumentsClient } from '../../../src/shard/index.ts';
import { keyed } from '../../support/echo-backend.ts';

type Method = (...args: unknown[]) => ClientUnaryCall;

const DEADLINE_MS = 10_000;

/** Has the projects' documents written, deleted and expired, and sessions opened, so that there is something to clean up. */
export class HousekeepingLoad {
  readonly #client: InstanceType<typeof DocumentsClient>;
  readonly #projects: readonly string[];
  readonly #random: () => number;
  #lastSuccessMs = Number.NEGATIVE_INFINITY;
  #stopping = false;

  constructor(endpoint: string, projects: readonly string[], random: () => number) {
    this.#client = new DocumentsClient(endpoint, credentials.createInsecure());
    this.#projects = projects;
    this.#random = random;
  }

  /** A document in every project. */
  async begin(): Promise<void> {
    for (const project of this.#projects) await this.#call('Put', `${project}/d`, { value: Buffer.from('v') });
  }

  async run(): Promise<void> {
    while (!this.#stopping) {
      const project = this.#projects[Math.floor(this.#random() * this.#projects.length)] as string;
      // One document of each project stays: without any the project would be none.
      const other = `${project}/${Math.floor(this.#random() * 5)}`;
      const kind = this.#random();
      const value = Buffer.from('v');
      const call =
        kind < 0.6
          ? this.#call('Put', this.#random() < 0.5 ? `${project}/d` : other, { value })
          : kind < 0.7
            ? this.#call('Put', other, { value, ttlMs: Math.ceil(2000 * this.#random()) })
            : kind < 0.8
              ? this.#call('Delete', other, {})
              : this.#call('OpenSession', project, { project, client: 'chaos' });
      const beganMs = machineClock();
      // What fails by a fault is no matter here.
      if (
        await call.then(
          () => true,
          () => false,
        )
      )
        this.#lastSuccessMs = beganMs;
    }
  }

  hasSucceededSince(ms: number): boolean {
    return this.#lastSuccessMs > ms;
  }

  stop(): void {
    this.#stopping = true;
  }

  close(): void {
    this.#client.close();
  }

  #call(method: string, key: string, request: object): Promise<void> {
    const metadata: Metadata = keyed(key);
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      const onAnswer = (error: Error | null): void => (error === null ? resolve() : reject(error));
      (this.#client[method] as Method).call(this.#client, { key, ...request }, metadata, { deadline }, onAnswer);
    });
  }
}
