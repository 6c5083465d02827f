import { fileURLToPath } from 'node:url';
import {
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Progress, Run } from '../../housekeeping/index.ts';
import { DIRECT_CHANNEL } from '../../runtime/direct-channel.ts';
import { shownText } from '../../runtime/shown-text.ts';
import { tlsChannel } from '../../runtime/tls-channel.ts';
import {
  allProjects,
  type HousekeepingBackend,
  LIST_TIMEOUT_MS,
  noProgress,
  type ProjectsPage,
  progressOf,
  type RunProgress,
  requestOf,
  staleRun,
} from './backend.ts';

const PROTO_FILE = fileURLToPath(new URL('../../../protos/keyway/housekeeping/v1/housekeeping.proto', import.meta.url));

const options = { longs: Number, enums: String, defaults: true };

/** The client class of keyway.housekeeping.v1.Housekeeping, and its service definition. */
export const HousekeepingClient = (
  loadPackageDefinition(loadSync(PROTO_FILE, options)) as unknown as {
    keyway: { housekeeping: { v1: { Housekeeping: ServiceClientConstructor } } };
  }
).keyway.housekeeping.v1.Housekeeping;

/**
 * A run may take longer than it takes to see that its backend's machine has gone without a word. Not more often than servers allow that count pings:
 * five minutes, by default, of grpc-go and grpc-java.
 */
const KEEPALIVE_MS = 5 * 60_000 + 5000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Clocks run apart: the backend is given a little longer than it takes for us to end the call. */
const DEADLINE_MARGIN_MS = 1000;

/** A backend that is called by gRPC. */
export class GrpcBackend implements HousekeepingBackend {
  readonly #connected: () => InstanceType<ServiceClientConstructor>;
  #client: InstanceType<ServiceClientConstructor>;

  /** @param authorities PEM; null: cleartext */
  constructor(address: string, authorities: Buffer | null) {
    const { channel, options } =
      authorities === null
        ? { channel: credentials.createInsecure(), options: {} }
        : tlsChannel(address, { authorities });
    this.#connected = () =>
      new HousekeepingClient(address, channel, {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.keepalive_time_ms': KEEPALIVE_MS,
        'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
        ...DIRECT_CHANNEL,
        ...options,
      });
    this.#client = this.#connected();
  }

  /**
   * The next call gets a connection of its own: on the one of a call that nothing came back for in time, all others may be lost as well. Those that are under
   * way there go on.
   */
  #giveUp(client: InstanceType<ServiceClientConstructor>): void {
    if (client !== this.#client) return;
    this.#client = this.#connected();
    client.close();
  }

  projects(signal: AbortSignal): Promise<string[]> {
    return allProjects((token) => this.#page(token, signal));
  }

  async #page(pageToken: string, signal: AbortSignal): Promise<ProjectsPage> {
    const client = this.#client;
    const late = AbortSignal.timeout(LIST_TIMEOUT_MS);
    const list = client.ListProjects as (...args: unknown[]) => ClientUnaryCall;
    const { promise, resolve, reject } = Promise.withResolvers<ProjectsPage>();
    const call = list.call(client, { pageToken }, (error: ServiceError | null, page: ProjectsPage) =>
      error === null ? resolve(page) : reject(faultOf(error)),
    );
    AbortSignal.any([signal, late]).addEventListener('abort', () => call.cancel(), { once: true });
    try {
      return await promise;
    } finally {
      if (late.aborted) this.#giveUp(client);
    }
  }

  run(task: string, run: Run): Promise<Progress> {
    const client = this.#client;
    const call = (client.Run as (...args: unknown[]) => ClientReadableStream<RunProgress>).call(
      client,
      requestOf(task, run),
      { deadline: run.deadlineMs + DEADLINE_MARGIN_MS },
    );
    const cancel = (): void => call.cancel();
    if (run.signal.aborted) cancel();
    run.signal.addEventListener('abort', cancel, { once: true });
    let progress = noProgress(run);
    let isAnswered = false;
    const onAnswer = (): void => {
      isAnswered = true;
    };
    call.on('metadata', onAnswer);
    const over = new Promise<Progress>((resolve, reject) => {
      call.on('data', (message: RunProgress) => {
        progress = progressOf(message);
        run.onProgress(progress);
      });
      call.on('end', () => resolve(progress));
      call.on('error', (error: ServiceError) => {
        if (run.signal.aborted) {
          if (!isAnswered) this.#giveUp(client);
          resolve(progress);
        } else reject(error.code === status.FAILED_PRECONDITION ? staleRun(run) : faultOf(error));
      });
    });
    return over.finally(() => run.signal.removeEventListener('abort', cancel));
  }

  close(): void {
    this.#client.close();
  }
}

function faultOf({ code, details }: ServiceError): Error {
  return new Error(`${status[code] ?? code}: ${shownText(details)}`);
}
