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

/** Clocks run apart: the backend is given a little longer than it takes for us to end the call. */
const DEADLINE_MARGIN_MS = 1000;

/** A backend that is called by gRPC. */
export class GrpcBackend implements HousekeepingBackend {
  readonly #client: InstanceType<ServiceClientConstructor>;

  /** @param authorities PEM; null: cleartext */
  constructor(address: string, authorities: Buffer | null) {
    const { channel, options } =
      authorities === null
        ? { channel: credentials.createInsecure(), options: {} }
        : tlsChannel(address, { authorities });
    this.#client = new HousekeepingClient(address, channel, {
      'grpc.use_local_subchannel_pool': 1,
      ...DIRECT_CHANNEL,
      ...options,
    });
  }

  projects(signal: AbortSignal): Promise<string[]> {
    return allProjects((token) => this.#page(token, AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)])));
  }

  #page(pageToken: string, until: AbortSignal): Promise<ProjectsPage> {
    const list = this.#client.ListProjects as (...args: unknown[]) => ClientUnaryCall;
    return new Promise((resolve, reject) => {
      const call = list.call(this.#client, { pageToken }, (error: ServiceError | null, page: ProjectsPage) =>
        error === null ? resolve(page) : reject(faultOf(error)),
      );
      until.addEventListener('abort', () => call.cancel(), { once: true });
    });
  }

  run(task: string, run: Run): Promise<Progress> {
    const call = (this.#client.Run as (...args: unknown[]) => ClientReadableStream<RunProgress>).call(
      this.#client,
      requestOf(task, run),
      { deadline: run.deadlineMs + DEADLINE_MARGIN_MS },
    );
    const cancel = (): void => call.cancel();
    if (run.signal.aborted) cancel();
    run.signal.addEventListener('abort', cancel, { once: true });
    let progress = noProgress(run);
    const over = new Promise<Progress>((resolve, reject) => {
      call.on('data', (message: RunProgress) => {
        progress = progressOf(message);
        run.onProgress(progress);
      });
      call.on('end', () => resolve(progress));
      call.on('error', (error: ServiceError) => {
        if (run.signal.aborted) resolve(progress);
        else reject(error.code === status.FAILED_PRECONDITION ? staleRun(run) : faultOf(error));
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
