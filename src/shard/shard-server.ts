import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { DocumentStore } from './document-store.ts';
import { DocumentWatches } from './document-watches.ts';
import { DocumentsClient, documentsPackage } from './documents-proto.ts';
import { documentsService } from './documents-service.ts';

const SERVICE = 'keyway.shard.v1.Documents';

export interface ShardServerOptions {
  readonly id: string;
  /** `host:port`; port 0 has the system choose. */
  readonly address: string;
  /** The SQLite file. */
  readonly file: string;
}

/** The reference shard: documents with watch, health and reflection, over gRPC. */
export class ShardServer {
  readonly #server = new Server();
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING', [SERVICE]: 'NOT_SERVING' });
  readonly #store: DocumentStore;
  readonly #address: string;

  constructor(options: ShardServerOptions) {
    this.#address = options.address;
    this.#store = new DocumentStore(options.file);
    this.#server.addService(DocumentsClient.service, documentsService(options.id, this.#store, new DocumentWatches()));
    this.#health.addToServer(this.#server);
    new ReflectionService(documentsPackage).addToServer(this.#server);
  }

  /** @returns the port */
  async start(): Promise<number> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.#address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    this.#setHealth('SERVING');
    return port;
  }

  /** Ends in order: calls in flight get the grace, watches are ended after it. */
  async stop(graceMs: number): Promise<void> {
    this.#setHealth('NOT_SERVING');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#store.close();
  }

  #setHealth(state: 'SERVING' | 'NOT_SERVING'): void {
    this.#health.setStatus('', state);
    this.#health.setStatus(SERVICE, state);
  }
}
