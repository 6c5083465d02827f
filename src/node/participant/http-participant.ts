import { Agent, request } from 'undici';
import { shownText } from '../../runtime/shown-text.ts';
import { limitedBody } from '../limited-body.ts';
import {
  MAX_ANSWER_BYTES,
  type ParticipantBackend,
  type ParticipantCall,
  type ParticipantReply,
  type ParticipantStep,
  participantReply,
} from './calls.ts';

const CONFLICT = 409;
const CONNECT_MS = 1000;

/** A backend that is called by HTTP: `POST <url>/hold` and so on, with JSON both ways. Redirects are not followed. */
export class HttpParticipant implements ParticipantBackend {
  readonly #url: string;
  readonly #token: string | null;
  readonly #dispatcher: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param token shown as a bearer's; null: none. @param authorities PEM; null: those that Node trusts */
  constructor(url: string, token: string | null, authorities: Buffer | null) {
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#headers = { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) };
    const ca = authorities === null ? {} : { ca: authorities };
    // Each call has its own limit.
    this.#dispatcher = new Agent({ connect: { timeout: CONNECT_MS, ...ca }, headersTimeout: 0, bodyTimeout: 0 });
  }

  async call(step: ParticipantStep, call: ParticipantCall, signal: AbortSignal): Promise<ParticipantReply> {
    const { statusCode, body } = await request(`${this.#url}/${step}`, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify(call),
      signal,
      dispatcher: this.#dispatcher,
    });
    const text = await limitedBody(body, MAX_ANSWER_BYTES);
    if (statusCode !== 200 && statusCode !== CONFLICT)
      throw new Error(`it answers ${statusCode}: ${shownText(text, this.#token)}`);
    return { ...this.#parsed(text), isRefused: statusCode === CONFLICT };
  }

  #parsed(text: string): Omit<ParticipantReply, 'isRefused'> {
    try {
      return participantReply.parse(JSON.parse(text));
    } catch (cause) {
      throw new Error(`its answer is not understood: ${shownText(text, this.#token)}`, { cause });
    }
  }

  close(): void {
    void this.#dispatcher.destroy();
  }
}
