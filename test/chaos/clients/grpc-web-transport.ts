import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
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

/** gRPC-Web over HTTP/1.1, whose content may go slowly. */
export class GrpcWebTransport implements Transport {
  readonly #endpoint: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  async call(request: Request): Promise<Answer> {
    const { operation, key, value, partsMs } = request;
    const content = requestBytes(operation, key, value);
    const sent = httpRequest(`http://${this.#endpoint}${pathOf(operation === 'get' ? 'Get' : 'Put')}`, {
      method: 'POST',
      agent: this.#agent,
      headers: {
        ...fieldsOf(request),
        'content-type': 'application/grpc-web+proto',
        'content-length': content.length,
        'x-grpc-web': '1',
      },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const answered = new Promise<Answer>((resolve) => {
      sent.on('response', (response) => void read(response, operation).then(resolve));
      sent.on('error', (error) => resolve(failed(error.message)));
    });
    for (const part of partsOf(content, partsMs)) {
      sent.write(part);
      await pause(partsMs);
    }
    sent.end();
    return answered;
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function read(response: IncomingMessage, operation: Request['operation']): Promise<Answer> {
  try {
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    const { messages, trailers } = unframed(Buffer.concat(parts));
    const of = (name: string): string | undefined =>
      trailers?.get(name) ?? (response.headers[name] as string | undefined);
    const code = Number(of('grpc-status') ?? Number.NaN);
    if (code === status.NOT_FOUND) return succeeded(null);
    if (code !== status.OK || messages[0] === undefined)
      return failed(`HTTP ${response.statusCode}, ${status[code] ?? 'no status'}: ${of('grpc-message') ?? ''}`);
    return succeeded(answerOf(operation, messages[0]));
  } catch (error) {
    return failed((error as Error).message);
  }
}
