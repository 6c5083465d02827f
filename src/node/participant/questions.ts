import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { limitedBody } from '../limited-body.ts';

const MAX_KEYS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** A connection that asks nothing is closed. */
const IDLE_MS = 60_000;

const question = z.object({ keys: z.array(z.string()).max(MAX_KEYS) });

/** Which keys are a backend's own, at one moment. */
export interface KeysAnswer {
  /** Of the last call that was sent to the backend before that moment. */
  readonly sequence: number;
  /** In the order of the question; 0: it is this shard's; the version by which another one has it, or is about to; or -1 where nobody is known to have it. */
  readonly lostBy: readonly number[];
}

/** Answers a backend's questions about its keys, so that it need not know how they are placed: `POST /owns`. */
export class Questions {
  readonly #server: Server;
  readonly #answer: (keys: readonly string[]) => KeysAnswer | null;

  /** @param answer null: what is known changes at this moment, and the backend should ask again */
  constructor(answer: (keys: readonly string[]) => KeysAnswer | null) {
    this.#answer = answer;
    this.#server = createServer(
      { keepAliveTimeout: IDLE_MS },
      (request, response) => void this.#take(request, response),
    );
    this.#server.unref();
  }

  /** @returns the URL to ask at. @throws Error where the address cannot be had */
  async listen({ host, port }: HostPort): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject).on('error', () => {});
        resolve();
      });
    });
    const bound = this.#server.address() as { readonly port: number };
    return `http://${addressText({ host, port: bound.port })}/owns`;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: object): void => {
      const text = JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      response.end(text);
    };
    if (request.method !== 'POST' || request.url !== '/owns') {
      send(404, { error: 'there is POST /owns' });
      return;
    }
    // A page in a browser cannot send this without being asked first (CORS, "simple" content types).
    if (request.headers['content-type']?.split(';', 1)[0] !== 'application/json') {
      send(415, { error: 'content-type has to be application/json' });
      return;
    }
    try {
      const { keys } = question.parse(JSON.parse(await limitedBody(request, MAX_BYTES)));
      const answer = this.#answer(keys);
      if (answer === null) send(503, { error: 'ask again' });
      else send(200, answer);
    } catch (error) {
      // What follows of a content that is too long is not read.
      response.setHeader('connection', 'close');
      send(400, {
        error: `write {"keys": [...]}, of up to ${MAX_KEYS} keys and ${MAX_BYTES} bytes`,
        why: String(error),
      });
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
