import { newInstance } from '../../registry/index.ts';
import type { ParticipantBackend, ParticipantCall, ParticipantReply, ParticipantStep } from './calls.ts';

/** The longest time for which requests are held for a change (`HandoffDriver`): an answer that comes later is of no use. */
const CALL_MS = 2000;

/** What is the same in all calls of an agent. */
export type CalledFor = Pick<ParticipantCall, 'namespace' | 'cluster' | 'shard' | 'ask'>;

/** What differs. */
export type CallDetails = Pick<ParticipantCall, 'backend' | 'version' | 'token' | 'serveUntilMs'> &
  Partial<Pick<ParticipantCall, 'to' | 'attempt' | 'moves'>>;

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

  /** The first call to a process of the backend: it follows this agent from now on, and serves nothing yet. @throws Error as `call` */
  hello(signal: AbortSignal): Promise<ParticipantReply> {
    return this.call('serve', { backend: '', version: 0, token: 0, serveUntilMs: 0 }, signal);
  }
}
