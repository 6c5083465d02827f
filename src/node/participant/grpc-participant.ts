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
import { shownText } from '../../runtime/shown-text.ts';
import { tlsChannel } from '../../runtime/tls-channel.ts';
import {
  CALL_MS,
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

/**
 * A connection to a machine that has gone without a word is given up within this and the time for an answer: each further call on it would be lost. Calls come
 * several times a second, and a server that counts pings (grpc-go's enforcement policy) counts those between two of its answers.
 */
const KEEPALIVE_MS = 2000;
const KEEPALIVE_TIMEOUT_MS = 1000;

/** Where it is, and how it is called there. */
export interface GrpcParticipantOptions {
  /** `host:port` */
  readonly address: string;
  /** Shown as a bearer's; null: none. */
  readonly token: string | null;
  /** Authorities for TLS, PEM; null: those that Node trusts. Undefined: it is called in cleartext. */
  readonly authorities: Buffer | null | undefined;
  readonly timeOfDayMs: () => number;
}

/** A backend that is called by gRPC. */
export class GrpcParticipant implements ParticipantBackend {
  readonly #client: InstanceType<ServiceClientConstructor>;
  readonly #metadata = new Metadata();
  readonly #token: string | null;
  readonly #timeOfDayMs: () => number;

  constructor({ address, token, authorities, timeOfDayMs }: GrpcParticipantOptions) {
    const { channel, options } =
      authorities === undefined
        ? { channel: credentials.createInsecure(), options: {} }
        : tlsChannel(address, { authorities });
    this.#token = token;
    this.#timeOfDayMs = timeOfDayMs;
    if (token !== null) this.#metadata.set('authorization', `Bearer ${token}`);
    this.#client = new ParticipantClient(address, channel, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      // One that comes back is called at once.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      ...DIRECT_CHANNEL,
      ...options,
    });
  }

  call(step: ParticipantStep, call: ParticipantCall, signal: AbortSignal): Promise<ParticipantReply> {
    const method = this.#client[METHODS[step]] as (...args: unknown[]) => ClientUnaryCall;
    const { promise, resolve, reject } = Promise.withResolvers<ParticipantReply>();
    const onAnswer = (error: ServiceError | null, answer: { readonly refused: boolean }): void => {
      signal.removeEventListener('abort', cancel);
      if (error !== null) reject(this.#faultOf(error));
      else {
        const { success, data } = participantReply.safeParse(answer);
        if (success) resolve({ ...data, isRefused: answer.refused });
        else reject(new Error('its answer is not understood'));
      }
    };
    // The backend is told for how long its answer is of use.
    const options = { deadline: this.#timeOfDayMs() + CALL_MS };
    const sent = method.call(this.#client, call, this.#metadata, options, onAnswer);
    const cancel = (): void => sent.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    return promise;
  }

  #faultOf(error: ServiceError): Error {
    return new Error(`${status[error.code] ?? error.code}: ${shownText(error.details, this.#token)}`, { cause: error });
  }

  close(): void {
    this.#client.close();
  }
}
