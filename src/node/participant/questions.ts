import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { z } from 'zod';
import { type CertificateFiles, ServerCertificates } from '../../io/index.ts';
import { addressText } from '../../runtime/address.ts';
import { limitedBody } from '../limited-body.ts';
import type { AskedAt } from './settings.ts';

const MAX_KEYS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** A connection that asks nothing is closed. */
const IDLE_MS = 60_000;
/** How often it is looked whether the certificate has changed. */
const REFRESH_MS = 5000;

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
  #server: Server | null = null;
  #refresh: NodeJS.Timeout | undefined;
  readonly #answer: (keys: readonly string[]) => KeysAnswer | null;
  readonly #onFault: (fault: string | null) => void;

  /**
   * @param answer null: what is known changes at this moment, and the backend should ask again
   * @param onFault called where a changed certificate cannot be used, which is why the one before is shown on; null once one can be
   */
  constructor(
    answer: (keys: readonly string[]) => KeysAnswer | null,
    onFault: (fault: string | null) => void = () => {},
  ) {
    this.#answer = answer;
    this.#onFault = onFault;
  }

  /** @returns the URL to ask at. @throws Error where the address cannot be had; TlsFileError */
  async listen({ host, port, certificate }: AskedAt): Promise<string> {
    const take = (request: IncomingMessage, response: ServerResponse): void => void this.#take(request, response);
    const server =
      certificate === null
        ? createServer({ keepAliveTimeout: IDLE_MS }, take)
        : this.#secureServer(certificate).on('request', take);
    this.#server = server.unref();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject).on('error', () => {});
        resolve();
      });
    });
    const bound = server.address() as { readonly port: number };
    return `${certificate === null ? 'http' : 'https'}://${addressText({ host, port: bound.port })}/owns`;
  }

  #secureServer(files: CertificateFiles): SecureServer {
    const minimumVersion = 'TLSv1.2' as const;
    const certificates = new ServerCertificates({ certificates: [files], minimumVersion });
    const server = createSecureServer({ ...certificates.defaultOptions, keepAliveTimeout: IDLE_MS });
    let told: string | null = null;
    this.#refresh = setInterval(() => {
      if (certificates.refresh()) server.setSecureContext(certificates.defaultOptions);
      const { fault } = certificates;
      if (fault !== told) this.#onFault(fault);
      told = fault;
    }, REFRESH_MS).unref();
    return server;
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
    clearInterval(this.#refresh);
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}
