import { type ClientUnaryCall, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type DocumentMessage, DocumentsClient, type RevisionMessage } from '../../../src/shard/index.ts';
import { type Answer, DEADLINE_MS, failed, fieldsOf, type Request, succeeded, type Transport } from './transport.ts';

export type Client = InstanceType<typeof DocumentsClient>;
type Unary = (...args: unknown[]) => ClientUnaryCall;

/** A connection of its own for each client: no retries but its own. */
export function connect(endpoint: string): Client {
  return new DocumentsClient(endpoint, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.max_reconnect_backoff_ms': 200,
    'grpc.initial_reconnect_backoff_ms': 50,
  });
}

export function metadataOf(fields: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return metadata;
}

/** gRPC's own client. */
export class GrpcTransport implements Transport {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = connect(endpoint);
  }

  call(request: Request): Promise<Answer> {
    const { operation, key, value } = request;
    const method = this.#client[operation === 'get' ? 'Get' : 'Put'] as Unary;
    return new Promise((resolve) => {
      const onAnswer = (error: ServiceError | null, answer?: DocumentMessage | RevisionMessage): void => {
        // That there is no such document yet is an answer.
        if (error === null || error.code === status.NOT_FOUND) resolve(succeeded(answer ?? null));
        else resolve(failed(`${status[error.code]}: ${error.details}`));
      };
      const options = { deadline: Date.now() + DEADLINE_MS };
      method.call(this.#client, { key, value }, metadataOf(fieldsOf(request)), options, onAnswer);
    });
  }

  close(): void {
    this.#client.close();
  }
}
