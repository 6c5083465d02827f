import { fileURLToPath } from 'node:url';
import {
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { DIRECT_CHANNEL } from '../../runtime/direct-channel.ts';
import {
  MAX_ANSWER_BYTES,
  type ParticipantBackend,
  type ParticipantCall,
  type ParticipantReply,
  type ParticipantStep,
  participantReply,
} from './calls.ts';

const PROTO_FILE = fileURLToPath(new URL('../../../protos/keyway/handoff/v1/participant.proto', import.meta.url));

/** The client class of keyway.handoff.v1.Participant, and its service definition. */
export const ParticipantClient = (
  loadPackageDefinition(loadSync(PROTO_FILE, { longs: Number, defaults: true })) as unknown as {
    keyway: { handoff: { v1: { Participant: ServiceClientConstructor } } };
  }
).keyway.handoff.v1.Participant;

const METHODS = { serve: 'Serve', hold: 'Hold', commit: 'Commit', abort: 'Abort', drop: 'Drop' } as const;

/** A backend that is called by gRPC. */
export class GrpcParticipant implements ParticipantBackend {
  readonly #client: InstanceType<ServiceClientConstructor>;
  readonly #metadata = new Metadata();

  /**
   * @param address `host:port`. @param token shown as a bearer's; null: none
   * @param isTls whether it speaks TLS. @param authorities PEM; null: those that Node trusts
   */
  constructor(address: string, token: string | null, isTls: boolean, authorities: Buffer | null) {
    const channel = isTls ? credentials.createSsl(authorities) : credentials.createInsecure();
    if (token !== null) this.#metadata.set('authorization', `Bearer ${token}`);
    this.#client = new ParticipantClient(address, channel, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
      // One that comes back is called at once.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      ...DIRECT_CHANNEL,
    });
  }

  call(step: ParticipantStep, call: ParticipantCall, signal: AbortSignal): Promise<ParticipantReply> {
    const method = this.#client[METHODS[step]] as (...args: unknown[]) => ClientUnaryCall;
    const { promise, resolve, reject } = Promise.withResolvers<ParticipantReply>();
    const onAnswer = (error: ServiceError | null, answer: { readonly refused: boolean }): void => {
      signal.removeEventListener('abort', cancel);
      if (error !== null) reject(new Error(`${status[error.code] ?? error.code}: ${error.details}`, { cause: error }));
      else {
        const { success, data } = participantReply.safeParse(answer);
        if (success) resolve({ ...data, isRefused: answer.refused });
        else reject(new Error('its answer is not understood'));
      }
    };
    const sent = method.call(this.#client, call, this.#metadata, onAnswer);
    const cancel = (): void => sent.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    return promise;
  }

  close(): void {
    this.#client.close();
  }
}
