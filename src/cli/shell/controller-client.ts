import { request } from 'undici';
import type { z } from 'zod';
import { checked } from '../../yaml/index.ts';
import { ShellFault } from './shell-fault.ts';

/** A failover is waited for for a minute. */
const LONGEST_MS = 90_000;
/** Far more than a cluster of a thousand nodes takes. */
const LARGEST_ANSWER_BYTES = 16 * 2 ** 20;
/** Controllers of Kvrocks send whoever asks to the one that leads. */
const MAX_HOPS = 3;

/** Where nothing was listening, nothing was done: another controller may be asked. */
const NOT_REACHED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

type Method = 'GET' | 'POST' | 'DELETE';

interface Received {
  readonly status: number;
  readonly text: string;
  readonly location: string | undefined;
}

/** Asks controllers by their REST interface: the first of them that can be reached. */
export class ControllerClient {
  readonly #origins: readonly string[];
  readonly #token: string | null;

  /** @param origins such as http://127.0.0.1:9379. @param token what they ask for; null: nothing */
  constructor(origins: readonly string[], token: string | null) {
    this.#origins = origins;
    this.#token = token;
  }

  /**
   * @param path below /api/v1
   * @returns what `data` is
   * @throws ShellFault where it is refused, or no controller can be reached
   */
  async ask<Schema extends z.ZodType>(
    schema: Schema,
    method: Method,
    path: string,
    body?: object,
  ): Promise<z.output<Schema>> {
    const faults: string[] = [];
    for (const origin of this.#origins)
      try {
        const { status, text } = await this.#follow(method, `${origin}/api/v1${path}`, body);
        return dataIn(schema, origin, status, text);
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (error instanceof ShellFault) throw error;
        faults.push(`${origin}: ${code || (error as Error).message}`);
        if (!NOT_REACHED.has(code)) break;
      }
    throw new ShellFault(`no controller answers: ${faults.join('; ')}`);
  }

  async #follow(method: Method, first: string, body: object | undefined): Promise<Received> {
    let url = first;
    for (let hop = 0; ; hop++) {
      const received = await this.#send(method, url, body);
      if (received.location === undefined || hop >= MAX_HOPS) return received;
      url = new URL(received.location, url).href;
    }
  }

  async #send(method: Method, url: string, body: object | undefined): Promise<Received> {
    // Whoever else is named learns no token.
    const isOurs = this.#origins.includes(new URL(url).origin);
    const {
      statusCode,
      headers,
      body: stream,
    } = await request(url, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.#token === null || !isOurs ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: LONGEST_MS,
      bodyTimeout: LONGEST_MS,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > LARGEST_ANSWER_BYTES)
        throw new ShellFault(`${url} answers with more than ${LARGEST_ANSWER_BYTES} bytes`);
      chunks.push(chunk);
    }
    const location = statusCode === 307 || statusCode === 308 ? headers.location : undefined;
    return {
      status: statusCode,
      text: Buffer.concat(chunks).toString('utf8'),
      location: typeof location === 'string' ? location : undefined,
    };
  }
}

interface Envelope {
  readonly data?: unknown;
  readonly error?: { readonly message?: unknown };
}

function dataIn<Schema extends z.ZodType>(
  schema: Schema,
  origin: string,
  status: number,
  text: string,
): z.output<Schema> {
  const { data = null, error } = envelopeIn(text) ?? {};
  if (status >= 400) throw new ShellFault(String(error?.message ?? `${origin} answers ${status}`));
  const found = checked(schema, data);
  if ('fault' in found) throw new ShellFault(`${origin} does not answer as a controller does: ${found.fault}`);
  return found.value;
}

/** Null where it is none. */
function envelopeIn(text: string): Envelope | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
