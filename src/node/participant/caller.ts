import { newInstance } from '../../registry/index.ts';
import {
  CALL_MS,
  type ParticipantBackend,
  type ParticipantCall,
  type ParticipantReply,
  type ParticipantStep,
} from './calls.ts';

/** What is the same in all calls of an agent. */
export type CalledFor = Pick<ParticipantCall, 'namespace' | 'cluster' | 'shard' | 'ask'>;

/** What differs. */
export type CallDetails = Pick<ParticipantCall, 'backend' | 'version' | 'token' | 'serveUntilMs'> &
  Partial<Pick<ParticipantCall, 'to' | 'attempt' | 'moves'>>;

/** Of the first call: the backend follows this agent from now on, and serves nothing. It answers once nothing is under way, nor in its memory. */
export const FIRST_CALL: CallDetails = { backend: '', version: 0, token: 0, serveUntilMs: 0 };

/** Calls a backend in the name of this agent, and numbers its calls. */
export class Caller {
  readonly agent: string = newInstance();
  readonly #backend: ParticipantBackend;
  readonly #calledFor: CalledFor;
  #sequence = 0;

  constructor(backend: ParticipantBackend, calledFor: CalledFor) {
    this.#backend = backend;
    this.#calledFor = calledFor;
  }

  /** Of the last call that was sent. */
  get sequence(): number {
    return this.#sequence;
  }

  /** @throws Error where it does not answer in time, or not what is understood */
  call(step: ParticipantStep, details: CallDetails, signal: AbortSignal): Promise<ParticipantReply> {
    this.#sequence++;
    const { agent, sequence } = this;
    const call = { agent, sequence, ...this.#calledFor, to: 0, attempt: 0, moves: null, ...details };
    return this.#backend.call(step, call, AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]));
  }
}
