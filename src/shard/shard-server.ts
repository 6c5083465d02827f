import { type AddressInfo, createServer, type Server as NetServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { type Ownership, ownerOfAll, RegisteredOwnership } from '../ownership/index.ts';
import type { MemberProcess, Registry } from '../registry/index.ts';
import { addressText, type HostPort } from '../runtime/address.ts';
import type { TopologyName, TopologyVersion } from '../topology/index.ts';
import { DocumentStore } from './document-store.ts';
import { DocumentWatches } from './document-watches.ts';
import { DocumentsClient, documentsPackage } from './documents-proto.ts';
import { documentsService } from './documents-service.ts';
import { ShardHousekeeping, type ShardHousekeepingOptions } from './housekeeping/index.ts';
import { OperationLog } from './operation-log.ts';
import { Sessions } from './sessions.ts';

const SERVICE = 'keyway.shard.v1.Documents';

export interface ShardServerOptions {
  readonly id: string;
  /** The SQLite file. */
  readonly file: string;
  /** Takes part in a cluster of a registry: serves what it owns there, and nothing else. */
  readonly registration?: ShardRegistration | undefined;
  /** A file that every operation is written down in. */
  readonly operationLog?: string | undefined;
  /** Milliseconds of the machine's clock. */
  readonly clock: () => number;
  readonly process: MemberProcess;
}

/** How it takes part in a cluster. */
export interface ShardRegistration {
  readonly registry: Registry;
  readonly name: TopologyName;
  readonly nodeId: string;
  readonly leaseMs: number;
  /** Null: it takes no part in the housekeeping of its cluster. */
  readonly housekeeping: ShardHousekeepingOptions | null;
}

/** A socket for a shard, and where it listens. */
export interface ListeningSocket {
  readonly listener: NetServer;
  /** With the port that the system chose, where it was asked to. */
  readonly address: HostPort;
}

/**
 * Listens. Not by gRPC's `bindAsync`, which writes to standard error where an address cannot be had, and does not say why.
 * @throws Error where the address cannot be had
 */
export async function listenForShard({ host, port }: HostPort): Promise<ListeningSocket> {
  const listener = createServer({ noDelay: true });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject).listen(port, host, () => resolve());
  });
  // One that cannot be accepted, for want of a descriptor say, is lost alone.
  listener.on('error', () => {});
  return { listener, address: { host, port: (listener.address() as AddressInfo).port } };
}

/** The reference shard: documents with watch, health and reflection, over gRPC. */
export class ShardServer {
  readonly #server = new Server();
  readonly #listener: NetServer;
  /** Where it listens, and by which others find it. */
  readonly address: HostPort;
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING', [SERVICE]: 'NOT_SERVING' });
  readonly #store: DocumentStore;
  readonly #options: ShardServerOptions;
  readonly #watches = new DocumentWatches();
  readonly #log: OperationLog | null;
  readonly #sessions: Sessions;
  #registered: RegisteredOwnership | null = null;
  readonly #housekeeping: ShardHousekeeping | null;

  /**
   * Takes connections, and refuses their calls until it is started.
   * @param socket from this turn of the event loop: a connection that came before this would be lost
   */
  constructor(options: ShardServerOptions, { listener, address }: ListeningSocket) {
    this.#options = options;
    this.#listener = listener;
    this.address = address;
    const { id: shard, file, operationLog, clock, process } = options;
    this.#store = new DocumentStore(file);
    this.#log = operationLog === undefined ? null : new OperationLog(operationLog, shard, clock, process.pid);
    const ownership = this.#ownership();
    this.#sessions = new Sessions(file);
    const work = { shard, store: this.#store, watches: this.#watches, ownership, log: this.#log };
    const parts = { ...work, sessions: this.#sessions };
    const { registration } = options;
    this.#housekeeping =
      registration === undefined || registration.housekeeping === null
        ? null
        : new ShardHousekeeping({ ...work, file, clock }, registration, registration.housekeeping);
    this.#server.addService(DocumentsClient.service, documentsService(parts));
    this.#health.addToServer(this.#server);
    new ReflectionService(documentsPackage).addToServer(this.#server);
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    listener.on('connection', (socket) => injector.injectConnection(socket));
  }

  /** What it owns is known once it has registered; until then it serves nothing. */
  #ownership(): Ownership {
    const { registration, id: shard, clock, process } = this.#options;
    const address = addressText(this.address);
    if (registration === undefined) return ownerOfAll;
    const { registry, name, nodeId, leaseMs } = registration;
    const newest = this.#store.newestVersion() as TopologyVersion | 0;
    this.#registered = new RegisteredOwnership(
      registry,
      { name, shard, address, nodeId, leaseMs, process },
      clock,
      {
        onVersion: (version, shards, lost) => this.#store.begin(version, shards, lost),
        // What was in flight is done: an operation takes one turn, and this is another.
        onLost: (serves) => {
          this.#store.drop(serves);
          this.#watches.drop(serves);
        },
      },
      newest,
    );
    return this.#registered;
  }

  /** Resolves once it serves. */
  async start(): Promise<void> {
    await this.#registered?.start();
    this.#housekeeping?.start();
    this.#setHealth('SERVING');
  }

  /** Ends in order: calls in flight get the grace, watches are ended after it. */
  async stop(graceMs: number): Promise<void> {
    this.#setHealth('NOT_SERVING');
    this.#listener.close();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    await this.#housekeeping?.stop();
    try {
      await this.#registered?.stop();
    } finally {
      this.#sessions.dispose();
      this.#store.close();
      this.#log?.close();
      await this.#options.registration?.registry.close();
    }
  }

  #setHealth(state: 'SERVING' | 'NOT_SERVING'): void {
    this.#health.setStatus('', state);
    this.#health.setStatus(SERVICE, state);
  }
}
