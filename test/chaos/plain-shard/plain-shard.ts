import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { StaleToken, type StoredDocument } from '../../../src/shard/document-store.ts';
import { DOCUMENTS, framed, unframed } from '../clients/wire.ts';
import type { CallLog } from './call-log.ts';
import type { DocumentsInMemory } from './documents-in-memory.ts';
import { type Guard, type NotServed, servesAll, type Work } from './guard.ts';
import { textFrame } from './web-socket.ts';

/** `status: SERVING`, as grpc.health.v1 has it. */
const SERVING = Buffer.from([0x08, 0x01]);

/** What the router, or the client, says of a request. */
interface Asked {
  readonly version: number;
  readonly call: string | null;
  readonly delayMs: number;
}

/**
 * A backend that knows nothing of Keyway, unless it has a guard: gRPC's Documents, and WebSockets that tell of changes, in cleartext HTTP/2. It
 * serves whatever it is asked for, takes its time for it, and carries out what it has begun whether or not somebody waits.
 */
export class PlainShard {
  readonly #documents: DocumentsInMemory;
  readonly #log: CallLog;
  readonly #guard: Guard;
  readonly #server = createServer({ settings: { enableConnectProtocol: true } });

  constructor(documents: DocumentsInMemory, log: CallLog, guard = servesAll) {
    this.#documents = documents;
    this.#log = log;
    this.#guard = guard;
    this.#server.on('stream', (stream, headers) => this.#onStream(stream as ServerHttp2Stream, headers));
    this.#server.on('session', (session) => session.on('error', () => {}));
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, host, resolve));
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => {});
    const asked: Asked = {
      version: Number(headers['x-keyway-version'] ?? 0),
      call: (headers['x-call'] as string | undefined) ?? null,
      delayMs: Number(headers['x-delay'] ?? 0),
    };
    const path = headers[':path'] ?? '';
    if (headers[':method'] === 'CONNECT') {
      void this.#webSocket(stream, String(headers['x-shard-key']), path, asked);
      return;
    }
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const [message] = unframed(Buffer.concat(parts)).messages;
      // What was cut off is no request.
      if (message === undefined || stream.aborted) refuse(stream, status.INTERNAL, 'the request is not whole');
      else if (path.endsWith('/Check')) answer(stream, SERVING);
      else if (path.endsWith('/Watch')) void this.#watch(stream, message, asked);
      else void this.#unary(stream, path.endsWith('/Put') ? 'put' : 'get', message, asked);
    });
  }

  async #unary(stream: ServerHttp2Stream, operation: 'get' | 'put', message: Buffer, asked: Asked): Promise<void> {
    const { requestDeserialize } = DOCUMENTS[operation === 'put' ? 'Put' : 'Get'] as Method;
    const request = requestDeserialize(message) as DocumentRequest;
    const work = await this.#guard.begin(request.key, asked.version);
    if ('kind' in work) {
      refuse(stream, ...refusalOf(work));
      return;
    }
    await this.#documents.alone(request.key, () => this.#carryOut(stream, operation, request, asked, work));
    work.end();
  }

  async #carryOut(
    stream: ServerHttp2Stream,
    operation: 'get' | 'put',
    { key, value }: DocumentRequest,
    { call, delayMs }: Asked,
    { version, mayGoOn }: Work,
  ): Promise<void> {
    const { responseSerialize } = DOCUMENTS[operation === 'put' ? 'Put' : 'Get'] as Method;
    const id = this.#log.begin(operation, key, version, call);
    const isGone = (): boolean => stream.destroyed || stream.closed;
    try {
      if (!mayGoOn()) throw new TimeIsOver();
      const read = operation === 'get' ? this.#documents.read(key, version) : null;
      await pause(delayMs);
      if (!mayGoOn()) throw new TimeIsOver();
      const document = operation === 'get' ? read : this.#documents.write(key, value, version);
      this.#log.end(id, true, document?.revision ?? 0, isGone());
      if (document === null) refuse(stream, status.NOT_FOUND, `there is no document ${key}`);
      else answer(stream, responseSerialize(document));
    } catch (error) {
      this.#log.end(id, false, 0, isGone());
      refuseFor(stream, error);
    }
  }

  async #watch(stream: ServerHttp2Stream, message: Buffer, asked: Asked): Promise<void> {
    const { requestDeserialize, responseSerialize } = DOCUMENTS.Watch as Method;
    const { key, afterRevision } = requestDeserialize(message) as { key: string; afterRevision?: number };
    const work = await this.#guard.begin(key, asked.version);
    if ('kind' in work) {
      refuse(stream, ...refusalOf(work));
      return;
    }
    let ending = status.OK;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(ending) }));
    const send = (kind: string, document: StoredDocument): void => {
      stream.write(framed(responseSerialize({ kind, document })));
    };
    this.#follow(stream, key, afterRevision ?? null, asked, work, send);
    work.onLost(() => {
      ending = status.UNAVAILABLE;
      stream.end();
    });
  }

  /** `/live?after=REVISION`: the same as text messages of JSON. */
  async #webSocket(stream: ServerHttp2Stream, key: string, path: string, asked: Asked): Promise<void> {
    const after = new URL(path, 'ws://shard').searchParams.get('after');
    const work = await this.#guard.begin(key, asked.version);
    if ('kind' in work) {
      const stale = work.kind === 'stale' ? { 'x-keyway-stale': String(work.version) } : {};
      if (!stream.destroyed)
        stream.respond({ ':status': work.kind === 'stale' ? 421 : 503, ...stale }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200 });
    stream.resume();
    stream.on('end', () => stream.end());
    this.#follow(stream, key, after === null ? null : Number(after), asked, work, (kind, { revision, value }) => {
      stream.write(textFrame(JSON.stringify({ kind, revision, value: Buffer.from(value).toString('latin1') })));
    });
    work.onLost(() => stream.close());
  }

  /** A snapshot, or what came after a revision; and then each change. All of it is one turn: no change falls between. */
  #follow(
    stream: ServerHttp2Stream,
    key: string,
    after: number | null,
    { call }: Asked,
    work: Work,
    send: (kind: 'SNAPSHOT' | 'PUT', document: StoredDocument) => void,
  ): void {
    const { version } = work;
    const id = this.#log.begin('watch', key, version, call);
    if (after === null)
      send('SNAPSHOT', this.#documents.read(key, version) ?? { key, value: Buffer.alloc(0), revision: 0 });
    else for (const document of this.#documents.changesAfter(key, after)) send('PUT', document);
    const stop = this.#documents.watch(key, (document) => send('PUT', document));
    const end = (): void => {
      stop();
      this.#log.end(id, true, 0, true);
      work.end();
    };
    // Its client may have gone while this was asked for.
    if (stream.destroyed || stream.closed) end();
    else stream.on('close', end);
  }
}

interface DocumentRequest {
  readonly key: string;
  readonly value: Buffer;
}

/** The time for which it may serve ended while it was at work. */
class TimeIsOver extends Error {
  override readonly message = 'this shard may not serve now';
}

type Method = (typeof DOCUMENTS)[string];

function answer(stream: ServerHttp2Stream, message: Buffer): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status.OK) }));
  stream.end(framed(message));
}

/** A store that is shown versions knows what is past, also where its shard does not: the router is told, and asks who has it now. */
function refuseFor(stream: ServerHttp2Stream, error: unknown): void {
  if (error instanceof StaleToken) refuse(stream, ...refusalOf({ kind: 'stale', version: error.version }));
  else refuse(stream, error instanceof TimeIsOver ? status.UNAVAILABLE : status.INTERNAL, (error as Error).message);
}

function refusalOf(fault: NotServed): [code: status, details: string, more: OutgoingHttpHeaders] {
  if (fault.kind === 'unknown') return [status.UNAVAILABLE, 'this shard may not serve now', {}];
  return [
    status.FAILED_PRECONDITION,
    `by version ${fault.version} another shard has it`,
    { 'x-keyway-stale': String(fault.version) },
  ];
}

function refuse(stream: ServerHttp2Stream, code: status, details: string, more: OutgoingHttpHeaders = {}): void {
  if (stream.destroyed || stream.closed) return;
  const fields = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(code) };
  stream.respond({ ...fields, 'grpc-message': encodeURIComponent(details), ...more }, { endStream: true });
}
