import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import {
  type Answer,
  DEADLINE_MS,
  failed,
  fieldsOf,
  partsOf,
  type Request,
  succeeded,
  type Transport,
} from './transport.ts';
import { answerOf, pathOf, requestBytes, unframed } from './wire.ts';

/** gRPC by Node's own HTTP/2, whose content may go slowly. */
export class SlowTransport implements Transport {
  readonly #endpoint: string;
  #session: ClientHttp2Session | null = null;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  async call(request: Request): Promise<Answer> {
    const { operation, key, value, partsMs } = request;
    const stream = this.#connected().request({
      ...fieldsOf(request),
      ':method': 'POST',
      ':path': pathOf(operation === 'get' ? 'Get' : 'Put'),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), DEADLINE_MS);
    const answered = new Promise<Answer>((resolve) => {
      const parts: Buffer[] = [];
      let ending: IncomingHttpHeaders = {};
      let fault = 'the stream was reset';
      stream.on('response', (headers) => {
        ending = headers;
      });
      stream.on('trailers', (trailers) => {
        ending = trailers;
      });
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', (error) => {
        fault = error.message;
      });
      stream.on('close', () => {
        clearTimeout(timer);
        resolve(answer(operation, Buffer.concat(parts), ending, fault));
      });
    });
    for (const part of partsOf(requestBytes(operation, key, value), partsMs)) {
      if (stream.destroyed) break;
      stream.write(part);
      await pause(partsMs);
    }
    stream.end();
    return answered;
  }

  #connected(): ClientHttp2Session {
    const { destroyed = true, closed = true } = this.#session ?? {};
    if (this.#session !== null && !destroyed && !closed) return this.#session;
    const session = connect(`http://${this.#endpoint}`);
    session.on('error', () => {});
    session.on('goaway', () => session.close());
    this.#session = session;
    return session;
  }

  close(): void {
    this.#session?.destroy();
  }
}

function answer(operation: Request['operation'], content: Buffer, ending: IncomingHttpHeaders, fault: string): Answer {
  const given = ending['grpc-status'];
  if (given === undefined) return failed(fault);
  const code = Number(given);
  if (code === status.NOT_FOUND) return succeeded(null);
  const [message] = unframed(content).messages;
  if (code !== status.OK || message === undefined) return failed(`${status[code]}: ${ending['grpc-message'] ?? ''}`);
  return succeeded(answerOf(operation, message));
}
